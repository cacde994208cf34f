"""Who may attach what to which listener, who may add listeners to which Gateway, and who may refer to what across namespaces.

`namespace` narrows the report to what concerns one namespace: the listeners that its routes may attach to, the Gateways that take
its ListenerSets, the grants in it and for it. `kind` narrows it to one kind. Namespaces are those that are declared or hold an
object.
"""

from collections.abc import Iterator, Mapping

import msgspec

from gatewright.api.meta import NamespacedName
from gatewright.api.referencegrant import ReferenceGrant
from gatewright.flow import World
from gatewright.graph import grants
from gatewright.graph import tables as g
from gatewright.graph.attachment import ListenerView
from gatewright.graph.gateways import GatewayFacts
from gatewright.graph.namespaces import allows, described
from gatewright.reports.references import ForeignReference, foreign_references


class ListenerAccess(msgspec.Struct, frozen=True, rename="camel"):
    """A listener, and whose routes it takes: `chosen` is how it says so, `namespaces` are those that it comes to."""

    gateway: str
    declared_by: str
    listener: str
    port: int
    protocol: str
    hostname: str
    kinds: tuple[str, ...]
    chosen: str
    namespaces: tuple[str, ...]
    serving: bool
    attached_routes: int


class GatewayAccess(msgspec.Struct, frozen=True, rename="camel"):
    """A Gateway, and whose ListenerSets it takes; those that it has, and those that it refuses."""

    gateway: str
    chosen: str
    namespaces: tuple[str, ...]
    taken: tuple[str, ...]
    refused: tuple[str, ...]


class Reference(msgspec.Struct, frozen=True, rename="camel"):
    """A reference into another namespace."""

    referrer: str
    path: str
    target: str


class GrantAccess(msgspec.Struct, frozen=True, rename="camel"):
    """A ReferenceGrant: whom it lets refer to what, and who does (nobody: it is unused)."""

    grant: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    used_by: tuple[Reference, ...]


class Access(msgspec.Struct, frozen=True, rename="camel"):
    """The report; `refused` are references that no grant allows."""

    listeners: tuple[ListenerAccess, ...]
    gateways: tuple[GatewayAccess, ...]
    grants: tuple[GrantAccess, ...]
    refused: tuple[Reference, ...]


def report(world: World, query: Mapping[str, str]) -> Access:
    """Make the report; of `query`, `namespace` and `kind` narrow it."""
    namespace, kind = query.get("namespace", ""), query.get("kind", "")
    known = _namespaces(world)
    references = [each for each in foreign_references(world) if _concerns(each, namespace, kind)]
    return Access(
        listeners=tuple(_listeners(world, known, namespace, kind)) if kind in {"", *g.ROUTE_KINDS} else (),
        gateways=tuple(_gateways(world, known, namespace)) if kind in {"", "ListenerSet"} else (),
        grants=tuple(_grants(world, references, namespace, kind)),
        refused=tuple(_reference(each) for each in references if not grants.permits(world.get, each.referrer, each.target)),
    )


def all_views(world: World) -> Iterator[tuple[g.ParentKey, ListenerView]]:
    """Every listener as routes see it, by Gateway, those of Gateways before those of their ListenerSets."""
    rows = world.rows(g.LISTENER_VIEWS)
    views = [(parent, view) for parent, members in rows.items() for view in members.values()]
    return iter(sorted(views, key=lambda each: (each[1].key.gateway, each[0], each[1].index)))


def _namespaces(world: World) -> list[str]:
    declared = {key.name for key in world.rows(g.NAMESPACES)}
    return sorted(declared.union(*({key.namespace for key in world.rows(ref)} for ref in g.INPUTS)) - {""})


def _listeners(world: World, known: list[str], namespace: str, kind: str) -> Iterator[ListenerAccess]:
    for parent, view in all_views(world):
        let_in = tuple(each for each in known if allows(world.get, view.namespaces, parent.namespace, each))
        if namespace not in {"", *let_in} or kind not in {"", *view.kinds}:
            continue
        yield ListenerAccess(
            gateway=str(view.key.gateway),
            declared_by=str(parent),
            listener=view.key.name,
            port=view.port,
            protocol=view.protocol,
            hostname=view.hostname,
            kinds=view.kinds,
            chosen=described(view.namespaces),
            namespaces=let_in,
            serving=view.config is not None,
            attached_routes=len(world.rows(g.ATTACHED).get(view.key, ())),
        )


def _gateways(world: World, known: list[str], namespace: str) -> Iterator[GatewayAccess]:
    rows: Mapping[NamespacedName, GatewayFacts] = world.rows(g.GATEWAY_FACTS)
    for key, facts in sorted(rows.items(), key=lambda row: row[0]):
        let_in = tuple(each for each in known if allows(world.get, facts.allowed_listeners, key.namespace, each))
        sets = world.get(g.GATEWAY_SETS, key) or {}
        if namespace in {"", *let_in} or any(each.namespace == namespace for each in sets):
            yield GatewayAccess(
                gateway=str(key),
                chosen=described(facts.allowed_listeners),
                namespaces=let_in,
                taken=tuple(str(each) for each in sorted(sets) if sets[each].accepted),
                refused=tuple(str(each) for each in sorted(sets) if not sets[each].accepted),
            )


def _grants(world: World, references: list[ForeignReference], namespace: str, kind: str) -> Iterator[GrantAccess]:
    rows: Mapping[NamespacedName, ReferenceGrant] = world.rows(g.REFERENCE_GRANTS)
    into: dict[str, list[ForeignReference]] = {}
    for each in references:
        into.setdefault(each.target.namespace, []).append(each)
    for key, grant in sorted(rows.items(), key=lambda row: row[0]):
        sources, targets = grant.spec.from_, grant.spec.to
        if namespace not in {"", key.namespace, *(each.namespace for each in sources)}:
            continue
        if kind not in {"", *(each.kind for each in sources), *(each.kind for each in targets)}:
            continue
        used = (each for each in into.get(key.namespace, ()) if grants.allows(grant, each.referrer, each.target))
        yield GrantAccess(
            grant=str(key),
            source=tuple(f"{each.kind}s of {each.namespace}" for each in sources),
            target=tuple(f"{each.kind} {each.name}" if each.name else f"every {each.kind}" for each in targets),
            used_by=tuple(_reference(each) for each in used),
        )


def _concerns(reference: ForeignReference, namespace: str, kind: str) -> bool:
    referrer, target = reference.referrer, reference.target
    return namespace in {"", referrer.namespace, target.namespace} and kind in {"", referrer.kind, target.kind}


def _reference(each: ForeignReference) -> Reference:
    return Reference(
        referrer=f"{each.referrer.kind} {each.referrer.namespace}/{each.name}",
        path=each.path,
        target=f"{each.target.kind} {each.target.namespace}/{each.target.name}",
    )
