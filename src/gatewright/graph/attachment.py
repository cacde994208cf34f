"""Attachment of routes to listeners: the same rules for every route kind.

Each parentRef selects listeners (by section name and port), which must allow the route's kind and namespace, and share a hostname
with it. What comes out per parentRef is either the places where the route is served or the one reason why it is not. Sources:
Gateway API ParentReference, AllowedRoutes, hostname intersection; checklist section 11.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from gatewright.api.gateway import RouteNamespaces
from gatewright.api.references import GATEWAY_GROUP, ParentReference
from gatewright.flow import Read
from gatewright.graph import hostnames
from gatewright.graph.conflicts import FRAMING, HOSTED
from gatewright.graph.findings import ACCEPTED, Finding
from gatewright.graph.listeners import ListenerFacts, PortFacts
from gatewright.graph.namespaces import allows, described
from gatewright.graph.rules import RouteFacts
from gatewright.graph.tables import (
    DEFAULT_GATEWAYS,
    LISTENER_VIEWS,
    PARENT_FACTS,
    PARENTS,
    PASSTHROUGH,
    PORT_HOSTS,
    TLS_HOSTS,
    AnyCluster,
    ClusterKey,
    FailoverKey,
    ListenerKey,
    ParentKey,
    PortKey,
    RouteConfigKey,
    RouteKey,
    VirtualHostKey,
)

REQUESTS: Final = frozenset({"HTTP", "HTTPS"})
"""The protocols of which the proxy reads requests, rather than passing on what comes."""


class ListenerView(msgspec.Struct, frozen=True):
    """What routes see of a listener: nothing here changes when, say, a certificate is rotated."""

    key: ListenerKey
    index: int
    port: int
    protocol: str
    terminates: bool
    hostname: str
    kinds: tuple[str, ...]
    namespaces: RouteNamespaces
    config: RouteConfigKey | None  # None while the proxy does not get the listener


class Place(msgspec.Struct, frozen=True):
    """A listener that serves a route, and the route's hosts there: virtual hosts, server names, or the one of all connections."""

    listener: ListenerKey
    port: int
    protocol: str
    terminates: bool
    hosts: tuple[VirtualHostKey, ...]

    def reaches(self, cluster: AnyCluster) -> AnyCluster:
        """The cluster of a backend as it is reached from here: what passes through is not wrapped in TLS once more."""
        if self.protocol != "TLS" or self.terminates:
            return cluster
        if isinstance(cluster, FailoverKey):
            return cluster._replace(clusters=tuple(each._replace(protocol=PASSTHROUGH) for each in cluster.clusters))
        return cluster._replace(protocol=PASSTHROUGH) if isinstance(cluster, ClusterKey) else cluster


class BoundParent(msgspec.Struct, frozen=True):
    """What became of one parentRef. `attached` are the listeners that count the route, serving or not."""

    reference: ParentReference
    parent: ParentKey
    attached: tuple[ListenerKey, ...]
    places: tuple[Place, ...]
    findings: tuple[Finding, ...]


