"""Why a route does not work: its parents, listeners, hosts and rules, each with what is in the way, the field, and what to do.

A status says what is wrong by the API's reasons, one a condition. Here every parentRef is followed to the listeners it means,
every hostname to who has it, every rule to those that come before it and to its backends' endpoints.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from gatewright.api.meta import NamespacedName
from gatewright.api.references import GATEWAY_GROUP, ParentReference
from gatewright.flow import Ref, World
from gatewright.graph import hostnames
from gatewright.graph import tables as g
from gatewright.graph.attachment import BoundParent, BoundRoute, ListenerView, rivals
from gatewright.graph.findings import ACCEPTED, of
from gatewright.graph.routes import KINDS
from gatewright.reports import attachable, rules
from gatewright.reports.attachable import Obstacle
from gatewright.reports.rules import RuleReport
from gatewright.status import tables as s

ALTERNATIVES: Final = 3  # listeners that would take the route: more are not read
_PARENTS: Final[Mapping[str, Ref[NamespacedName, Any]]] = {ref.name: ref for ref in (g.GATEWAYS, g.LISTENER_SETS)}


class ListenerReport(msgspec.Struct, frozen=True, rename="camel"):
    """A listener that a parentRef means: the hosts that it serves the route for, hosts that others have, what is in the way."""

    declared_by: str
    listener: str
    port: int
    protocol: str
    hosts: tuple[str, ...]
    taken: tuple[str, ...]
    obstacles: tuple[Obstacle, ...]


class ParentReport(msgspec.Struct, frozen=True, rename="camel"):
    """What becomes of one parentRef."""

    path: str
    parent: str
    problem: str
    listeners: tuple[ListenerReport, ...]

    @property
    def works(self) -> bool:
        """Whether the route is served through it."""
        return any(each.hosts for each in self.listeners)


class RouteReport(msgspec.Struct, frozen=True, rename="camel"):
    """The report on one route; `advice` is what to do next, the likeliest first."""

    kind: str
    namespace: str
    name: str
    hostnames: tuple[str, ...]
    parents: tuple[ParentReport, ...]
    rules: tuple[RuleReport, ...]
    works: bool
    advice: tuple[str, ...]


def report(world: World, query: Mapping[str, str]) -> RouteReport | None:
    """Report on the route that `kind`, `namespace` and `name` name; None where there is none."""
    key = g.RouteKey(query["kind"], query["namespace"], query["name"])
    route, kind = world.get(g.ROUTES, key), KINDS.get(query["kind"])
    if route is None or kind is None:
        return None
    bound = world.get(g.BOUND, key)
    hosts = kind.hostnames(route)
    references = enumerate(route.spec.parent_refs)
    parents = tuple(_parent(world, key, hosts, f"spec.parentRefs[{i}]", reference, bound) for i, reference in references)
    told = tuple(rules.report(world, key, bound))
    works = all(each.works and not each.problem for each in parents) and not any(each.problems for each in told)
    advice = tuple(_advice(world, key, hosts, parents, told))
    return RouteReport(key.kind, key.namespace, key.name, hosts, parents, told, works and bool(parents), advice)


def _parent(
    world: World, key: g.RouteKey, hosts: tuple[str, ...], path: str, reference: ParentReference, bound: BoundRoute | None
) -> ParentReport:
    parent = g.ParentKey(reference.kind, reference.namespace or key.namespace, reference.name)
    found = next((each for each in bound.parents if each.reference == reference), None) if bound else None
    if found is None:
        return ParentReport(path, str(parent), _unknown(world, parent, reference, path), ())
    views = (world.get(g.LISTENER_VIEWS, parent) or {}).values()
    meant = [each for each in views if reference.section_name in {None, each.key.name} and reference.port in {None, each.port}]
    against = () if meant else of(found.findings, ACCEPTED)  # listeners tell more, one by one
    unusable = of(bound.facts.findings, ACCEPTED) if bound and bound.facts.unusable else ()
    problem = "; ".join(each.text for each in (*against, *unusable))
    listeners = (_listener(world, parent, view, key, hosts, found) for view in sorted(meant, key=lambda view: view.index))
    return ParentReport(path, _named(parent, reference), problem, tuple(listeners))


def _named(parent: g.ParentKey, reference: ParentReference) -> str:
    section = f", listener {reference.section_name}" if reference.section_name else ""
    return f"{parent}{section}{f', port {reference.port}' if reference.port else ''}"


def _unknown(world: World, parent: g.ParentKey, reference: ParentReference, path: str) -> str:
    """Say why a parent is none of ours, as precisely as can be."""
    table = _PARENTS.get(parent.kind)
    if table is None or reference.group != GATEWAY_GROUP:
        return f"{path}.kind: {parent.kind} of group {reference.group!r} takes no routes; use Gateway or ListenerSet"
    rows = world.rows(table)
    if NamespacedName(parent.namespace, parent.name) in rows:
        return f"{path}: {parent} is another controller's, or its GatewayClass is missing"
    elsewhere = sorted(each.namespace for each in rows if each.name == parent.name)
    if elsewhere:
        return f"{path}.namespace: there is no {parent}; one of that name is in namespace {', '.join(elsewhere)}"
    here = ", ".join(sorted(str(each) for each in rows)[:ALTERNATIVES])
    return f"{path}.name: there is no {parent}; there {f'is {here}' if here else 'is none at all'}"


def _listener(
    world: World, parent: g.ParentKey, view: ListenerView, key: g.RouteKey, hosts: tuple[str, ...], found: BoundParent
) -> ListenerReport:
    place = next((each for each in found.places if each.listener == view.key), None)
    served = tuple(host.host or "*" for host in place.hosts) if place else ()
    taken = tuple(_taken(world, view, hostnames.intersections(view.hostname, hosts), served)) if place else ()
    against = tuple(attachable.obstacles(world, parent, view, key.kind, key.namespace, hosts))
    undelivered = () if against else tuple(_undelivered(world, parent, view))
    return ListenerReport(str(parent), view.key.name, view.port, view.protocol, served, taken, against + undelivered)


def _taken(world: World, view: ListenerView, wanted: Sequence[str], served: Sequence[str]) -> Iterator[str]:
    """Name the listeners of the same port that have hosts of the route, being more specific."""
    others = rivals(world.get, view.config) if view.config else {}
    for host in wanted:
        owner = hostnames.owner(host, others)
        if (host or "*") not in served and owner is not None:
            other = others[owner]
            yield f"{host or '*'} belongs to listener {other.name} of {other.parent}, which is for {owner or '*'}"


def _undelivered(world: World, parent: g.ParentKey, view: ListenerView) -> Iterator[Obstacle]:
    """Say what the parent's status knows of a listener that nothing else is in the way of: Envoy refuses it, or does not run."""
    table = s.GATEWAY_STATUS if parent.kind == "Gateway" else s.LISTENER_SET_STATUS
    status = world.get(table, NamespacedName(parent.namespace, parent.name))
    entries = status.body.get("listeners", ()) if status else ()
    for condition in (each for entry in entries if entry["name"] == view.key.name for each in entry["conditions"]):
        if condition["type"] == "Programmed" and condition["status"] != "True":
            yield Obstacle(str(parent), f"spec.listeners[{view.index}]", f"{condition['reason']}: {condition['message']}")


