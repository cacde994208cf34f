"""Credentials that backends are sent: the secret of each, and a cluster that subscribes to it.

Envoy starts the subscription of a filter only while whatever holds the filter warms up, and a route, which holds ours, never
does. So each credential has a cluster without endpoints whose own filter names the same secret: it warms up until the secret is
there, before any route that sends it, and all filters that name a secret share one subscription. Sources: Envoy SDS, "Upstream
clusters"; HttpProtocolOptions.http_filters; CredentialInjector.
"""

from collections.abc import Mapping

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions
from envoy.extensions.filters.http.upstream_codec.v3.upstream_codec_pb2 import UpstreamCodec
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

from gatewright.api.meta import NamespacedName
from gatewright.features import credentials
from gatewright.flow import Read
from gatewright.graph.tables import ProxySecret, RouteKey
from gatewright.wire.clusters import HTTP_OPTIONS
from gatewright.wire.config_source import sds
from gatewright.wire.encoding import packed, serialised
from gatewright.wire.resource import CLUSTER, SECRET, Resource, resource
from gatewright.wire.secrets import credential


def secret_name(key: NamespacedName) -> str:
    """Name the SDS secret of the credential in a Secret."""
    return f"credential_injector/credential/{key}"


def render(read: Read, key: ProxySecret, routes: Mapping[RouteKey, None]) -> Resource:
    """Render one credential."""
    del routes
    name = secret_name(key.secret)
    message = secret_pb2.Secret(name=name, generic_secret=secret_pb2.GenericSecret(secret=credential(read, key.secret)))
    return resource(SECRET, name, serialised(message))


def render_subscriber(read: Read, key: ProxySecret, routes: Mapping[RouteKey, None]) -> Resource:
    """Render the cluster that subscribes to one credential."""
    del read, routes
    name = f"credential/{key.secret}"
    filters = [
        HttpFilter(name=credentials.NAME, typed_config=packed(credentials.injector(sds(secret_name(key.secret))))),
        HttpFilter(name="envoy.filters.http.upstream_codec", typed_config=packed(UpstreamCodec())),
    ]
    explicit = HttpProtocolOptions.ExplicitHttpConfig(http_protocol_options=Http1ProtocolOptions())
    cluster = Cluster(name=name, type=Cluster.STATIC)
    cluster.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(
        packed(HttpProtocolOptions(explicit_http_config=explicit, http_filters=filters))
    )
    return resource(CLUSTER, name, serialised(cluster))
