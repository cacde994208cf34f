"""The rules of a route, one by one: what they match, where they lead, and what is in the way.

A match that another route has too on the same host is the older route's (then by namespace and name); the younger one's is never
asked. A backend without ready endpoints answers 503 to all of its share. Source: Gateway API, HTTPRouteRule "matches".
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from gatewright.api.httproute import HTTPRouteMatch
from gatewright.api.meta import NamespacedName
from gatewright.flow import World
from gatewright.graph import tables as g
from gatewright.graph.attachment import BoundRoute
from gatewright.graph.rules import Match, RuleFacts, StreamRule

_PATHS: Final = {"Exact": "{}", "PathPrefix": "{}…", "RegularExpression": "~{}"}
_STREAMS: Final = {"UDPRoute": "every datagram"}
_LEVEL: Final = ("TCPRoute", "UDPRoute")  # routes that tell no connections apart: a listener has one


class RuleReport(msgspec.Struct, frozen=True, rename="camel"):
    """One rule: `problems` are what its requests suffer from."""

    path: str
    matches: tuple[str, ...]
    leads_to: tuple[str, ...]
    problems: tuple[str, ...]


def report(world: World, key: g.RouteKey, bound: BoundRoute | None) -> Iterator[RuleReport]:
    """Report on every rule of a route that has a parent of ours."""
    if bound is None:
        return
    others = [each for each in _neighbours(world, bound) if _age(each) < _age(bound)]
    for rule in bound.facts.rules:
        problems = (
            *(f"{each.reason}: {each.text}" for each in rule.findings),
            *_outdone(key, bound, rule, others),
            *_without_endpoints(world, rule),
        )
        whole = () if isinstance(rule, RuleFacts) else (_STREAMS.get(key.kind, "every connection"),)
        matches = tuple(_match(match.request) for match in _matches(rule)) or whole
        yield RuleReport(f"spec.rules[{rule.index}]", matches, tuple(_leads_to(rule)), tuple(dict.fromkeys(problems)))


def _neighbours(world: World, bound: BoundRoute) -> Iterator[BoundRoute]:
    """The other routes on the listeners that serve this one."""
    keys = {key for place in bound.places for key in world.get(g.ATTACHED, place.listener) or ()} - {bound.key}
    return (each for key in sorted(keys) if (each := world.get(g.BOUND, key)) is not None)


def _age(route: BoundRoute) -> tuple[str, str, str, str]:
    return (route.created, route.key.namespace, route.key.name, route.key.kind)


def _matches(rule: StreamRule) -> tuple[Match, ...]:
    return rule.matches if isinstance(rule, RuleFacts) else ()


def _outdone(key: g.RouteKey, bound: BoundRoute, rule: StreamRule, older: list[BoundRoute]) -> Iterator[str]:
    """Name the older routes that have what this rule matches."""
    mine = {host for place in bound.places for host in place.hosts}
    for other in older:
        name = f"{other.key.kind} {other.key.namespace}/{other.key.name}"
        if key.kind in _LEVEL and other.key.kind == key.kind:
            yield f"a listener has one {key.kind}, and {name} is older"
            continue
        shared = [host.host for place in other.places for host in place.hosts if host in mine]
        hosts = ", ".join(dict.fromkeys(host or "*" for host in shared))
        if shared and not isinstance(rule, RuleFacts):
            yield f"{hosts} is taken by {name}, which is older"
            continue
        for theirs in other.facts.for_requests if shared else ():
            for match in _common(_matches(rule), theirs):
                yield f"{_match(match.request)} on {hosts} is taken by spec.rules[{theirs.index}] of {name}, which comes first"


def _common(mine: tuple[Match, ...], theirs: RuleFacts) -> Iterator[Match]:
    taken = [each.request for each in theirs.matches]
    return (each for each in mine if each.request in taken)


def _without_endpoints(world: World, rule: StreamRule) -> Iterator[str]:
    for cluster in rule.clusters:
        if not isinstance(cluster, g.ClusterKey) or cluster.kind != "service":
            continue
        owner = NamespacedName(cluster.namespace, cluster.name)
        slices = (world.get(g.SLICES, owner) or {}).values()
        if not any(endpoint.conditions.ready is not False for each in slices for endpoint in each.endpoints):
            what = "requests is answered 503" if isinstance(rule, RuleFacts) else "connections is refused"
            yield f"Service {owner} has no ready endpoints: its share of the {what}"


def _leads_to(rule: StreamRule) -> Iterator[str]:
    if rule.broken:
        yield "500, as a whole"
        return
    nowhere = "500" if isinstance(rule, RuleFacts) else "refused"
    answering = [each for each in rule.filters if each.answers] if isinstance(rule, RuleFacts) else []
    for each in answering:
        yield f"{each.spec.type}"
    if not answering:
        for share in rule.shares:
            weight = f" (weight {share.weight})" if len(rule.shares) > 1 else ""
            yield f"{_cluster(share.cluster) if share.cluster else nowhere}{weight}"
        if not rule.shares:
            yield f"{nowhere}: no backend"


def _cluster(cluster: g.AnyCluster) -> str:
    if isinstance(cluster, g.FailoverKey):
        return " or else ".join(map(_cluster, cluster.clusters))
    if isinstance(cluster, g.PoolKey):
        return " and ".join(f"{_cluster(member)} (weight {weight})" for member, weight in cluster.members)
    port = f":{cluster.port}" if cluster.port else ""
    return f"{cluster.kind.capitalize()} {cluster.namespace}/{cluster.name}{port}"


def _match(match: HTTPRouteMatch) -> str:
    """A match in a few words: `GET /cart, header version=two`."""
    path = _PATHS[match.path.type].format(match.path.value)
    path = "any path" if path == "/…" else path
    more = [f"header {each.name}={each.value}" for each in match.headers]
    more += [f"query {each.name}={each.value}" for each in match.query_params]
    return ", ".join([f"{match.method} {path}" if match.method else path, *more])
