"""Secrets for SDS: certificates with their keys, bundles of authorities, and credentials that backends are sent.

A certificate is named `<namespace>/<name>` as its Secret, whether clients are shown it or backends; a bundle as whatever refers
to its objects. What a secret holds is looked up here and nowhere else: listeners and clusters know names, so a rotation sends
one secret and touches no connection.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, secret_pb2

from gatewright.api.core import Secret
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph import authorities
from gatewright.graph.authorities import Certifying
from gatewright.graph.credentials import CREDENTIAL
from gatewright.graph.tables import SECRETS, PortKey, ProxyBundle, ProxyCluster, ProxySecret
from gatewright.wire.encoding import serialised
from gatewright.wire.resource import SECRET, Resource, resource

User: TypeAlias = PortKey | ProxyCluster


def secret_name(key: NamespacedName) -> str:
    """Name an SDS secret after its Secret."""
    return str(key)


def key_of(what: str, key: User) -> tuple[str, User]:
    """The key of a port or cluster among all that use secrets."""
    return what, key


def uses(key: tuple[str, User], user: Certifying) -> Iterator[tuple[ProxySecret, User, None]]:
    """Spread ports and clusters over the certificates that they show."""
    for secret in user.secrets:
        yield ProxySecret(key[1].proxy, secret), key[1], None


def bundle_uses(key: tuple[str, User], user: Certifying) -> Iterator[tuple[ProxyBundle, User, None]]:
    """Spread ports and clusters over the bundles that they trust."""
    for bundle in user.bundles:
        yield ProxyBundle(key[1].proxy, bundle), key[1], None


def render(read: Read, key: ProxySecret, users: Mapping[User, None]) -> Resource | None:
    """Render one certificate."""
    del users
    secret = read(SECRETS, key.secret)
    if secret is None:
        return None
    name = secret_name(key.secret)
    message = secret_pb2.Secret(name=name, tls_certificate=_certificate(secret))
    return resource(SECRET, name, serialised(message))


def render_bundle(read: Read, key: ProxyBundle, users: Mapping[User, None]) -> Resource:
    """Render one bundle of authorities."""
    del users
    trusted = DataSource(inline_bytes=authorities.pem(read, key.bundle.sources).encode())
    context = common_pb2.CertificateValidationContext(trusted_ca=trusted)
    return resource(SECRET, key.bundle.name, serialised(secret_pb2.Secret(name=key.bundle.name, validation_context=context)))


def _certificate(secret: Secret) -> common_pb2.TlsCertificate:
    """Return certificate and key of a Secret that has been examined."""
    return common_pb2.TlsCertificate(
        certificate_chain=DataSource(inline_bytes=secret.decoded("tls.crt") or b""),
        private_key=DataSource(inline_bytes=secret.decoded("tls.key") or b""),
    )


def credential(read: Read, key: NamespacedName) -> DataSource:
    """Return the credential of a Secret that has been examined; `wire.credentials` sends it."""
    secret = read(SECRETS, key)
    return DataSource(inline_bytes=(secret.decoded(CREDENTIAL) if secret else None) or b"")
