"""Certificates of one's own making, and the Secrets that hold them."""

import base64
import datetime as dt
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID


class Certificate(NamedTuple):
    """A self-signed certificate and its key as PEM, and the certificate as clients see it (DER)."""

    certificate: bytes
    key: bytes
    der: bytes

    def secret(self, name: str, *, namespace: str = "default", key: bytes | None = None) -> str:
        """The document of a Secret that holds it; with `key`, another key than its own."""
        return f"""
apiVersion: v1
kind: Secret
metadata: {{name: {name}, namespace: {namespace}}}
type: kubernetes.io/tls
data:
  tls.crt: {base64.b64encode(self.certificate).decode()}
  tls.key: {base64.b64encode(key or self.key).decode()}
"""

    def config_map(self, name: str, *, namespace: str = "default") -> str:
        """The document of a ConfigMap that holds it as an authority."""
        text = self.certificate.decode().replace("\n", "\n    ").rstrip()
        return f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}, namespace: {namespace}}}
data:
  ca.crt: |
    {text}
"""

    @contextmanager
    def files(self) -> Iterator[Path]:
        """A file with certificate and key, for the ssl module, which reads nothing else."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "both.pem"
            path.write_bytes(self.certificate + self.key)
            yield path


def self_signed(*names: str, days: tuple[float, float] = (-1, 30), rsa_key: bool = False) -> Certificate:
    """A certificate for these DNS names, valid from and until so many days from now."""
    return _made(names, (), days, None, rsa_key=rsa_key)


def issued(authority: Certificate, *names: str, uris: Sequence[str] = ()) -> Certificate:
    """A certificate for these DNS names (the first is its common name) and URIs that an authority has signed."""
    return _made(names, uris, (-1, 30), authority, rsa_key=False)


def _made(
    names: Sequence[str], uris: Sequence[str], days: tuple[float, float], authority: Certificate | None, *, rsa_key: bool
) -> Certificate:
    key = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(dt.UTC)
    alternatives = [*(x509.DNSName(name) for name in names), *(x509.UniformResourceIdentifier(uri) for uri in uris)]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.load_der_x509_certificate(authority.der).subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .sign(_key(authority.key) if authority else key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Certificate(made.public_bytes(serialization.Encoding.PEM), private, made.public_bytes(serialization.Encoding.DER))


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


@cache
def shared(*names: str) -> Certificate:
    """A certificate for these names, made once a run."""
    return self_signed(*names)


def names(der: bytes) -> Sequence[str]:
    """The DNS names that a certificate is for."""
    extension = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.DNSName)
