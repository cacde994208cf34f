"""TLS Secrets: whether certificate and key can serve, and for which hosts and how long.

The row of a Secret holds facts and no key material. Validity in time is a second row, so that the passing of time parses nothing
again and touches only what expires. Source: Gateway API GatewayTLSConfig.certificateRefs; Kubernetes Secret type
kubernetes.io/tls.
"""

import warnings
from datetime import UTC, datetime
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.utils import CryptographyDeprecationWarning

from gatewright.api.core import Secret
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.tables import NOW, ONLY

_SMALLEST_RSA: Final = 2048
_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")
TLS_SECRET: Final = "kubernetes.io/tls"  # noqa: S105 - a Secret type


class _MalformedError(ValueError):
    """What a Secret lacks, told without a byte of it."""


class CertificateFacts(msgspec.Struct, frozen=True):
    """What is known of one TLS Secret; `problem` says why it cannot serve. Times are Unix seconds."""

    problem: str = ""
    hosts: tuple[str, ...] = ()
    algorithm: str = ""
    not_before: int = 0
    not_after: int = 0

    def problem_at(self, now: int) -> str:
        """Why the certificate cannot serve at `now`; empty when it can."""
        if self.problem:
            return self.problem
        if now > self.not_after:
            return f"the certificate expired at {_instant(self.not_after)}"
        return f"the certificate is not valid before {_instant(self.not_before)}" if now < self.not_before else ""


def examine(read: Read, key: NamespacedName, secret: Secret) -> CertificateFacts | None:
    """Examine one Secret; None when it is not of the TLS type."""
    del read, key
    if secret.type != TLS_SECRET:
        return None
    try:
        return _examined(secret)
    except _MalformedError as error:
        return CertificateFacts(problem=str(error))
    except (ValueError, TypeError):  # what they say may quote what they read
        return CertificateFacts(problem="tls.crt or tls.key is not in PEM form, or is encrypted or malformed")


def problem(read: Read, key: NamespacedName, facts: CertificateFacts) -> str:
    """Why a TLS Secret cannot serve now; empty when it can."""
    del key
    now = read(NOW, ONLY)
    return facts.problem if now is None else facts.problem_at(now)


def _examined(secret: Secret) -> CertificateFacts:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # odd serial numbers are none of our business
        chain = x509.load_pem_x509_certificates(_entry(secret, "tls.crt"))
    private_key = serialization.load_pem_private_key(_entry(secret, "tls.key"), password=None)
    leaf = chain[0]
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    if leaf.public_key().public_bytes(serialization.Encoding.DER, public) != private_key.public_key().public_bytes(
        serialization.Encoding.DER, public
    ):
        return CertificateFacts(problem="tls.key does not belong to the certificate in tls.crt")
    if refused := _key_problem(private_key):
        return CertificateFacts(problem=refused)
    return CertificateFacts(
        hosts=_hosts(leaf),
        algorithm="RSA" if isinstance(private_key, rsa.RSAPrivateKey) else "EC",
        not_before=int(leaf.not_valid_before_utc.timestamp()),
        not_after=int(leaf.not_valid_after_utc.timestamp()),
    )


def _key_problem(private_key: PrivateKeyTypes) -> str:
    """Why Envoy (BoringSSL) would not serve with a key; empty when it would."""
    if isinstance(private_key, rsa.RSAPrivateKey):
        if private_key.key_size >= _SMALLEST_RSA:
            return ""
        return f"tls.key is an RSA key of {private_key.key_size} bits; Envoy takes {_SMALLEST_RSA} or more"
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        curve = private_key.curve.name
        return "" if curve in _CURVES else f"tls.key is of curve {curve}; Envoy takes {', '.join(_CURVES)}"
    return "tls.key is neither an RSA nor an EC key, which is what Envoy takes"


def _entry(secret: Secret, name: str) -> bytes:
    value = secret.decoded(name)
    if value is None:
        raise _MalformedError(f"the Secret has no {name}" if name not in secret.data else f"{name} is not base64")
    return value


def _hosts(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        common = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        names = [str(attribute.value) for attribute in common]
    return tuple(sorted({name.lower() for name in names}))


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
