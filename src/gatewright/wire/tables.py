"""The tables of rendered configuration by name; what a proxy is sent are the `RESOURCES` tables."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from gatewright.flow import Ref
from gatewright.graph.tables import PortKey, ProxyBundle, ProxyCluster, ProxySecret, RouteConfigKey, RouteKey, VirtualHostKey
from gatewright.wire.resource import CLUSTER, EXTENSION, LISTENER, ROUTES, SECRET, Resource
from gatewright.wire.resource import ENDPOINTS as ENDPOINTS_TYPE

if TYPE_CHECKING:
    from gatewright.wire.entries import Entry, HostEntries, RenderedRoute
    from gatewright.wire.path_tree import LookedUpRoute
    from gatewright.wire.routes import VirtualHostBytes
    from gatewright.wire.streams import StreamRoute


class PathKey(NamedTuple):
    """A path of a host whose routes are looked up by path; empty for those that may match anywhere."""

    host: VirtualHostKey
    path: str


RENDERED: Ref[RouteKey, "RenderedRoute"] = Ref("rendered routes")
HOST_ENTRIES: Ref[VirtualHostKey, Mapping[RouteKey, "HostEntries"]] = Ref("route entries by host")
LOOKED_UP_HOSTS: Ref[VirtualHostKey, Literal[True]] = Ref("hosts looked up by path")
LOOKED_UP_ROUTES: Ref[RouteKey, "LookedUpRoute"] = Ref("routes looked up by path")
PATH_ENTRIES: Ref[PathKey, Mapping[RouteKey, "tuple[Entry, ...]"]] = Ref("route entries by path")
PATH_ROUTES: Ref[PathKey, int] = Ref("routes by path")
PATH_ROUTES_OF_HOST: Ref[VirtualHostKey, Mapping[str, int]] = Ref("routes by path, by host")
TREES: Ref[VirtualHostKey, Literal[True]] = Ref("hosts that are path trees")
LEAVES: Ref[PathKey, bytes] = Ref("leaves of path trees")
LEAVES_OF_HOST: Ref[VirtualHostKey, Mapping[str, bytes]] = Ref("leaves by host")
VIRTUAL_HOSTS: Ref[VirtualHostKey, "VirtualHostBytes"] = Ref("virtual hosts")
CONFIG_HOSTS: Ref[RouteConfigKey, Mapping[str, bytes]] = Ref("virtual hosts by route configuration")
STREAM_ROUTES: Ref[VirtualHostKey, Mapping[RouteKey, "StreamRoute"]] = Ref("stream routes by host")
STREAM_HOSTS: Ref[RouteConfigKey, Mapping[str, None]] = Ref("hosts of stream routes by listener")

CLUSTERS: Ref[ProxyCluster, Resource] = Ref("clusters")
ENDPOINTS: Ref[ProxyCluster, Resource] = Ref("endpoints")
TLS_SECRETS: Ref[ProxySecret, Resource] = Ref("TLS secrets")
CREDENTIALS: Ref[ProxySecret, Resource] = Ref("credentials")
CREDENTIAL_SUBSCRIBERS: Ref[ProxySecret, Resource] = Ref("clusters that subscribe to credentials")
CA_BUNDLES: Ref[ProxyBundle, Resource] = Ref("bundles of authorities")
LISTENERS: Ref[PortKey, Resource] = Ref("xDS listeners")
ROUTE_CONFIGS: Ref[RouteConfigKey, Resource] = Ref("route configurations")
STREAMS: Ref[VirtualHostKey, Resource] = Ref("stream filters")


RESOURCES: Final[tuple[Ref[Any, Resource], ...]] = (
    CLUSTERS,
    ENDPOINTS,
    TLS_SECRETS,
    CREDENTIALS,
    CREDENTIAL_SUBSCRIBERS,
    CA_BUNDLES,
    LISTENERS,
    ROUTE_CONFIGS,
    STREAMS,
)
TYPES: Final = (CLUSTER, ENDPOINTS_TYPE, SECRET, LISTENER, ROUTES, EXTENSION)  # of these tables, in their order
