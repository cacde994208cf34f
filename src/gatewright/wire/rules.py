"""A resolved rule as Envoy's Route: where its requests go, or what answers them.

Backends without a cluster keep their share as a weighted cluster that does not exist, which Envoy answers with the route's
cluster_not_found_response_code. A rule without any usable share answers 500 by itself. For calls of gRPC both are 503, that
is UNAVAILABLE. Sources: conventions, section 2 ("Weighted routing"); Envoy RouteAction.
"""

from typing import Final

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_pb
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from gatewright.api.durations import milliseconds
from gatewright.api.httproute import HTTPRouteMatch, HTTPRouteTimeouts
from gatewright.features import ROUTE_FILTERS, Placement, grpc
from gatewright.graph.rules import RuleFacts, Share
from gatewright.wire.clusters import cluster_name
from gatewright.wire.matches import route_match

INVALID_BACKEND: Final = "invalid-backend-cluster"
_ERROR: Final = 500
_UNAVAILABLE: Final = 503


class Site(msgspec.Struct, frozen=True):
    """The kind of listener that an entry is rendered for."""

    port: int
    https: bool


def rule_route(rule: RuleFacts, match: HTTPRouteMatch, site: Site) -> route_pb.Route:
    """Render one match of a rule, without its name."""
    route = route_pb.Route(match=route_match(match))
    if rule.calls:
        route.MergeFrom(grpc.route())
    serving = [share for share in rule.shares if share.weight]
    if rule.broken or not (rule.answers or any(share.cluster for share in serving)):
        route.direct_response.status = _UNAVAILABLE if rule.calls else _ERROR
        return route
    if not rule.answers:
        route.route.CopyFrom(_action(rule, serving))
    for each in rule.filters:
        cluster = cluster_name(each.cluster) if each.cluster else ""
        placement = Placement(match, site.port, site.https, cluster, each.extension, each.body)
        route.MergeFrom(ROUTE_FILTERS[each.spec.type].route(each.spec, placement))
    return route


def _action(rule: RuleFacts, serving: list[Share]) -> route_pb.RouteAction:
    action = route_pb.RouteAction()
    if len(serving) == 1 and serving[0].cluster and not serving[0].filters:
        action.cluster = cluster_name(serving[0].cluster)
    else:
        action.weighted_clusters.clusters.extend(_weighted(share) for share in serving)
        if not rule.calls and not all(share.cluster for share in serving):  # it is 503 by itself
            action.cluster_not_found_response_code = route_pb.RouteAction.INTERNAL_SERVER_ERROR
    if rule.rule.timeouts is not None:
        _set_timeouts(action, rule.rule.timeouts)
    return action


def _weighted(share: Share) -> route_pb.WeightedCluster.ClusterWeight:
    weight = UInt32Value(value=share.weight)
    if share.cluster is None:
        return route_pb.WeightedCluster.ClusterWeight(name=INVALID_BACKEND, weight=weight)
    cluster = route_pb.WeightedCluster.ClusterWeight(name=cluster_name(share.cluster), weight=weight)
    for spec in share.filters:
        cluster.MergeFrom(ROUTE_FILTERS[spec.type].weight(spec, Placement(_ANY, 0, https=False)))
    return cluster


_ANY: Final = HTTPRouteMatch()


def _set_timeouts(action: route_pb.RouteAction, timeouts: HTTPRouteTimeouts) -> None:
    """Set the limits of the whole exchange and of each try; 0s is without limit.

    Without a request limit of its own the exchange has as long as its try: Envoy's default of 15 s must not cut it short.
    """
    request = None if timeouts.request is None else milliseconds(timeouts.request)
    each_try = None if timeouts.backend_request is None else milliseconds(timeouts.backend_request)
    whole = each_try if request is None else request
    if whole is not None:
        action.timeout.CopyFrom(_duration(whole))
    if each_try:
        action.retry_policy.per_try_timeout.CopyFrom(_duration(each_try))


def _duration(milliseconds_: int) -> Duration:
    return Duration(seconds=milliseconds_ // 1000, nanos=milliseconds_ % 1000 * 1_000_000)
