"""Route rules, resolved: what each rule leads to, and what is wrong with it. One entry of `KINDS` a kind of routes.

A rule forwards to weighted clusters, answers with a redirect, or answers with an error. Backends that cannot be resolved keep
their share of requests as errors (500), and so do those with a filter that cannot be honoured. A rule with a filter or match
that cannot be honoured answers 500 as a whole rather than leave it out; only a match that Envoy cannot express is not there.
Source: Gateway API HTTPRouteRule; checklist section 12.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gatewright.api.httproute import HTTPRoute, HTTPRouteMatch, HTTPRouteRule
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph import backends, failover, filters, regexes
from gatewright.graph.attachment import Attachable, BoundRoute, bind
from gatewright.graph.failover import Candidate
from gatewright.graph.findings import ACCEPTED, Finding
from gatewright.graph.rules import RouteFacts, RuleFacts, Share
from gatewright.graph.tables import ROUTE_FACTS, ClusterKey, FailoverKey, ProxyCluster, RouteKey

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
    return bind(read, Attachable(key, created, route.spec.parent_refs, kind.hostnames(route), facts))


def clusters(key: RouteKey, route: BoundRoute) -> Iterator[tuple[ProxyCluster, RouteKey, None]]:
    """Spread a route over the clusters it needs, proxy by proxy."""
    del key
    proxies = dict.fromkeys(host.config.proxy for place in route.places for host in place.hosts)
    wanted = dict.fromkeys(cluster for rule in route.facts.rules for cluster in rule.clusters)
    for proxy in proxies:
        for cluster in wanted:
            yield ProxyCluster(proxy, cluster), route.key, None


def wanted(read: Read, key: ProxyCluster, routes: Mapping[RouteKey, None]) -> ClusterKey | FailoverKey:
    """Stand for a cluster that some route needs: one route more or less changes nothing about it."""
    del read, routes
    return key.cluster


def _http(read: Read, key: RouteKey, route: HTTPRoute) -> RouteFacts:
    return RouteFacts(tuple(_rule(read, key, i, rule) for i, rule in enumerate(route.spec.rules)))


def _http_hostnames(route: HTTPRoute) -> tuple[str, ...]:
    return route.spec.hostnames


KINDS: Final[Mapping[str, RouteKind]] = {"HTTPRoute": RouteKind(_http, _http_hostnames)}


def _rule(read: Read, route: RouteKey, index: int, rule: HTTPRouteRule) -> RuleFacts:
    path = f"spec.rules[{index}]"
    matches = [_match(match, f"{path}.matches[{i}]") for i, match in enumerate(rule.matches)]
    dropped = frozenset(i for i, problems in enumerate(matches) if problems)
    resolved = filters.resolve(read, route, rule.filters, rule.matches, f"{path}.filters")
    candidates, unresolved = _backends(read, route, rule, path)
    findings = (*(problem for problems in matches for problem in problems), *resolved.findings, *unresolved)
    broken = bool(dropped or resolved.broken)
    return RuleFacts(index, rule, resolved.filters, failover.arrange(candidates), broken, dropped, findings)


def _match(match: HTTPRouteMatch, path: str) -> tuple[Finding, ...]:
    """Check every regular expression of a match."""
    patterns = [(f"{path}.path.value", match.path.value)] if match.path.type == "RegularExpression" else []
    patterns += [(f"{path}.headers[{i}].value", h.value) for i, h in enumerate(match.headers) if h.type == "RegularExpression"]
    patterns += [
        (f"{path}.queryParams[{i}].value", q.value) for i, q in enumerate(match.query_params) if q.type == "RegularExpression"
    ]
    return tuple(
        Finding(ACCEPTED, "UnsupportedValue", problem, where) for where, text in patterns if (problem := regexes.problem(text))
    )


def _backends(read: Read, route: RouteKey, rule: HTTPRouteRule, path: str) -> tuple[tuple[Candidate, ...], tuple[Finding, ...]]:
    """Resolve the backends of a rule."""
    candidates: list[Candidate] = []
    findings: list[Finding] = []
    for i, reference in enumerate(rule.backend_refs):
        where = f"{path}.backendRefs[{i}]"
        resolution = backends.resolve(read, route, reference, where)
        problems = filters.problems_on_backend(reference.filters, rule.matches, f"{where}.filters")
        findings.extend((*filter(None, (resolution.finding,)), *problems))
        cluster = None if problems else resolution.cluster
        candidates.append(Candidate(Share(reference.weight, cluster, reference.filters), resolution.fallback))
    return tuple(candidates), tuple(findings)
