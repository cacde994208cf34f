"""The tables of the graph by name, and the keys under which their rows stand.

Input tables hold objects of one kind by `NamespacedName`. Derived tables are listed in the order in which `control` makes them;
the module that owns a table's rule says what its rows are.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from gatewright.api.meta import NamespacedName
from gatewright.flow import Ref

if TYPE_CHECKING:
    from gatewright.api.backend import Backend
    from gatewright.api.backendtlspolicy import BackendTLSPolicy
    from gatewright.api.core import ConfigMap, EndpointSlice, Namespace, Secret, Service, ServiceImport
    from gatewright.api.envoyproxy import EnvoyProxy
    from gatewright.api.gateway import Gateway, GatewayClass, ListenerSet
    from gatewright.api.grpcroute import GRPCRoute
    from gatewright.api.httproute import HTTPRoute
    from gatewright.api.httproutefilter import HTTPRouteFilter
    from gatewright.api.referencegrant import ReferenceGrant
    from gatewright.api.streamroutes import TCPRoute, TLSRoute, UDPRoute
    from gatewright.api.xbackend import XBackend
    from gatewright.api.xbackendtrafficpolicy import XBackendTrafficPolicy
    from gatewright.graph.attachment import BoundRoute, ListenerView
    from gatewright.graph.authorities import Bundle, Certifying
    from gatewright.graph.backend_tls import UpstreamTls
    from gatewright.graph.backend_tls_policies import BackendTLSPolicyFacts
    from gatewright.graph.certificates import CertificateFacts
    from gatewright.graph.claims import PortClaim
    from gatewright.graph.classes import ClassFacts
    from gatewright.graph.gateways import GatewayFacts
    from gatewright.graph.listeners import ListenerFacts, PortFacts
    from gatewright.graph.listenersets import ListenerSetFacts
    from gatewright.graph.policies import Claim, Policy
    from gatewright.graph.proxies import ProxyFacts
    from gatewright.graph.rules import RouteFacts
    from gatewright.graph.settings import GraphSettings
    from gatewright.graph.specs import ListenerSpec

    Route: TypeAlias = HTTPRoute | GRPCRoute | TLSRoute | TCPRoute | UDPRoute


class ParentKey(NamedTuple):
    """What declares listeners and routes attach to: a Gateway or a ListenerSet."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """The parent as sentences name it: `Gateway default/web`."""
        return f"{self.kind} {self.namespace}/{self.name}"


class ListenerKey(NamedTuple):
    """A listener of a Gateway: its own, or one that `listener_set` adds, which may have the same name."""

    gateway: NamespacedName
    name: str
    listener_set: NamespacedName | None = None

    @property
    def parent(self) -> ParentKey:
        """The object that declares the listener."""
        return ParentKey("Gateway", *self.gateway) if self.listener_set is None else ParentKey("ListenerSet", *self.listener_set)

    def __str__(self) -> str:
        """The listener as the proxy knows it (conventions, section 1)."""
        place = f"{self.gateway}" if self.listener_set is None else f"{self.gateway}/{self.listener_set}"
        return f"{place}/{self.name}"


Transport: TypeAlias = Literal["TCP", "UDP"]


class PortKey(NamedTuple):
    """A port of a proxy; listeners that share it are settled together."""

    proxy: str
    port: int
    transport: Transport = "TCP"


class MachinePort(NamedTuple):
    """A port of the machine that proxies run on."""

    port: int
    transport: Transport


class RouteConfigKey(NamedTuple):
    """A RouteConfiguration: one for all plain HTTP listeners of a port (`listener` is empty), one for each HTTPS listener."""

    proxy: str
    port: int
    listener: str


class VirtualHostKey(NamedTuple):
    """A host within a RouteConfiguration, or of a listener whose connections are passed on."""

    config: RouteConfigKey
    host: str

    @property
    def proxy(self) -> str:
        """The proxy of the listener."""
        return self.config.proxy


class RouteKey(NamedTuple):
    """A route of any kind."""

    kind: str
    namespace: str
    name: str


class PolicyKey(NamedTuple):
    """A policy of any kind."""

    kind: str
    namespace: str
    name: str


class PolicyTarget(NamedTuple):
    """An object that policies of the kind `policy` are about."""

    policy: str
    group: str
    kind: str
    namespace: str
    name: str


PASSTHROUGH: Final = "passthrough"


class ClusterKey(NamedTuple):
    """A backend as a cluster: what it is, not who mentions it. `kind` is that of the object in lower case.

    A Backend and an XBackend have port 0.

    `protocol` is what is spoken to it where it does not say otherwise: `grpc` for calls, which need HTTP/2, `passthrough` for the
    TLS of clients, which must not be wrapped in more of it; mostly it is empty.
    """

    kind: str
    namespace: str
    name: str
    port: int
    protocol: str = ""


class DatagramKey(NamedTuple):
    """The cluster of a UDP listener, which has the endpoints of whichever route serves there: a UDP proxy knows one cluster."""

    listener: ListenerKey


class FailoverKey(NamedTuple):
    """Clusters of which the first that has healthy endpoints gets the requests."""

    clusters: tuple[ClusterKey, ...]


class PoolKey(NamedTuple):
    """Clusters whose endpoints are served as those of one, which gets requests by weight; 0 is for sessions that are there."""

    members: tuple[tuple[ClusterKey, int], ...]


AnyCluster: TypeAlias = ClusterKey | FailoverKey | PoolKey
"""Where the requests and connections of a route go."""

WantedCluster: TypeAlias = AnyCluster | DatagramKey


class ProxyCluster(NamedTuple):
    """A cluster in the configuration of one proxy."""

    proxy: str
    cluster: WantedCluster


class ProxySecret(NamedTuple):
    """A secret in the configuration of one proxy."""

    proxy: str
    secret: NamespacedName


class ProxyBundle(NamedTuple):
    """Certificates of authorities in the configuration of one proxy."""

    proxy: str
    bundle: "Bundle"


class BackendKey(NamedTuple):
    """A backend whatever its port; `kind` is that of its clusters."""

    kind: str
    namespace: str
    name: str


ONLY: Final = ""  # the key of tables of one row

SETTINGS: Ref[str, "GraphSettings"] = Ref("settings")
NOW: Ref[str, int] = Ref("now")  # Unix seconds, as coarse as whoever puts it likes
GATEWAY_CLASSES: Ref[NamespacedName, "GatewayClass"] = Ref("GatewayClass")
GATEWAYS: Ref[NamespacedName, "Gateway"] = Ref("Gateway")
LISTENER_SETS: Ref[NamespacedName, "ListenerSet"] = Ref("ListenerSet")
HTTP_ROUTES: Ref[NamespacedName, "HTTPRoute"] = Ref("HTTPRoute")
GRPC_ROUTES: Ref[NamespacedName, "GRPCRoute"] = Ref("GRPCRoute")
TLS_ROUTES: Ref[NamespacedName, "TLSRoute"] = Ref("TLSRoute")
TCP_ROUTES: Ref[NamespacedName, "TCPRoute"] = Ref("TCPRoute")
UDP_ROUTES: Ref[NamespacedName, "UDPRoute"] = Ref("UDPRoute")
REFERENCE_GRANTS: Ref[NamespacedName, "ReferenceGrant"] = Ref("ReferenceGrant")
NAMESPACES: Ref[NamespacedName, "Namespace"] = Ref("Namespace")
SERVICES: Ref[NamespacedName, "Service"] = Ref("Service")
ENDPOINT_SLICES: Ref[NamespacedName, "EndpointSlice"] = Ref("EndpointSlice")
SECRETS: Ref[NamespacedName, "Secret"] = Ref("Secret")
CONFIG_MAPS: Ref[NamespacedName, "ConfigMap"] = Ref("ConfigMap")
BACKENDS: Ref[NamespacedName, "Backend"] = Ref("Backend")
SERVICE_IMPORTS: Ref[NamespacedName, "ServiceImport"] = Ref("ServiceImport")
X_BACKENDS: Ref[NamespacedName, "XBackend"] = Ref("XBackend")
HTTP_ROUTE_FILTERS: Ref[NamespacedName, "HTTPRouteFilter"] = Ref("HTTPRouteFilter")
ENVOY_PROXIES: Ref[NamespacedName, "EnvoyProxy"] = Ref("EnvoyProxy")
BACKEND_TLS_POLICIES: Ref[NamespacedName, "BackendTLSPolicy"] = Ref("BackendTLSPolicy")
X_BACKEND_TRAFFIC_POLICIES: Ref[NamespacedName, "XBackendTrafficPolicy"] = Ref("XBackendTrafficPolicy")

ROUTE_KINDS: Final[Mapping[str, Ref[NamespacedName, Any]]] = {
    ref.name: ref for ref in (HTTP_ROUTES, GRPC_ROUTES, TLS_ROUTES, TCP_ROUTES, UDP_ROUTES)
}

POLICY_KINDS: Final[Mapping[str, Ref[NamespacedName, Any]]] = {
    ref.name: ref for ref in (BACKEND_TLS_POLICIES, X_BACKEND_TRAFFIC_POLICIES)
}

INPUTS: Final[tuple[Ref[NamespacedName, Any], ...]] = (
    GATEWAY_CLASSES,
    GATEWAYS,
    LISTENER_SETS,
    *ROUTE_KINDS.values(),
    REFERENCE_GRANTS,
    NAMESPACES,
    SERVICES,
    ENDPOINT_SLICES,
    SECRETS,
    CONFIG_MAPS,
    BACKENDS,
    SERVICE_IMPORTS,
    X_BACKENDS,
    HTTP_ROUTE_FILTERS,
    ENVOY_PROXIES,
    *POLICY_KINDS.values(),
)

GRANTS: Ref[str, Mapping[NamespacedName, "ReferenceGrant"]] = Ref("grants by namespace")
SLICES: Ref[NamespacedName, Mapping[NamespacedName, "EndpointSlice"]] = Ref("slices by owner")
CERTIFICATES: Ref[NamespacedName, "CertificateFacts"] = Ref("certificates")
CERTIFICATE_PROBLEMS: Ref[NamespacedName, str] = Ref("certificate problems")
DEFAULT_GATEWAYS: Ref[str, Mapping[NamespacedName, None]] = Ref("default gateways by scope")
POLICIES: Ref[PolicyKey, "Policy"] = Ref("policies")
POLICY_CLAIMS: Ref[PolicyTarget, Mapping["Claim", str]] = Ref("policies by target")
BACKEND_TLS_FACTS: Ref[NamespacedName, "BackendTLSPolicyFacts"] = Ref("judged BackendTLSPolicies")
CLASSES: Ref[NamespacedName, "ClassFacts"] = Ref("accepted classes")
GATEWAY_FACTS: Ref[NamespacedName, "GatewayFacts"] = Ref("gateway facts")
PROXY_GATEWAYS: Ref[str, Mapping[NamespacedName, "GatewayFacts"]] = Ref("gateways by proxy")
PROXIES: Ref[str, "ProxyFacts"] = Ref("proxies")
LISTENER_SET_FACTS: Ref[NamespacedName, "ListenerSetFacts"] = Ref("listener set facts")
GATEWAY_SETS: Ref[NamespacedName, Mapping[NamespacedName, "ListenerSetFacts"]] = Ref("listener sets by gateway")
PARENT_FACTS: Final[Mapping[str, Ref[NamespacedName, Any]]] = {"Gateway": GATEWAY_FACTS, "ListenerSet": LISTENER_SET_FACTS}
PARENTS: Ref[ParentKey, "GatewayFacts | ListenerSetFacts"] = Ref("parents")
PROXY_CERTIFICATES: Ref[str, NamespacedName] = Ref("client certificates by proxy")
PORT_LISTENERS: Ref[PortKey, Mapping[ListenerKey, "ListenerSpec"]] = Ref("listeners by port")
PORT_CLAIMS: Ref[MachinePort, Mapping[str, "PortClaim"]] = Ref("proxies by port")
PORTS: Ref[PortKey, "PortFacts"] = Ref("ports")
GATEWAY_LISTENERS: Ref[NamespacedName, Mapping[ListenerKey, "ListenerFacts"]] = Ref("listener facts by gateway")
SET_LISTENERS: Ref[NamespacedName, Mapping[ListenerKey, "ListenerFacts"]] = Ref("listener facts by listener set")
LISTENER_VIEWS: Ref[ParentKey, Mapping[ListenerKey, "ListenerView"]] = Ref("what routes see of listeners")
PORT_HOSTS: Ref[RouteConfigKey, Mapping[str, ListenerKey]] = Ref("listener hosts by route configuration")
TLS_HOSTS: Ref[PortKey, Mapping[str, ListenerKey]] = Ref("listener hosts by port, those behind TLS")
ROUTES: Ref[RouteKey, "Route"] = Ref("routes")
ROUTE_FACTS: Ref[RouteKey, "RouteFacts"] = Ref("resolved routes")
BOUND: Ref[RouteKey, "BoundRoute"] = Ref("bound routes")
ATTACHED: Ref[ListenerKey, Mapping[RouteKey, None]] = Ref("routes by listener")
CLUSTER_USES: Ref[ProxyCluster, Mapping[RouteKey, None]] = Ref("routes by cluster")
CREDENTIAL_USES: Ref[ProxySecret, Mapping[RouteKey, None]] = Ref("routes by credential")
WANTED_CLUSTERS: Ref[ProxyCluster, WantedCluster] = Ref("clusters in use")
BACKEND_USERS: Ref[BackendKey, Mapping[ProxyCluster, None]] = Ref("clusters by backend")
CLUSTER_TLS: Ref[ProxyCluster, "UpstreamTls"] = Ref("TLS to backends")
SECRET_USERS: Final[Mapping[str, Ref[Any, Any]]] = {"port": PORTS, "cluster": CLUSTER_TLS}  # of rows that are Certifying
CERTIFYING: Ref[tuple[str, PortKey | ProxyCluster], "Certifying"] = Ref("users of secrets")
SECRET_USES: Ref[ProxySecret, Mapping[PortKey | ProxyCluster, None]] = Ref("users by secret")
BUNDLE_USES: Ref[ProxyBundle, Mapping[PortKey | ProxyCluster, None]] = Ref("users by bundle of authorities")
