"""The tables of status by name: what the data plane reports (inputs), and the documents (outputs).

Deliveries and proxy states come from outside like any object does, so a status rule stays pure and there is no cycle: a batch
that Envoy confirms is followed by one that says so.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import msgspec

from gatewright.flow import Ref
from gatewright.graph.tables import (
    POLICY_KINDS,
    ROUTE_KINDS,
    PortKey,
    ProxyBundle,
    ProxyCluster,
    ProxySecret,
    RouteConfigKey,
    VirtualHostKey,
)

if TYPE_CHECKING:
    from gatewright.api.meta import NamespacedName
    from gatewright.status.document import StatusDocument


What: TypeAlias = Literal[
    "cluster", "endpoints", "secret", "credential", "subscriber", "authorities", "listener", "routes", "streams"
]


class DeliveryKey(NamedTuple):
    """A piece of a proxy's configuration, by what it is of: status does not know xDS names."""

    what: What
    of: PortKey | RouteConfigKey | VirtualHostKey | ProxySecret | ProxyBundle | ProxyCluster


class Delivered(msgspec.Struct, frozen=True):
    """What Envoy said of the resource `name`: whether it holds one, and its words if it refuses the newest."""

    name: str
    accepted: bool
    refusal: str = ""


class ProxyHealth(msgspec.Struct, frozen=True):
    """What the fleet says of a proxy: `running`, or why not.

    Of a fleet in a cluster: `addresses` are (type, value) of where its Service can be reached, `static` the IP addresses that
    it was given besides; `exposed` once there is a Service, `refused` why it cannot be as it was asked for. A proxy that is not
    `connected` to this replica confirms to another what it was sent; all that is heard here is what it refuses.
    """

    running: bool
    message: str = ""
    addresses: tuple[tuple[str, str], ...] = ()
    static: tuple[str, ...] = ()
    exposed: bool = False
    refused: str = ""
    connected: bool = True


DELIVERIES: Ref[DeliveryKey, Delivered] = Ref("deliveries")
PROXY_HEALTH: Ref[str, ProxyHealth] = Ref("proxy health")
STATUS_INPUTS: Final = (DELIVERIES, PROXY_HEALTH)

CLASS_STATUS: Ref["NamespacedName", "StatusDocument"] = Ref("GatewayClass status")
GATEWAY_STATUS: Ref["NamespacedName", "StatusDocument"] = Ref("Gateway status")
LISTENER_SET_STATUS: Ref["NamespacedName", "StatusDocument"] = Ref("ListenerSet status")
ROUTE_STATUS: Final[Mapping[str, Ref["NamespacedName", "StatusDocument"]]] = {kind: Ref(f"{kind} status") for kind in ROUTE_KINDS}
BACKEND_STATUS: Ref["NamespacedName", "StatusDocument"] = Ref("Backend status")
X_BACKEND_STATUS: Ref["NamespacedName", "StatusDocument"] = Ref("XBackend status")
POLICY_STATUS: Final[Mapping[str, Ref["NamespacedName", "StatusDocument"]]] = {
    kind: Ref(f"{kind} status") for kind in POLICY_KINDS
}

DOCUMENTS: Final[Mapping[str, Ref["NamespacedName", "StatusDocument"]]] = {
    "GatewayClass": CLASS_STATUS,
    "Gateway": GATEWAY_STATUS,
    "ListenerSet": LISTENER_SET_STATUS,
    **ROUTE_STATUS,
    "Backend": BACKEND_STATUS,
    "XBackend": X_BACKEND_STATUS,
    **POLICY_STATUS,
}
