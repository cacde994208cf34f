"""Route rules, resolved: what each rule leads to, and what is wrong with it. One entry of `KINDS` a kind of routes.

A rule forwards to weighted clusters, answers with a redirect, or answers with an error. Backends that cannot be resolved keep
their share of requests as errors, and so do those with a filter that cannot be honoured. A rule with a filter or match that
cannot be honoured answers with errors as a whole rather than leave it out; only a match that Envoy cannot express is not there.
Rules of a GRPCRoute are put as HTTP rules, so that all of this is written once. Sources: Gateway API HTTPRouteRule and
GRPCRouteRule; checklist sections 12 and 13.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import asdict

from gatewright.api.filters import GRPCFilter, HTTPFilter
from gatewright.api.grpcroute import GRPCRoute, GRPCRouteRule
from gatewright.api.httproute import HTTPBackendRef, HTTPRoute, HTTPRouteRule, HTTPRouteTimeouts
from gatewright.api.meta import NamespacedName
from gatewright.api.streamroutes import StreamRouteRule, TCPRoute, TLSRoute, UDPRoute
from gatewright.flow import Read
from gatewright.graph import backends, failover, filters, matches, sessions
from gatewright.graph.attachment import Attachable, BoundRoute, Place, bind
from gatewright.graph.failover import Candidate
from gatewright.graph.filters import RuleFilters
from gatewright.graph.findings import Finding
from gatewright.graph.matches import Matches
from gatewright.graph.rules import RouteFacts, RuleFacts, Share, StreamRule
from gatewright.graph.tables import ROUTE_FACTS, DatagramKey, ProxyCluster, ProxySecret, RouteKey, WantedCluster

if TYPE_CHECKING:
    from gatewright.graph.tables import Route


class RouteKind(NamedTuple):
    """How routes of a kind are resolved, and which hosts they are for."""

    resolve: Callable[[Read, RouteKey, Any], RouteFacts]
    hostnames: Callable[[Any], tuple[str, ...]]


def key_of(kind: str, key: NamespacedName) -> RouteKey:
    """The key of a route among those of all kinds."""
    return RouteKey(kind, *key)


def resolve(read: Read, key: RouteKey, route: "Route") -> RouteFacts | None:
    """Resolve every rule of a route."""
    kind = KINDS.get(key.kind)
    return kind.resolve(read, key, route) if kind else None


def attach(read: Read, key: RouteKey, route: "Route") -> BoundRoute | None:
    """Attach a route to its parents; one of which no rule can be honoured is attached nowhere."""
    kind = KINDS.get(key.kind)
    if kind is None:
        return None
    facts = read(ROUTE_FACTS, key) or RouteFacts(())
    created = route.metadata.creation_timestamp or ""
    scope = route.spec.use_default_gateways
    scoped = "" if scope in {None, "None"} else str(scope)
    return bind(read, Attachable(key, created, route.spec.parent_refs, kind.hostnames(route), facts, scoped))


def clusters(key: RouteKey, route: BoundRoute) -> Iterator[tuple[ProxyCluster, RouteKey, None]]:
    """Spread a route over the clusters it needs, proxy by proxy."""
    del key
    for cluster in needed(route, route.places):
        yield cluster, route.key, None


def credentials(key: RouteKey, route: BoundRoute) -> Iterator[tuple[ProxySecret, RouteKey, None]]:
    """Spread a route over the credentials that its backends are sent, proxy by proxy."""
    named = dict.fromkeys(secret for rule in route.facts.rules for secret in rule.credentials)
    if named:
        proxies = dict.fromkeys(host.proxy for place in route.places for host in place.hosts)
        for proxy in proxies:
            for secret in named:
                yield ProxySecret(proxy, secret), key, None


def needed(route: BoundRoute, places: Iterable[Place]) -> Iterator[ProxyCluster]:
    """The clusters that a route needs where it is served. Backends of datagrams are endpoints of their listener's one cluster."""
    named = dict.fromkeys(cluster for rule in route.facts.rules for cluster in rule.clusters)
    wanted: dict[ProxyCluster, None] = {}
    for place in places:
        own: Iterable[WantedCluster] = (DatagramKey(place.listener),) if place.protocol == "UDP" else map(place.reaches, named)
        proxies = dict.fromkeys(host.proxy for host in place.hosts)
        wanted.update(dict.fromkeys(ProxyCluster(proxy, cluster) for cluster in own for proxy in proxies))
    yield from wanted


def wanted(read: Read, key: ProxyCluster, routes: Mapping[RouteKey, None]) -> WantedCluster:
    """Stand for a cluster that some route needs: one route more or less changes nothing about it."""
    del read, routes
    return key.cluster