class BoundRoute(msgspec.Struct, frozen=True):
    """A route with at least one parent of ours."""

    key: RouteKey
    created: str
    facts: RouteFacts
    parents: tuple[BoundParent, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        """Every listener that serves the route, once."""
        return tuple({place.listener: place for parent in self.parents for place in parent.places}.values())


class Attachable(msgspec.Struct, frozen=True):
    """A route of any kind, reduced to what attachment looks at."""

    key: RouteKey
    created: str
    parent_refs: tuple[ParentReference, ...]
    hostnames: tuple[str, ...]
    facts: RouteFacts
    default_scope: str = ""  # that of the default Gateways it asks for; empty for none


def route_config(proxy: str, facts: ListenerFacts) -> RouteConfigKey:
    """Name where the routes of a listener are: shared by the plain HTTP listeners of a port, own for any other listener.

    That of an HTTP or HTTPS listener is a RouteConfiguration.
    """
    own = "" if facts.listener.protocol == "HTTP" else str(facts.key)
    return RouteConfigKey(proxy, facts.listener.port, own)


def views(key: PortKey, port: PortFacts) -> Iterator[tuple[ParentKey, ListenerKey, ListenerView]]:
    """Reduce settled listeners to what routes see, by the object that declares them."""
    for facts in port.listeners:
        view = ListenerView(
            key=facts.key,
            index=facts.index,
            port=key.port,
            protocol=facts.listener.protocol,
            terminates=facts.terminates,
            hostname=facts.hostname,
            kinds=facts.kinds,
            namespaces=facts.listener.allowed_routes.namespaces,
            config=route_config(key.proxy, facts) if facts.serving else None,
        )
        yield facts.key.parent, facts.key, view


def hosts(key: PortKey, port: PortFacts) -> Iterator[tuple[RouteConfigKey, str, ListenerKey]]:
    """Gather the hostnames of serving listeners by RouteConfiguration."""
    for facts in port.serving:
        if facts.listener.protocol in REQUESTS:
            yield route_config(key.proxy, facts), facts.hostname, facts.key


def tls_hosts(key: PortKey, port: PortFacts) -> Iterator[tuple[PortKey, str, ListenerKey]]:
    """Gather the hostnames of a port's serving listeners that are told apart by SNI, whatever becomes of their connections."""
    for facts in port.serving:
        if FRAMING[facts.listener.protocol] == "TLS":
            yield key, facts.hostname, facts.key


def rivals(read: Read, config: RouteConfigKey) -> Mapping[str, ListenerKey]:
    """The hostnames among which a request's host belongs to the most specific: those of all listeners that it could mean."""
    return (read(TLS_HOSTS, PortKey(config.proxy, config.port)) if config.listener else read(PORT_HOSTS, config)) or {}


def bind(read: Read, route: Attachable) -> BoundRoute | None:
    """Attach one route; None when no parent of it is a Gateway of ours. A route without a usable rule is attached nowhere."""
    named = [(reference, f"spec.parentRefs[{i}]") for i, reference in enumerate(route.parent_refs)]
    claiming = [(reference, "spec.useDefaultGateways") for reference in _claiming(read, route)]
    parents = tuple(parent for each in (*named, *claiming) if (parent := _bound(read, route, *each)) is not None)
    if route.facts.unusable:
        parents = tuple(BoundParent(parent.reference, parent.parent, (), (), parent.findings) for parent in parents)
    return BoundRoute(route.key, route.created, route.facts, parents) if parents else None


def attached(key: RouteKey, route: BoundRoute) -> Iterator[tuple[ListenerKey, RouteKey, None]]:
    """Spread routes over the listeners that count them."""
    del key
    for listener in dict.fromkeys(listener for parent in route.parents for listener in parent.attached):
        yield listener, route.key, None


def _claiming(read: Read, route: Attachable) -> list[ParentReference]:
    """Refer to the default Gateways of a route's scope, but for those that it names itself."""
    found = (read(DEFAULT_GATEWAYS, route.default_scope) if route.default_scope else None) or {}
    named = {(each.kind, each.namespace or route.key.namespace, each.name) for each in route.parent_refs}
    return [
        ParentReference(name=gateway.name, namespace=gateway.namespace)
        for gateway in sorted(found)
        if ("Gateway", *gateway) not in named
    ]


def _bound(read: Read, route: Attachable, reference: ParentReference, where: str) -> BoundParent | None:
    """Attach to one parent; a Gateway's listeners are its own, those of its ListenerSets are reached through the set alone."""
    if reference.group != GATEWAY_GROUP or reference.kind not in PARENT_FACTS:
        return None
    parent = ParentKey(reference.kind, reference.namespace or route.key.namespace, reference.name)
    facts = read(PARENTS, parent)
    if facts is None:
        return None
    if not facts.accepted:
        return _refused(reference, parent, where, "NoMatchingParent", f"{parent} is not accepted")
    listeners = sorted((read(LISTENER_VIEWS, parent) or {}).values(), key=lambda view: view.index)
    named = [
        view for view in listeners if reference.section_name in {None, view.key.name} and reference.port in {None, view.port}
    ]
    if not named:
        return _refused(reference, parent, where, "NoMatchingParent", _nothing_named(reference, parent, listeners))
    kinds = [view for view in named if route.key.kind in view.kinds]
    allowed = [view for view in kinds if allows(read, view.namespaces, parent.namespace, route.key.namespace)]
    if not allowed:
        return _refused(reference, parent, where, "NotAllowedByListeners", _not_allowed(route, parent, named))
    shared = [(view, common) for view in allowed if (common := hostnames.intersections(view.hostname, route.hostnames))]
    if not shared:
        message = f"no hostname of the route ({', '.join(route.hostnames)}) is one of {_listener_hosts(allowed)}"
        return _refused(reference, parent, where, "NoMatchingListenerHostname", message, path="spec.hostnames")
    places = tuple(_place(read, view, common) for view, common in shared if view.config is not None)
    return BoundParent(reference, parent, tuple(view.key for view, _ in shared), places, ())


def _refused(reference: ParentReference, parent: ParentKey, where: str, reason: str, message: str, path: str = "") -> BoundParent:
    finding = Finding(ACCEPTED, reason, message, path or where)
    return BoundParent(reference, parent, (), (), (finding,))


def _place(read: Read, view: ListenerView, common: tuple[str, ...]) -> Place:
    """Keep the hosts for which this listener is the most specific one of its port (GatewayHTTPListenerIsolation)."""
    config = view.config
    if config is None:
        raise ValueError("a listener that the proxy does not get is no place")
    taken = rivals(read, config) if FRAMING[view.protocol] in HOSTED else (hostnames.ALL,)
    own = (host for host in common if hostnames.owner(host, taken) == view.hostname)
    hosts_here = tuple(VirtualHostKey(config, host) for host in own)
    return Place(view.key, view.port, view.protocol, view.terminates, hosts_here)


def _nothing_named(reference: ParentReference, parent: ParentKey, listeners: list[ListenerView]) -> str:
    wanted = [f"named {reference.section_name}"] if reference.section_name else []
    wanted += [f"on port {reference.port}"] if reference.port else []
    there = ", ".join(f"{view.key.name} ({view.port})" for view in listeners)
    return f"{parent} has no listener {' '.join(wanted) or 'at all'}; it has {there or 'none'}"


def _not_allowed(route: Attachable, parent: ParentKey, named: list[ListenerView]) -> str:
    names = ", ".join(view.key.name for view in named)
    if not any(route.key.kind in view.kinds for view in named):
        return f"listener {names} of {parent} does not take routes of kind {route.key.kind}"
    how = ", ".join(dict.fromkeys(described(view.namespaces) for view in named))
    message = f"listener {names} of {parent} does not allow routes from namespace {route.key.namespace}"
    return f"{message} (allowedRoutes.namespaces.from: {how})"


def _listener_hosts(listeners: list[ListenerView]) -> str:
    return ", ".join(f"{view.hostname or '*'} of listener {view.key.name}" for view in listeners)
