"""The tables of rendered configuration by name; what a proxy is sent are the five `RESOURCES` tables."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from gatewright.flow import Ref
from gatewright.graph.tables import PortKey, ProxyCluster, ProxySecret, RouteConfigKey, RouteKey, VirtualHostKey
from gatewright.wire.resource import CLUSTER, LISTENER, ROUTES, SECRET, Resource
from gatewright.wire.resource import ENDPOINTS as ENDPOINTS_TYPE

if TYPE_CHECKING:
    from gatewright.wire.routes import HostEntries, RenderedRoute, VirtualHostBytes

RENDERED: Ref[RouteKey, "RenderedRoute"] = Ref("rendered routes")
HOST_ENTRIES: Ref[VirtualHostKey, Mapping[RouteKey, "HostEntries"]] = Ref("route entries by host")
VIRTUAL_HOSTS: Ref[VirtualHostKey, "VirtualHostBytes"] = Ref("virtual hosts")
CONFIG_HOSTS: Ref[RouteConfigKey, Mapping[str, bytes]] = Ref("virtual hosts by route configuration")

CLUSTERS: Ref[ProxyCluster, Resource] = Ref("clusters")
ENDPOINTS: Ref[ProxyCluster, Resource] = Ref("endpoints")
TLS_SECRETS: Ref[ProxySecret, Resource] = Ref("TLS secrets")
LISTENERS: Ref[PortKey, Resource] = Ref("xDS listeners")
ROUTE_CONFIGS: Ref[RouteConfigKey, Resource] = Ref("route configurations")


RESOURCES: Final[tuple[Ref[Any, Resource], ...]] = (CLUSTERS, ENDPOINTS, TLS_SECRETS, LISTENERS, ROUTE_CONFIGS)
TYPES: Final = (CLUSTER, ENDPOINTS_TYPE, SECRET, LISTENER, ROUTES)  # of the same tables
