"""The status of a ListenerSet: whether its Gateway takes it, and of each of its listeners what a Gateway would say of its own.

A set of which one listener is served is accepted; one of which none is, is not. Conflicts that it lost stand at its listeners
alone. Source: Gateway API ListenerSetStatus; checklist, sections 4 and 10.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from gatewright.api.gateway import ListenerSet
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.findings import ACCEPTED, PROGRAMMED, Finding
from gatewright.graph.listenersets import ListenerSetFacts
from gatewright.graph.tables import GATEWAY_FACTS, LISTENER_SET_FACTS, SET_LISTENERS, ListenerKey
from gatewright.status.conditions import LISTENER_SET, conditions
from gatewright.status.document import StatusDocument
from gatewright.status.gateways import unreachable
from gatewright.status.listeners import NOT_STARTED, Reported, entry, gather, invalid, reasons
from gatewright.status.tables import PROXY_HEALTH


def report(read: Read, key: NamespacedName, listener_set: ListenerSet) -> StatusDocument | None:
    """Report on one ListenerSet of a Gateway of ours; one that the Gateway does not take has no listeners to report on."""
    facts = read(LISTENER_SET_FACTS, key)
    if facts is None:
        return None
    generation = listener_set.metadata.generation
    body: dict[str, Any] = {"conditions": conditions(LISTENER_SET, facts.findings, generation)}
    if facts.accepted:
        declared = [(ListenerKey(facts.gateway, each.name, key), each) for each in listener_set.spec.listeners]
        listeners = gather(read, declared, read(SET_LISTENERS, key) or {})
        body = {
            "conditions": conditions(LISTENER_SET, _findings(read, facts, listeners), generation, invalid(listeners)),
            "listeners": [entry(read, each, generation) for each in listeners],
        }
    return StatusDocument("ListenerSet", key, listener_set.api_version, generation, body)


def _findings(read: Read, facts: ListenerSetFacts, listeners: Sequence[Reported]) -> Iterator[Finding]:
    if not any(each.serving for each in listeners):
        message = f"No listeners are valid: {reasons(listeners)}"
        yield Finding(ACCEPTED, "ListenersNotValid", message)
        yield Finding(PROGRAMMED, "ListenersNotValid", message)
        return
    health = read(PROXY_HEALTH, facts.proxy) or NOT_STARTED
    gateway = read(GATEWAY_FACTS, facts.gateway)
    missing = unreachable(read, gateway, health) if gateway else None
    why = missing.message if missing else "" if health.running else health.message
    if why:
        yield Finding(PROGRAMMED, "ParentNotProgrammed", f"Gateway {facts.gateway}: {why}")
    else:
        yield from (finding for each in listeners for finding in each.undelivered)
