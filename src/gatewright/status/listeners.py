"""The statuses of listeners, in a Gateway or in a ListenerSet alike.

Programmed is true only when Envoy has accepted the listener, its routes and its certificates; what Envoy refuses stands here in
its own words. attachedRoutes counts every route that a listener takes, served or not. Sources: checklist, sections 4, 7 and 11.4.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from gatewright.api.gateway import Listener
from gatewright.api.references import GATEWAY_GROUP
from gatewright.flow import Read
from gatewright.graph.attachment import REQUESTS, route_config
from gatewright.graph.findings import ACCEPTED, CONFLICTED, PROGRAMMED, Finding, of
from gatewright.graph.listeners import ListenerFacts, route_kinds
from gatewright.graph.tables import ATTACHED, ListenerKey, ProxyBundle, ProxySecret
from gatewright.status.conditions import LISTENER, PENDING, conditions
from gatewright.status.tables import DELIVERIES, PROXY_HEALTH, DeliveryKey, ProxyHealth

NOT_STARTED: Final = ProxyHealth(running=False, message="its Envoy has not been started")


class Reported(msgspec.Struct, frozen=True):
    """A listener as it is declared, as it was settled (None: not at all), and all that stands against it."""

    key: ListenerKey
    listener: Listener
    facts: ListenerFacts | None
    findings: tuple[Finding, ...]

    @property
    def serving(self) -> bool:
        """Whether the proxy gets it."""
        return self.facts is not None and self.facts.serving

    @property
    def undelivered(self) -> tuple[Finding, ...]:
        """What keeps a listener that the proxy gets from being programmed."""
        found = of(self.findings, PROGRAMMED) if self.serving else ()
        return tuple(Finding(PROGRAMMED, each.reason, f"listener {self.key.name}: {each.message}") for each in found)


def gather(
    read: Read, listeners: Sequence[tuple[ListenerKey, Listener]], settled: Mapping[ListenerKey, ListenerFacts]
) -> tuple[Reported, ...]:
    """Gather what there is to say of the listeners of one object, in their order."""
    found = ((key, listener, settled.get(key)) for key, listener in listeners)
    return tuple(Reported(key, listener, facts, _findings(read, facts)) for key, listener, facts in found)


def entry(read: Read, reported: Reported, generation: int) -> dict[str, Any]:
    """The entry of one listener in `status.listeners`."""
    attached = read(ATTACHED, reported.key)
    kinds, _ = route_kinds(reported.listener, "")
    return {
        "name": reported.key.name,
        "supportedKinds": [{"group": GATEWAY_GROUP, "kind": kind} for kind in kinds],
        "attachedRoutes": len(attached) if attached else 0,
        "conditions": conditions(LISTENER, reported.findings, generation),
    }


def reasons(listeners: Sequence[Reported]) -> str:
    """Sum up why listeners are not served; empty when all are."""
    return "; ".join(
        f"{each.key.name}: {each.findings[0].text if each.findings else 'not settled'}" for each in listeners if not each.serving
    )


def invalid(listeners: Sequence[Reported]) -> Mapping[str, Finding]:
    """Note the listeners that are not served, where others are (Accepted=True with reason ListenersNotValid)."""
    why = reasons(listeners)
    return {ACCEPTED: Finding(ACCEPTED, "ListenersNotValid", f"Listeners not valid: {why}")} if why else {}


def _findings(read: Read, facts: ListenerFacts | None) -> tuple[Finding, ...]:
    """Gather what stands against a listener, its delivery included."""
    if facts is None:
        return (
            Finding(ACCEPTED, PENDING, "the Gateway is not accepted"),
            Finding(PROGRAMMED, "Invalid", "the Gateway is not accepted"),
        )
    conflict = of(facts.findings, CONFLICTED)
    findings = facts.findings + tuple(Finding(ACCEPTED, each.reason, each.message, each.path) for each in conflict)
    if facts.serving:
        return findings + tuple(_delivery(read, facts))
    added = facts.key.listener_set is not None  # whose conflicts name their reason here too (ListenerSet, "conflicted")
    why = of(findings, ACCEPTED) or facts.findings
    return (
        *findings,
        *(Finding(PROGRAMMED, each.reason if conflict and added else "Invalid", each.message, each.path) for each in why),
    )


def _delivery(read: Read, facts: ListenerFacts) -> Iterator[Finding]:
    """Say what keeps a listener from being programmed: the process, the listener, its routes, its certificates."""
    health = read(PROXY_HEALTH, facts.proxy) or NOT_STARTED
    if not health.running:
        yield Finding(PROGRAMMED, "Pending", f"proxy {facts.proxy}: {health.message}")
        return
    for key in _pieces(facts):
        delivered = read(DELIVERIES, key)
        if delivered is not None and delivered.refusal:
            kept = "; the last good configuration goes on serving" if delivered.accepted else ""
            yield Finding(PROGRAMMED, "Invalid", f"Envoy refuses {key.what} {delivered.name}: {delivered.refusal}{kept}")
            return
        elif health.connected and (delivered is None or not delivered.accepted):
            yield Finding(PROGRAMMED, "Pending", f"Envoy has not confirmed the {key.what} of listener {facts.key.name} yet")


def _pieces(facts: ListenerFacts) -> Iterator[DeliveryKey]:
    yield DeliveryKey("listener", facts.port)
    if facts.listener.protocol in REQUESTS:
        yield DeliveryKey("routes", route_config(facts.proxy, facts))
    for secret in facts.tls.secrets if facts.tls else ():
        yield DeliveryKey("secret", ProxySecret(facts.proxy, secret))
    if facts.tls and facts.tls.clients:
        yield DeliveryKey("authorities", ProxyBundle(facts.proxy, facts.tls.clients.authority))
