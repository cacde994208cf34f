"""Makes an authority and what it signs, to try TLS in both directions with: `python certificates.py FOLDER > secrets.yaml`.

The Secrets and the ConfigMap for the gateway are printed; FOLDER gets what the demo backend and curl need.
"""

import base64
import datetime as dt
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PEM = serialization.Encoding.PEM
folder = Path(sys.argv[1])
authority_key = ec.generate_private_key(ec.SECP256R1())
AUTHORITY = "authority.example.com"


def signed(name: str, key: ec.EllipticCurvePrivateKey, *, authority: bool = False) -> bytes:
    """A certificate for one name and key, signed by the authority."""
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, AUTHORITY)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    return builder.sign(authority_key, hashes.SHA256()).public_bytes(PEM)


def identity(name: str) -> tuple[bytes, bytes]:
    """A certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return signed(name, key), private


def secret(name: str, certificate: bytes, key: bytes) -> str:
    """The Secret that holds them."""
    return f"""apiVersion: v1
kind: Secret
metadata:
  name: {name}
type: kubernetes.io/tls
data:
  tls.crt: {base64.b64encode(certificate).decode()}
  tls.key: {base64.b64encode(key).decode()}
---
"""


authority = signed(AUTHORITY, authority_key, authority=True)
folder.mkdir(parents=True, exist_ok=True)
(folder / "authority.pem").write_bytes(authority)
for own in ("backend", "alice"):
    path = folder / f"{own}.pem"
    path.touch(mode=0o600)
    path.write_bytes(b"".join(identity("backend.internal" if own == "backend" else own)))
sys.stdout.write(
    secret("www-example-com", *identity("www.example.com")) + secret("gateway-identity", *identity("gateway.internal"))
)
lines = authority.decode().replace("\n", "\n    ").rstrip()
sys.stdout.write(f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: authority\ndata:\n  ca.crt: |\n    {lines}\n")
