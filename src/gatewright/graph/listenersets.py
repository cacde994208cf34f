"""ListenerSets: listeners that are added to a Gateway from elsewhere, often another namespace.

The Gateway decides who may add (`allowedListeners`, by default nobody); what the listeners may refer to and which routes they
take is decided by the set's own namespace. The row of a set is what its listeners need to be settled with all others of their
ports. A set whose parent is not a Gateway of ours has no row. Source: Gateway API ListenerSet (GEP-1713); checklist section 10.
"""

from collections.abc import Iterator

import msgspec

from gatewright.api.gateway import GatewayTLSConfig, Listener, ListenerSet
from gatewright.api.meta import NamespacedName
from gatewright.api.references import GATEWAY_GROUP
from gatewright.flow import Read
from gatewright.graph import namespaces
from gatewright.graph.findings import ACCEPTED, PROGRAMMED, Finding
from gatewright.graph.gateways import GatewayFacts
from gatewright.graph.tables import GATEWAY_FACTS

_PARENT = "spec.parentRef"


class ListenerSetFacts(msgspec.Struct, frozen=True):
    """A ListenerSet of a Gateway of ours; `proxy`, `addresses` and `tls` are those of its Gateway."""

    key: NamespacedName
    created: str
    gateway: NamespacedName
    proxy: str
    addresses: tuple[str, ...]
    listeners: tuple[Listener, ...]
    tls: GatewayTLSConfig | None
    findings: tuple[Finding, ...]

    @property
    def accepted(self) -> bool:
        """Whether its listeners are added to the Gateway at all."""
        return not self.findings


def accept(read: Read, key: NamespacedName, listener_set: ListenerSet) -> ListenerSetFacts | None:
    """Judge one ListenerSet as a whole; its listeners are judged per port."""
    reference = listener_set.spec.parent_ref
    if (reference.group, reference.kind) != (GATEWAY_GROUP, "Gateway"):
        return None
    gateway = read(GATEWAY_FACTS, NamespacedName(reference.namespace or key.namespace, reference.name))
    if gateway is None:
        return None
    return ListenerSetFacts(
        key=key,
        created=listener_set.metadata.creation_timestamp or "",
        gateway=gateway.key,
        proxy=gateway.proxy,
        addresses=gateway.addresses,
        listeners=listener_set.spec.listeners,
        tls=gateway.tls,
        findings=_not_allowed(read, key.namespace, gateway) or _parent_refused(gateway),
    )


def by_gateway(key: NamespacedName, facts: ListenerSetFacts) -> Iterator[tuple[NamespacedName, NamespacedName, ListenerSetFacts]]:
    """Gather ListenerSets by their Gateway."""
    yield facts.gateway, key, facts


def _not_allowed(read: Read, namespace: str, gateway: GatewayFacts) -> tuple[Finding, ...]:
    """Say whether the Gateway lets sets of a namespace in; of the Gateway itself a stranger learns nothing else."""
    wanted = gateway.allowed_listeners
    if namespaces.allows(read, wanted, gateway.key.namespace, namespace):
        return ()
    message = (
        f"Gateway {gateway.key} does not allow ListenerSets from namespace {namespace} "
        f"(its spec.allowedListeners.namespaces.from: {namespaces.described(wanted)})"
    )
    return Finding(ACCEPTED, "NotAllowed", message, _PARENT), Finding(PROGRAMMED, "NotAllowed", message, _PARENT)


def _parent_refused(gateway: GatewayFacts) -> tuple[Finding, ...]:
    if gateway.accepted:
        return ()
    message = f"Gateway {gateway.key} is not accepted"
    return Finding(ACCEPTED, "ParentNotAccepted", message, _PARENT), Finding(PROGRAMMED, "ParentNotProgrammed", message, _PARENT)
