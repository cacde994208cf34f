"""A resolved rule as Envoy's routes: where its requests go, or what answers them.

Backends without a cluster keep their share as a weighted cluster that does not exist, which Envoy answers with the route's
cluster_not_found_response_code. A rule without any usable share answers 500 by itself. For calls of gRPC both are 503, that
is UNAVAILABLE. Where a backend has a filter that a weighted cluster cannot hold (a redirect, another path, a mirror), each
backend gets a route of its own, and the routes divide the requests: Envoy draws one number a request, so cumulated fractions
keep the weights. Sources: conventions, section 2 ("Weighted routing"); Envoy RouteAction, RouteMatch.runtime_fraction.
"""

from collections.abc import Iterable, Iterator, MutableSequence
from itertools import accumulate
from typing import Final

import msgspec
from envoy.config.core.v3.base_pb2 import HeaderValueOption, RuntimeFractionalPercent
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.type.v3.percent_pb2 import FractionalPercent
from google.protobuf.wrappers_pb2 import UInt32Value

from gatewright.api.httproute import HTTPRouteMatch
from gatewright.features import ROUTE_FILTERS, Placement, grpc, session
from gatewright.features.limits import limits
from gatewright.graph.rules import RuleFacts, RuleFilter, Share
from gatewright.wire.clusters import cluster_name
from gatewright.wire.config_source import sds
from gatewright.wire.credentials import secret_name
from gatewright.wire.matches import route_match

INVALID_BACKEND: Final = "invalid-backend-cluster"
_ERROR: Final = 500
_UNAVAILABLE: Final = 503
_PER_MILLION: Final = 1_000_000


class Site(msgspec.Struct, frozen=True):
    """The kind of listener that an entry is rendered for."""

    port: int
    https: bool


def rule_routes(rule: RuleFacts, match: HTTPRouteMatch, site: Site) -> Iterator[tuple[str, route_pb.Route]]:
    """Render one match of a rule: its routes, and what tells their names apart."""
    serving = tuple(share for share in rule.shares if share.weight)
    if rule.broken or not (rule.answers or any(share.cluster for share in serving)):
        yield "", _error(rule, match)
    elif rule.answers:
        yield "", _filtered(_begun(rule, match), rule.filters, match, site)
    elif len(serving) == 1:
        yield "", _own(rule, serving[0], match, site)
    elif (division := _division(rule, serving, match, site)) is None:
        yield from _apart(rule, serving, match, site)
    else:
        yield "", _forwarding(rule, route_pb.RouteAction(weighted_clusters=division), match, site)


def _apart(
    rule: RuleFacts, serving: tuple[Share, ...], match: HTTPRouteMatch, site: Site
) -> Iterator[tuple[str, route_pb.Route]]:
    """Render a route for each backend; the first whose cumulated weight exceeds the number of a request takes it."""
    total = sum(share.weight for share in serving)
    reached = accumulate(share.weight for share in serving)
    for i, (share, weights) in enumerate(zip(serving, reached, strict=True)):
        route = _own(rule, share, match, site)
        if weights < total:
            fraction = FractionalPercent(numerator=weights * _PER_MILLION // total, denominator=FractionalPercent.MILLION)
            route.match.runtime_fraction.CopyFrom(RuntimeFractionalPercent(default_value=fraction))
        yield f"backend/{i}/", route


def _begun(rule: RuleFacts, match: HTTPRouteMatch) -> route_pb.Route:
    route = route_pb.Route(match=route_match(match))
    if rule.calls:
        route.MergeFrom(grpc.route())
    return route


def _error(rule: RuleFacts, match: HTTPRouteMatch) -> route_pb.Route:
    route = _begun(rule, match)
    route.direct_response.status = _UNAVAILABLE if rule.calls else _ERROR
    return route


def _own(rule: RuleFacts, share: Share, match: HTTPRouteMatch, site: Site) -> route_pb.Route:
    """Render the route of one backend: the filters of the rule act, then its own."""
    if share.cluster is None:
        return _error(rule, match)
    if share.answers:
        route = _filtered(_begun(rule, match), rule.filters, match, site)
    else:
        route = _forwarding(rule, route_pb.RouteAction(cluster=cluster_name(share.cluster)), match, site)
    return _filtered(route, share.filters, match, site)


def _forwarding(rule: RuleFacts, action: route_pb.RouteAction, match: HTTPRouteMatch, site: Site) -> route_pb.Route:
    """Render a route of a rule that asks backends."""
    route = _begun(rule, match)
    route.route.CopyFrom(action)
    if any(each.name == INVALID_BACKEND for each in action.weighted_clusters.clusters) and not rule.calls:
        route.route.cluster_not_found_response_code = route_pb.RouteAction.INTERNAL_SERVER_ERROR  # for calls it is 503 by itself
    route.route.MergeFrom(limits(rule.rule.timeouts, rule.rule.retry))
    if rule.session is not None:
        route.MergeFrom(session.route(rule.session, https=site.https))
    return _filtered(route, rule.filters, match, site)


def _filtered(route: route_pb.Route, filters: Iterable[RuleFilter], match: HTTPRouteMatch, site: Site) -> route_pb.Route:
    """Add what filters do to a route, after what it does already."""
    for each in filters:
        part = ROUTE_FILTERS[each.spec.type].route(each.spec, _placement(each, match, site))
        # Of one route Envoy removes headers first, and adds then: what is removed later is not added in the first place.
        _forget(route.request_headers_to_add, part.request_headers_to_remove)
        _forget(route.response_headers_to_add, part.response_headers_to_remove)
        route.MergeFrom(part)
    return route


def _forget(added: MutableSequence[HeaderValueOption], removed: Iterable[str]) -> None:
    names = {name.lower() for name in removed}
    kept = [option for option in added if option.header.key.lower() not in names]
    if len(kept) < len(added):
        added[:] = kept


def _division(rule: RuleFacts, serving: tuple[Share, ...], match: HTTPRouteMatch, site: Site) -> route_pb.WeightedCluster | None:
    """Divide the requests of a rule among weighted clusters; None where those cannot hold what its backends ask for."""
    divided = route_pb.WeightedCluster()
    for share in serving:
        weight = route_pb.WeightedCluster.ClusterWeight(
            name=cluster_name(share.cluster) if share.cluster else INVALID_BACKEND, weight=UInt32Value(value=share.weight)
        )
        for each in share.filters if share.cluster else ():
            part = ROUTE_FILTERS[each.spec.type].weight(each.spec, _placement(each, match, site))
            # Envoy applies a weighted cluster's headers before the route's; ours must have the last word.
            if part is None or any(other.spec.type == each.spec.type for other in rule.filters):
                return None
            weight.MergeFrom(part)
        divided.clusters.append(weight)
    return divided


def _placement(each: RuleFilter, match: HTTPRouteMatch, site: Site) -> Placement:
    cluster = cluster_name(each.cluster) if each.cluster else ""
    credential = sds(secret_name(each.credential)) if each.credential else None
    return Placement(match, site.port, site.https, cluster, each.extension, each.body, credential)
