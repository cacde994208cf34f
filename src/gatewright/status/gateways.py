"""The status of a Gateway and its listeners.

Programmed is true only when Envoy has accepted the listener, its routes and its certificates; what Envoy refuses stands here in
its own words. attachedRoutes counts every route that a listener takes, served or not. Sources: checklist, sections 4, 6, 7 and
11.4.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gatewright.api.gateway import Gateway, Listener
from gatewright.api.meta import NamespacedName
from gatewright.api.references import GATEWAY_GROUP
from gatewright.flow import Read
from gatewright.graph.attachment import route_config
from gatewright.graph.findings import ACCEPTED, CONFLICTED, PROGRAMMED, Finding, of
from gatewright.graph.gateways import GatewayFacts
from gatewright.graph.listeners import ListenerFacts, route_kinds
from gatewright.graph.tables import (
    ATTACHED,
    GATEWAY_FACTS,
    GATEWAY_LISTENERS,
    ONLY,
    SETTINGS,
    ListenerKey,
    ProxySecret,
)
from gatewright.status.addresses import hold
from gatewright.status.conditions import GATEWAY, LISTENER, PENDING, conditions
from gatewright.status.document import StatusDocument
from gatewright.status.tables import DELIVERIES, PROXY_HEALTH, DeliveryKey, ProxyHealth

_NO_SUCH_ADDRESS = "Cannot assign requested address"  # EADDRNOTAVAIL, as Envoy says it
_NOT_STARTED = ProxyHealth(running=False, message="its Envoy has not been started")


def report(read: Read, key: NamespacedName, gateway: Gateway) -> StatusDocument | None:
    """Report on one Gateway of ours."""
    facts = read(GATEWAY_FACTS, key)
    if facts is None:
        return None
    settled = read(GATEWAY_LISTENERS, key) or {}
    generation = gateway.metadata.generation
    listeners = [(each, settled.get(ListenerKey(key, each.name))) for each in gateway.spec.listeners]
    findings = [_listener_findings(read, facts, found) for _, found in listeners]
    body = {
        "addresses": _addresses(read, facts, listeners),
        "conditions": conditions(
            GATEWAY, _gateway_findings(read, facts, listeners, findings), generation, _invalid_listeners(listeners, findings)
        ),
        "listeners": [
            _listener(read, ListenerKey(key, listener.name), listener, against, generation)
            for (listener, _), against in zip(listeners, findings, strict=True)
        ],
    }
    return StatusDocument("Gateway", key, gateway.api_version, generation, body)


Settled = Sequence[tuple[Listener, ListenerFacts | None]]


def _addresses(read: Read, facts: GatewayFacts, listeners: Settled) -> list[dict[str, str]]:
    settings = read(SETTINGS, ONLY)
    if settings is None or not any(found and found.serving for _, found in listeners):
        return []
    if settings.host_addresses is not None:
        return [{"type": "IPAddress", "value": address} for address in facts.addresses or settings.host_addresses]
    health = read(PROXY_HEALTH, facts.proxy) or _NOT_STARTED
    return [{"type": kind, "value": value} for kind, value in hold(facts.requested, health).addresses]


def _listener(read: Read, key: ListenerKey, listener: Listener, findings: tuple[Finding, ...], generation: int) -> dict[str, Any]:
    attached = read(ATTACHED, key)
    kinds, _ = route_kinds(listener, "")
    return {
        "name": key.name,
        "supportedKinds": [{"group": GATEWAY_GROUP, "kind": kind} for kind in kinds],
        "attachedRoutes": len(attached) if attached else 0,
        "conditions": conditions(LISTENER, findings, generation),
    }


def _listener_findings(read: Read, gateway: GatewayFacts, facts: ListenerFacts | None) -> tuple[Finding, ...]:
    """Gather what stands against a listener, its delivery included."""
    if facts is None:
        return (
            Finding(ACCEPTED, PENDING, "the Gateway is not accepted"),
            Finding(PROGRAMMED, "Invalid", "the Gateway is not accepted"),
        )
    conflict = tuple(Finding(ACCEPTED, each.reason, each.message, each.path) for each in of(facts.findings, CONFLICTED))
    findings = facts.findings + conflict
    if not facts.serving:
        why = of(findings, ACCEPTED) or facts.findings
        return (*findings, *(Finding(PROGRAMMED, "Invalid", each.message, each.path) for each in why))
    return findings + tuple(_delivery(read, gateway, facts))


def _delivery(read: Read, gateway: GatewayFacts, facts: ListenerFacts) -> Iterator[Finding]:
    """Say what keeps a listener from being programmed: the process, the listener, its routes, its certificates."""
    health = read(PROXY_HEALTH, gateway.proxy) or _NOT_STARTED
    if not health.running:
        yield Finding(PROGRAMMED, "Pending", f"proxy {gateway.proxy}: {health.message}")
        return
    if not health.connected:
        return
    for key in _pieces(gateway, facts):
        delivered = read(DELIVERIES, key)
        if delivered is not None and delivered.refusal:
            kept = "; the last good configuration goes on serving" if delivered.accepted else ""
            yield Finding(PROGRAMMED, "Invalid", f"Envoy refuses {key.what} {delivered.name}: {delivered.refusal}{kept}")
            return
        elif delivered is None or not delivered.accepted:
            yield Finding(PROGRAMMED, "Pending", f"Envoy has not confirmed the {key.what} of listener {facts.key.name} yet")


def _pieces(gateway: GatewayFacts, facts: ListenerFacts) -> Iterator[DeliveryKey]:
    yield DeliveryKey("listener", facts.port)
    yield DeliveryKey("routes", route_config(gateway.proxy, facts))
    for secret in facts.tls.secrets if facts.tls else ():
        yield DeliveryKey("secret", ProxySecret(gateway.proxy, secret))


def _gateway_findings(
    read: Read, facts: GatewayFacts, listeners: Settled, findings: list[tuple[Finding, ...]]
) -> Iterator[Finding]:
    yield from facts.findings
    if not facts.accepted:
        yield Finding(PROGRAMMED, "Invalid", "the Gateway is not accepted")
        return
    if not any(found and found.serving for _, found in listeners):
        reasons = _reasons(listeners, findings)
        yield Finding(ACCEPTED, "ListenersNotValid", f"No listeners are valid: {reasons}")
        yield Finding(PROGRAMMED, "Invalid", f"No listeners are valid: {reasons}")
        return
    health = read(PROXY_HEALTH, facts.proxy) or _NOT_STARTED
    if (unreachable := _unreachable(read, facts, health)) is not None:
        yield unreachable
        return
    if not health.running:
        yield Finding(PROGRAMMED, "NoResources", f"proxy {facts.proxy}: {health.message}")
        return
    for (listener, found), against in zip(listeners, findings, strict=True):
        if found and found.serving:
            yield from (_programmed(facts, listener, each) for each in of(against, PROGRAMMED))


def _programmed(facts: GatewayFacts, listener: Listener, finding: Finding) -> Finding:
    """Say of the Gateway what is wrong with a listener; an address that its machine does not have is the Gateway's fault."""
    reason = "AddressNotUsable" if facts.addresses and _NO_SUCH_ADDRESS in finding.message else finding.reason
    return Finding(PROGRAMMED, reason, f"listener {listener.name}: {finding.message}")


def _unreachable(read: Read, facts: GatewayFacts, health: ProxyHealth) -> Finding | None:
    """Say what is wrong with the addresses of a proxy in a cluster."""
    settings = read(SETTINGS, ONLY)
    if settings is None or settings.host_addresses is not None:
        return None
    return hold(facts.requested, health).finding


def _invalid_listeners(listeners: Settled, findings: list[tuple[Finding, ...]]) -> Mapping[str, Finding]:
    """Note the listeners that are not served, where others are (Accepted=True with reason ListenersNotValid)."""
    reasons = _reasons(listeners, findings)
    return {ACCEPTED: Finding(ACCEPTED, "ListenersNotValid", f"Listeners not valid: {reasons}")} if reasons else {}


def _reasons(listeners: Settled, findings: list[tuple[Finding, ...]]) -> str:
    return "; ".join(
        f"{listener.name}: {against[0].text if against else 'not settled'}"
        for (listener, found), against in zip(listeners, findings, strict=True)
        if found is None or not found.serving
    )