def _http(read: Read, key: RouteKey, route: HTTPRoute) -> RouteFacts:
    rules = enumerate(route.spec.rules)
    return RouteFacts(tuple(_rule(read, key, i, rule, matches.of_requests(rule.matches, _field(i))) for i, rule in rules))


def _grpc(read: Read, key: RouteKey, route: GRPCRoute) -> RouteFacts:
    judged = [(rule, matches.of_calls(rule.matches, _field(i))) for i, rule in enumerate(route.spec.rules)]
    return RouteFacts(tuple(_rule(read, key, i, _as_http(rule, found), found) for i, (rule, found) in enumerate(judged)))


def _field(rule: int) -> str:
    return f"spec.rules[{rule}].matches"


def _as_http(rule: GRPCRouteRule, found: Matches) -> HTTPRouteRule:
    """Put a rule for calls as one for requests; how long a call may take, caller and backend keep to by themselves."""
    return HTTPRouteRule(
        name=rule.name,
        matches=tuple(each.request for each in found.usable),
        filters=_filters(rule.filters),
        backend_refs=tuple(HTTPBackendRef(**asdict(each) | {"filters": _filters(each.filters)}) for each in rule.backend_refs),
        timeouts=HTTPRouteTimeouts(request="0s"),
        session_persistence=rule.session_persistence,
    )


def _filters(filters: tuple[GRPCFilter, ...]) -> tuple[HTTPFilter, ...]:
    return tuple(HTTPFilter(**asdict(each)) for each in filters)


def _hostnames(route: HTTPRoute | GRPCRoute) -> tuple[str, ...]:
    return route.spec.hostnames


def _stream(read: Read, key: RouteKey, route: TLSRoute | TCPRoute | UDPRoute) -> RouteFacts:
    return RouteFacts(tuple(_stream_rule(read, key, i, rule) for i, rule in enumerate(route.spec.rules)))


def _stream_rule(read: Read, route: RouteKey, index: int, rule: StreamRouteRule) -> StreamRule:
    path = f"spec.rules[{index}].backendRefs"
    resolved = [
        (reference.weight, backends.resolve(read, route, reference, f"{path}[{i}]"))
        for i, reference in enumerate(rule.backend_refs)
    ]
    candidates = [Candidate(Share(weight, each.cluster), each.fallback) for weight, each in resolved]
    findings = tuple(each.finding for _, each in resolved if each.finding)
    return StreamRule(index, failover.arrange(candidates), findings)


def _every_host(route: TCPRoute | UDPRoute) -> tuple[str, ...]:
    del route
    return ()


KINDS: Final[Mapping[str, RouteKind]] = {
    "HTTPRoute": RouteKind(_http, _hostnames),
    "GRPCRoute": RouteKind(_grpc, _hostnames),
    "TLSRoute": RouteKind(_stream, _hostnames),
    "TCPRoute": RouteKind(_stream, _every_host),
    "UDPRoute": RouteKind(_stream, _every_host),
}


def _rule(read: Read, route: RouteKey, index: int, rule: HTTPRouteRule, found: Matches) -> RuleFacts:
    path = f"spec.rules[{index}]"
    resolved = filters.resolve(read, route, rule.filters, rule.matches, f"{path}.filters")
    candidates, unresolved = _backends(read, route, rule, resolved, path)
    shares = failover.arrange(candidates)
    persistence = sessions.resolve(read, route, index, rule, shares)
    return RuleFacts(
        index=index,
        rule=rule,
        calls=route.kind == "GRPCRoute",
        matches=found.usable if resolved.broken else matches.with_cookies(found.usable, resolved.filters),
        filters=resolved.filters,
        shares=persistence.shares,
        session=persistence.session,
        broken=bool(found.findings or resolved.broken or persistence.findings),
        findings=(*found.findings, *resolved.findings, *unresolved, *persistence.findings),
    )


def _backends(
    read: Read, route: RouteKey, rule: HTTPRouteRule, of_rule: RuleFilters, path: str
) -> tuple[tuple[Candidate, ...], tuple[Finding, ...]]:
    """Resolve the backends of a rule."""
    candidates: list[Candidate] = []
    findings: list[Finding] = []
    for i, reference in enumerate(rule.backend_refs):
        where = f"{path}.backendRefs[{i}]"
        resolution = backends.resolve(read, route, reference, where)
        own = filters.resolve_on_backend(read, route, reference.filters, of_rule, rule.matches, f"{where}.filters")
        findings.extend((*filter(None, (resolution.finding,)), *own.findings))
        cluster = None if own.broken else resolution.cluster
        candidates.append(Candidate(Share(reference.weight, cluster, own.filters), resolution.fallback))
    return tuple(candidates), tuple(findings)
