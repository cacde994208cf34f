"""What a filter of a route is to us: a check, and a piece of an Envoy Route.

A feature turns its part of the spec into a partial Envoy message, which the renderer merges into the route (or into one weighted
cluster of it). It sees the match and the listener it is rendered for, and nothing else of the world.
"""

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_pb
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from gatewright.api.filters import HTTPFilter
from gatewright.api.httproute import HTTPRouteMatch
from gatewright.api.httproutefilter import HTTPRouteFilterSpec


class Placement(msgspec.Struct, frozen=True):
    """What a filter is rendered for: the match, the listener, and what the filter refers to.

    That is the cluster of a mirror, or an HTTPRouteFilter and the text of its body.
    """

    match: HTTPRouteMatch
    port: int
    https: bool
    cluster: str = ""
    extension: HTTPRouteFilterSpec | None = None
    body: str = ""


class RouteFilter:
    """A filter type of HTTPRoute rules; the defaults are those of a filter that always holds and cannot stand on a backend."""

    type: str
    on_backend = False  # whether it may stand in backendRefs[].filters

    def problem(self, spec: HTTPFilter, matches: tuple[HTTPRouteMatch, ...]) -> str:
        """Why the filter cannot be honoured on a rule with `matches`; empty when it can."""
        del spec, matches
        return ""

    def backend_problem(self, spec: HTTPFilter) -> str:
        """Why the filter cannot be honoured on a backend, though it could be on a rule; empty when it can."""
        del spec
        return ""

    def route(self, spec: HTTPFilter, placement: Placement) -> route_pb.Route:
        """Return what the filter adds to a route."""
        del spec, placement
        return route_pb.Route()

    def weight(self, spec: HTTPFilter, placement: Placement) -> route_pb.WeightedCluster.ClusterWeight:
        """Return what the filter adds to one weighted cluster, where it stands on a backend."""
        del spec, placement
        return route_pb.WeightedCluster.ClusterWeight()


def packed(message: Message) -> AnyMessage:
    """Return a message as the typed configuration of a filter."""
    wrapped = AnyMessage()
    wrapped.Pack(message, deterministic=True)
    return wrapped
