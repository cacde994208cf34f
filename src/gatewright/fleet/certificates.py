"""The certificates by which control plane, proxies and rate-limit service know each other, made and renewed by ourselves.

One private authority signs a certificate for each of them. Both are renewed after two thirds of their life. A new authority is
first only trusted, beside the old one; certificates are signed by it once that has reached everybody, so that nobody is ever
shown one that it does not know. Everything here is pure but for the keys' randomness: `now` is an argument, Secrets and files
are elsewhere. Names, Secrets and subject names are Envoy Gateway's.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER: Final = "envoy-gateway"
PROXY: Final = "envoy"
RATE_LIMIT: Final = "envoy-rate-limit"

AUTHORITY_LIFE: Final = timedelta(days=5 * 365)
LEAF_LIFE: Final = timedelta(days=365)
OVERLAP: Final = timedelta(hours=1)
"""How long a new authority is trusted before it signs: a kubelet brings a changed Secret to a Pod within two minutes or so."""
SKEW: Final = timedelta(days=1)
"""Certificates begin so long before they are made, for clocks that are late."""

_HMAC_BYTES: Final = 32


class Pair(msgspec.Struct, frozen=True):
    """A certificate and its private key, as PEM."""

    certificate: str
    key: str


class Authority(msgspec.Struct, frozen=True):
    """Who signs, who will sign next, and the certificates of those that did before and have not expired."""

    current: Pair
    following: Pair | None = None
    retired: tuple[str, ...] = ()

    @property
    def trusted(self) -> str:
        """PEM of all that are to be trusted."""
        following = (self.following.certificate,) if self.following else ()
        return "".join((self.current.certificate, *following, *self.retired))


class Certificates(msgspec.Struct, frozen=True):
    """All of one installation; `leaves` by the name of their Secret."""

    authority: Authority
    leaves: Mapping[str, Pair]


class Subject(msgspec.Struct, frozen=True):
    """Whom a certificate is for."""

    common_name: str
    names: tuple[str, ...]


def cluster_subjects(namespace: str, dns_domain: str = "cluster.local") -> dict[str, Subject]:
    """The certificates of an installation in a cluster."""
    server = (SERVER, f"{SERVER}.{namespace}", f"{SERVER}.{namespace}.svc", f"{SERVER}.{namespace}.svc.{dns_domain}")
    proxy = Subject("*", (f"*.{namespace}",))
    return {SERVER: Subject(SERVER, server), PROXY: proxy, RATE_LIMIT: proxy}


def local_subjects() -> dict[str, Subject]:
    """The certificates of an installation on one machine."""
    return {name: Subject("localhost", ("localhost",)) for name in (SERVER, PROXY, RATE_LIMIT)}


def hmac_key() -> bytes:
    """A new key by which OIDC cookies are signed."""
    return secrets.token_bytes(_HMAC_BYTES)


def renewed(found: Certificates | None, subjects: Mapping[str, Subject], now: datetime) -> Certificates:
    """The certificates that there should be at `now`; equal to what was found if that is good."""
    authority = _renewed_authority(found.authority if found else None, now)
    leaves = {
        name: pair
        if found and (pair := found.leaves.get(name)) and _is_good(pair, subject, authority.current, now)
        else _issue(subject, authority.current, now)
        for name, subject in subjects.items()
    }
    return Certificates(authority, leaves)


def next_renewal(certificates: Certificates) -> datetime:
    """When `renewed` will have something to do."""
    authority = certificates.authority
    begins = _made(authority.following) + OVERLAP if authority.following else _two_thirds(authority.current)
    leaves = (_two_thirds(pair) for pair in certificates.leaves.values())
    retired = (certificate.not_valid_after_utc for pem in authority.retired for certificate in _read(pem))
    return min((begins, *leaves, *retired))


def _renewed_authority(found: Authority | None, now: datetime) -> Authority:
    if found is None or not _signs(found.current, now):
        return Authority(_authority(now), retired=_unexpired(found.retired if found else (), now))
    retired = _unexpired(found.retired, now)
    if found.following is not None and now >= _made(found.following) + OVERLAP:
        return Authority(found.following, retired=(found.current.certificate, *retired))
    due = found.following is None and now >= _two_thirds(found.current)
    return Authority(found.current, _authority(now) if due else found.following, retired)


def _unexpired(pems: Iterable[str], now: datetime) -> tuple[str, ...]:
    return tuple(pem for pem in pems if any(certificate.not_valid_after_utc > now for certificate in _read(pem)))


def _signs(authority: Pair, now: datetime) -> bool:
    """Whether an authority can be used at all."""
    certificate, key = _first(authority), _key(authority)
    return certificate is not None and key is not None and certificate.not_valid_after_utc > now and _belong(certificate, key)


def _is_good(pair: Pair, subject: Subject, authority: Pair, now: datetime) -> bool:
    certificate, key, issuer = _first(pair), _key(pair), _first(authority)
    if certificate is None or key is None or issuer is None or now >= _two_thirds(pair) or not _belong(certificate, key):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return set(subject.names) == set(found.get_values_for_type(x509.DNSName))


def _belong(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> bool:
    return certificate.public_key() == key.public_key()


def _two_thirds(pair: Pair) -> datetime:
    certificate = _first(pair)
    if certificate is None:
        return datetime.fromtimestamp(0).astimezone()
    made = certificate.not_valid_before_utc + SKEW
    return made + (certificate.not_valid_after_utc - made) * 2 / 3


def _made(pair: Pair) -> datetime:
    certificate = _first(pair)
    return certificate.not_valid_before_utc + SKEW if certificate else datetime.fromtimestamp(0).astimezone()


def _first(pair: Pair) -> x509.Certificate | None:
    return next(_read(pair.certificate), None)


def _read(pem: str) -> Iterator[x509.Certificate]:
    try:
        yield from x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return


def _key(pair: Pair) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(pair.key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _authority(now: datetime) -> Pair:
    """A new authority, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVER), _serial_name()])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(name, name, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def _issue(subject: Subject, authority: Pair, now: datetime) -> Pair:
    """A new certificate for `subject`, good for servers and clients."""
    issuer, issuer_key = _first(authority), _key(authority)
    if issuer is None or issuer_key is None:
        raise ValueError("the authority cannot sign")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name)])
    life = min(LEAF_LIFE, issuer.not_valid_after_utc - now)
    certificate = (
        _builder(name, issuer.subject, key, now, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in subject.names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _pair(certificate, key)


def _serial_name() -> x509.NameAttribute[str]:
    """Tells authorities apart by their subject: verifiers look for an issuer by it."""
    return x509.NameAttribute(NameOID.SERIAL_NUMBER, secrets.token_hex(8))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), private)
