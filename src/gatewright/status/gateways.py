"""The status of a Gateway: of the whole, and of each of its own listeners.

The listeners that ListenerSets add count for the whole (a Gateway is served while any listener is) and are reported on in their
sets. Sources: checklist, sections 4, 6 and 10.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gatewright.api.gateway import Gateway
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.findings import ACCEPTED, PROGRAMMED, RESOLVED_REFS, Finding, of
from gatewright.graph.gateways import GatewayFacts, default_scope
from gatewright.graph.listeners import ListenerFacts
from gatewright.graph.tables import GATEWAY_FACTS, GATEWAY_LISTENERS, GATEWAY_SETS, ONLY, SETTINGS, ListenerKey
from gatewright.status.addresses import hold
from gatewright.status.conditions import GATEWAY, GATEWAY_REFERENCES, Positive, conditions
from gatewright.status.document import StatusDocument
from gatewright.status.listeners import NOT_STARTED, Reported, entry, gather, invalid, reasons
from gatewright.status.tables import PROXY_HEALTH, ProxyHealth

_NO_SUCH_ADDRESS = "Cannot assign requested address"  # EADDRNOTAVAIL, as Envoy says it


def report(read: Read, key: NamespacedName, gateway: Gateway) -> StatusDocument | None:
    """Report on one Gateway of ours."""
    facts = read(GATEWAY_FACTS, key)
    if facts is None:
        return None
    settled = read(GATEWAY_LISTENERS, key) or {}
    serving = any(each.serving for each in settled.values())
    generation = gateway.metadata.generation
    listeners = gather(read, [(ListenerKey(key, each.name), each) for each in gateway.spec.listeners], settled)
    findings = _findings(read, facts, listeners, serving=serving)
    table = GATEWAY_REFERENCES if facts.tls or of(facts.findings, RESOLVED_REFS) else GATEWAY
    if scope := default_scope(gateway):
        table = (*table, Positive("DefaultGateway", f"Gateway has default scope {scope}"))
    body = {
        "addresses": _addresses(read, facts) if serving else [],
        **_attached_sets(read, key, settled),
        "conditions": conditions(table, findings, generation, invalid(listeners)),
        "listeners": [entry(read, each, generation) for each in listeners],
    }
    return StatusDocument("Gateway", key, gateway.api_version, generation, body)


def unreachable(read: Read, facts: GatewayFacts, health: ProxyHealth) -> Finding | None:
    """Say what is wrong with the addresses of a proxy in a cluster."""
    settings = read(SETTINGS, ONLY)
    if settings is None or settings.host_addresses is not None:
        return None
    return hold(facts.requested, health).finding


def _addresses(read: Read, facts: GatewayFacts) -> list[dict[str, str]]:
    settings = read(SETTINGS, ONLY)
    if settings is None:
        return []
    if settings.host_addresses is not None:
        return [{"type": "IPAddress", "value": address} for address in facts.addresses or settings.host_addresses]
    health = read(PROXY_HEALTH, facts.proxy) or NOT_STARTED
    return [{"type": kind, "value": value} for kind, value in hold(facts.requested, health).addresses]


def _attached_sets(read: Read, key: NamespacedName, settled: Mapping[ListenerKey, ListenerFacts]) -> dict[str, Any]:
    """Count the ListenerSets that are accepted, where there are any that name this Gateway."""
    sets = read(GATEWAY_SETS, key)
    if sets is None:
        return {}
    serving = {each.key.listener_set for each in settled.values() if each.serving}
    return {"attachedListenerSets": len(serving & sets.keys())}


def _findings(read: Read, facts: GatewayFacts, listeners: Sequence[Reported], *, serving: bool) -> Iterator[Finding]:
    yield from facts.findings
    unresolved = [each.key.name for each in listeners if of(each.findings, RESOLVED_REFS)]
    if facts.tls and unresolved:
        message = f"references of these listeners are not resolved: {', '.join(unresolved)}"
        yield Finding(RESOLVED_REFS, "ListenersNotResolved", message)
    if not facts.accepted:
        yield Finding(PROGRAMMED, "Invalid", "the Gateway is not accepted")
        return
    if not serving:
        message = f"No listeners are valid: {reasons(listeners)}"
        yield Finding(ACCEPTED, "ListenersNotValid", message)
        yield Finding(PROGRAMMED, "Invalid", message)
        return
    health = read(PROXY_HEALTH, facts.proxy) or NOT_STARTED
    if (missing := unreachable(read, facts, health)) is not None:
        yield missing
    elif not health.running:
        yield Finding(PROGRAMMED, "NoResources", f"proxy {facts.proxy}: {health.message}")
    else:
        yield from (_programmed(facts, finding) for each in listeners for finding in each.undelivered)


def _programmed(facts: GatewayFacts, finding: Finding) -> Finding:
    """Say of the Gateway what is wrong with a listener; an address that its machine does not have is the Gateway's fault."""
    reason = "AddressNotUsable" if facts.addresses and _NO_SUCH_ADDRESS in finding.message else finding.reason
    return Finding(PROGRAMMED, reason, finding.message)
