"""TLS secrets for SDS: the certificates of HTTPS listeners, named `<namespace>/<name>` as their Secrets."""

from collections.abc import Iterator, Mapping

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, secret_pb2

from gatewright.api.core import Secret
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.listeners import PortFacts
from gatewright.graph.tables import SECRETS, ListenerKey, PortKey, ProxySecret
from gatewright.wire.encoding import serialised
from gatewright.wire.resource import SECRET, Resource, resource


def secret_name(key: NamespacedName) -> str:
    """Name an SDS secret after its Secret."""
    return str(key)


def uses(key: PortKey, port: PortFacts) -> Iterator[tuple[ProxySecret, ListenerKey, None]]:
    """Spread serving listeners over the secrets that they use."""
    for facts in port.serving:
        for secret in facts.tls.secrets if facts.tls else ():
            yield ProxySecret(key.proxy, secret), facts.key, None


def render(read: Read, key: ProxySecret, listeners: Mapping[ListenerKey, None]) -> Resource | None:
    """Render one TLS secret."""
    del listeners
    secret = read(SECRETS, key.secret)
    if secret is None:
        return None
    name = secret_name(key.secret)
    message = secret_pb2.Secret(name=name, tls_certificate=certificate(secret))
    return resource(SECRET, name, serialised(message))


def certificate(secret: Secret) -> common_pb2.TlsCertificate:
    """Return certificate and key of a Secret that has been examined."""
    return common_pb2.TlsCertificate(
        certificate_chain=DataSource(inline_bytes=secret.decoded("tls.crt") or b""),
        private_key=DataSource(inline_bytes=secret.decoded("tls.key") or b""),
    )
