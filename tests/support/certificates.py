"""Certificates of one's own making, and the Secrets that hold them."""

import base64
import datetime as dt
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
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


def self_signed(*names: str, days: tuple[float, float] = (-1, 30)) -> Certificate:
    """A certificate for these DNS names, valid from and until so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Certificate(made.public_bytes(serialization.Encoding.PEM), private, made.public_bytes(serialization.Encoding.DER))


@cache
def shared(*names: str) -> Certificate:
    """A certificate for these names, made once a run."""
    return self_signed(*names)


def names(der: bytes) -> Sequence[str]:
    """The DNS names that a certificate is for."""
    extension = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.DNSName)
