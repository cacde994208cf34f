"""The status of a route: one entry for each parentRef that names a Gateway of ours, as the route writes it.

What is wrong with a rule counts against Accepted only when no rule can be honoured; otherwise the route is accepted and
PartiallyInvalid. Sources: checklist, sections 4 and 11.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from gatewright.api.meta import NamespacedName
from gatewright.api.references import ParentReference
from gatewright.flow import Read
from gatewright.graph.attachment import BoundParent, BoundRoute
from gatewright.graph.findings import ACCEPTED, PARTIALLY_INVALID, PROGRAMMED, RESOLVED_REFS, Finding, of
from gatewright.graph.routes import needed
from gatewright.graph.rules import RouteFacts
from gatewright.graph.tables import BOUND, ONLY, SETTINGS, RouteKey
from gatewright.status.conditions import ROUTE, conditions
from gatewright.status.document import StatusDocument
from gatewright.status.tables import DELIVERIES, DeliveryKey

if TYPE_CHECKING:
    from gatewright.graph.tables import Route


def report(kind: str, read: Read, key: NamespacedName, route: "Route") -> StatusDocument | None:
    """Report on one route of `kind` with parents of ours."""
    bound = read(BOUND, RouteKey(kind, *key))
    settings = read(SETTINGS, ONLY)
    if bound is None or settings is None:
        return None
    generation = route.metadata.generation
    parents = [
        {
            "parentRef": reference(parent.reference),
            "controllerName": settings.controller_name,
            "conditions": conditions(ROUTE, _findings(read, bound, parent), generation),
        }
        for parent in bound.parents
    ]
    return StatusDocument(kind, key, route.api_version, generation, {"parents": parents})


def reference(parent: ParentReference) -> dict[str, Any]:
    """Return a parentRef as status repeats it: as written, with group and kind spelled out."""
    built: dict[str, Any] = msgspec.to_builtins(parent)
    return {"group": parent.group, "kind": parent.kind} | built


def _findings(read: Read, bound: BoundRoute, parent: BoundParent) -> Iterable[Finding]:
    yield from parent.findings
    yield from of(bound.facts.findings, RESOLVED_REFS)
    if bound.facts.unusable:
        yield from of(bound.facts.findings, ACCEPTED)
    elif not of(parent.findings, ACCEPTED) and (dropped := _dropped(bound.facts)):
        yield dropped
    yield from _refusals(read, bound, parent)


def _dropped(facts: RouteFacts) -> Finding | None:
    """Sum up the rules that cannot be honoured; the message begins as the specification asks."""
    rules = [rule for rule in facts.rules if rule.broken and of(rule.findings, ACCEPTED)]
    if not rules:
        return None
    numbers = ", ".join(str(rule.index) for rule in rules)
    against = [finding for rule in rules for finding in of(rule.findings, ACCEPTED)]
    details = "; ".join(finding.text for finding in against)
    return Finding(PARTIALLY_INVALID, against[0].reason, f"Dropped Rule(s) [{numbers}]: {details}")


def _refusals(read: Read, bound: BoundRoute, parent: BoundParent) -> Iterator[Finding]:
    """Say which clusters of the route Envoy refuses, and which of the filters that pass on its streams, in Envoy's words."""
    for host in (host for place in parent.places for host in place.hosts):
        filter_ = read(DELIVERIES, DeliveryKey("streams", host))
        if filter_ is not None and filter_.refusal:
            yield Finding(PROGRAMMED, "Invalid", f"Envoy refuses filter {filter_.name}: {filter_.refusal}")
    for use in needed(bound, parent.places):
        for delivered in (read(DELIVERIES, DeliveryKey("cluster", use)), read(DELIVERIES, DeliveryKey("endpoints", use))):
            if delivered is not None and delivered.refusal:
                yield Finding(PROGRAMMED, "Invalid", f"Envoy refuses cluster {delivered.name}: {delivered.refusal}")