def _advice(
    world: World, key: g.RouteKey, hosts: tuple[str, ...], parents: Sequence[ParentReport], told: Sequence[RuleReport]
) -> Iterator[str]:
    if not parents:
        yield "Name a Gateway or ListenerSet in spec.parentRefs: without one the route is served nowhere."
    if not all(each.works for each in parents) or not parents:
        yield from _elsewhere(world, key, hosts, parents)
    if any("RefNotPermitted" in problem for rule in told for problem in rule.problems):
        yield (
            f"A ReferenceGrant in the namespace of the backend lets it in: from {key.kind} of {key.namespace}, to the backend's "
            "kind and name. 'gatewright access' shows those that there are."
        )


def _elsewhere(world: World, key: g.RouteKey, hosts: tuple[str, ...], parents: Sequence[ParentReport]) -> Iterator[str]:
    """Name listeners that would take the route as it is, and do not have it."""
    has = {(each.declared_by, each.listener) for parent in parents for each in parent.listeners if each.hosts}
    query = {"kind": key.kind, "namespace": key.namespace, "hostnames": ",".join(hosts)}
    taking = [each for each in attachable.report(world, query) if not each.obstacles]
    for each in [each for each in taking if (each.declared_by, each.listener) not in has][:ALTERNATIVES]:
        kind, _, whole = each.declared_by.partition(" ")
        namespace, _, name = whole.partition("/")
        of_kind = "" if kind == "Gateway" else f"kind: {kind}, "
        where = f", namespace: {namespace}" if namespace != key.namespace else ""
        reference = f"{{{of_kind}name: {name}{where}, sectionName: {each.listener}}}"
        yield f"It could attach to {reference} (port {each.port}, {each.protocol})."
    if not taking:
        yield (
            "No listener takes it as it is: change what is named above, or ask who owns the Gateway; "
            "'gatewright access' shows what each listener takes."
        )
