"""The tables of status by name: what the data plane reports (inputs), and the documents (outputs).

Deliveries and proxy states come from outside like any object does, so a status rule stays pure and there is no cycle: a batch that
Envoy confirms is followed by one that says so.
"""

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from gatewright.flow import Ref

if TYPE_CHECKING:
    from gatewright.api.meta import NamespacedName
    from gatewright.status.document import StatusDocument


class DeliveryKey(NamedTuple):
    """A resource of a proxy."""

    proxy: str
    type_url: str
    name: str


class Delivered(msgspec.Struct, frozen=True):
    """What Envoy said of a resource: whether it has ever accepted one under this name, and its words if it refuses the newest."""

    accepted: bool
    refusal: str = ""


class ProxyHealth(msgspec.Struct, frozen=True):
    """What the fleet says of a proxy: `running`, or why not."""

    running: bool
    message: str = ""


DELIVERIES: Ref[DeliveryKey, Delivered] = Ref("deliveries")
PROXY_HEALTH: Ref[str, ProxyHealth] = Ref("proxy health")
STATUS_INPUTS: Final = (DELIVERIES, PROXY_HEALTH)

CLASS_STATUS: Ref["NamespacedName", "StatusDocument"] = Ref("GatewayClass status")
GATEWAY_STATUS: Ref["NamespacedName", "StatusDocument"] = Ref("Gateway status")
HTTP_ROUTE_STATUS: Ref["NamespacedName", "StatusDocument"] = Ref("HTTPRoute status")
BACKEND_STATUS: Ref["NamespacedName", "StatusDocument"] = Ref("Backend status")

DOCUMENTS: Final = (CLASS_STATUS, GATEWAY_STATUS, HTTP_ROUTE_STATUS, BACKEND_STATUS)
