"""Could a route attach to a listener, and if not, which field stops it?

The route may exist (`name`: its hostnames count) or be one that somebody thinks of (`hostnames`, separated by commas). Every
obstacle of every listener is named, with the object and the field that it stands in; attachment itself stops at the first.
"""

from collections.abc import Iterator, Mapping

import msgspec

from gatewright.flow import World
from gatewright.graph import hostnames, labels, namespaces
from gatewright.graph import tables as g
from gatewright.graph.attachment import ListenerView
from gatewright.graph.routes import KINDS
from gatewright.reports.access import all_views


class Obstacle(msgspec.Struct, frozen=True, rename="camel"):
    """What is in the way: the object and field to change, and why."""

    object: str
    path: str
    message: str


class Attempt(msgspec.Struct, frozen=True, rename="camel"):
    """What becomes of the route on one listener."""

    gateway: str
    declared_by: str
    listener: str
    port: int
    protocol: str
    hosts: tuple[str, ...]
    obstacles: tuple[Obstacle, ...]


def report(world: World, query: Mapping[str, str]) -> tuple[Attempt, ...]:
    """Try every listener that `to` names: `[KIND/]NAMESPACE/NAME[/LISTENER]`, all of them where it names none."""
    kind, namespace = query["kind"], query["namespace"]
    hosts = _hostnames(world, query)
    found = ((parent, view) for parent, view in all_views(world) if _is_named(query.get("to", ""), parent, view))
    return tuple(_attempt(world, parent, view, kind, namespace, hosts) for parent, view in found)


def obstacles(
    world: World, parent: g.ParentKey, view: ListenerView, kind: str, namespace: str, hosts: tuple[str, ...]
) -> Iterator[Obstacle]:
    """Everything that keeps a route from a listener."""
    place = f"spec.listeners[{view.index}]"
    if kind not in view.kinds:
        takes = ", ".join(view.kinds) or "no kind of routes"
        message = f"listener {view.key.name} ({view.protocol}) takes {takes}, and no {kind}"
        yield Obstacle(str(parent), f"{place}.allowedRoutes.kinds", message)
    if not namespaces.allows(world.get, view.namespaces, parent.namespace, namespace):
        message = f"listener {view.key.name} takes routes from {_whose(view, parent)}, and not from {namespace}"
        yield Obstacle(str(parent), f"{place}.allowedRoutes.namespaces", message)
    if not hostnames.intersections(view.hostname, hosts):
        message = f"listener {view.key.name} is for {view.hostname}, and the route for {', '.join(hosts)}"
        yield Obstacle(str(parent), f"{place}.hostname", message)
    if view.config is None:
        yield Obstacle(str(parent), place, f"listener {view.key.name} itself is not served: {_why_not(world, view)}")


def _attempt(world: World, parent: g.ParentKey, view: ListenerView, kind: str, namespace: str, hosts: tuple[str, ...]) -> Attempt:
    return Attempt(
        gateway=str(view.key.gateway),
        declared_by=str(parent),
        listener=view.key.name,
        port=view.port,
        protocol=view.protocol,
        hosts=hostnames.intersections(view.hostname, hosts),
        obstacles=tuple(obstacles(world, parent, view, kind, namespace, hosts)),
    )


def _whose(view: ListenerView, parent: g.ParentKey) -> str:
    wanted = view.namespaces
    if wanted.from_ == "Same":
        return f"its own namespace, {parent.namespace}"
    return f"namespaces with {labels.described(wanted.selector)}" if wanted.selector else "no namespace, for want of a selector"


def _why_not(world: World, view: ListenerView) -> str:
    settled = (world.get(g.GATEWAY_LISTENERS, view.key.gateway) or {}).get(view.key)
    return settled.findings[0].message if settled and settled.findings else "see its status"


def _hostnames(world: World, query: Mapping[str, str]) -> tuple[str, ...]:
    if query.get("hostnames"):
        return tuple(query["hostnames"].split(","))
    route = world.get(g.ROUTES, g.RouteKey(query["kind"], query["namespace"], query.get("name", "")))
    kind = KINDS.get(query["kind"])
    return kind.hostnames(route) if route is not None and kind else ()


def _is_named(to: str, parent: g.ParentKey, view: ListenerView) -> bool:
    """Whether `to` names a listener or the object that declares it."""
    names = (
        "",
        *(f"{parent.kind.lower()}/{parent.namespace}/{parent.name}{rest}" for rest in ("", f"/{view.key.name}")),
        *(f"{parent.namespace}/{parent.name}{rest}" for rest in ("", f"/{view.key.name}")),
    )
    return to in names
