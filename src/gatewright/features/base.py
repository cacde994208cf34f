"""What a filter of a route is to us: a check, and a piece of an Envoy Route.

A feature turns its part of the spec into a partial Envoy message, which the renderer merges into the route (or into one weighted
cluster of it). It sees the match and the listener it is rendered for, and nothing else of the world.
"""

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from gatewright.api.filters import HTTPFilter
from gatewright.api.httproute import HTTPRouteMatch
from gatewright.api.httproutefilter import HTTPRouteFilterSpec


class Placement(msgspec.Struct, frozen=True):
    """What a filter is rendered for: the match, the listener, and what the filter refers to.

    That is the cluster of a mirror or an authorizer, or an HTTPRouteFilter, the text of its body and where its credential is.
    """

    match: HTTPRouteMatch
    port: int
    https: bool
    cluster: str = ""
    extension: HTTPRouteFilterSpec | None = None
    body: str = ""
    credential: SdsSecretConfig | None = None


class RouteFilter:
    """A filter type of HTTPRoute rules and their backends; the defaults are those of a filter that always holds."""

    type: str

    def problem(self, spec: HTTPFilter, matches: tuple[HTTPRouteMatch, ...]) -> str:
        """Why the filter cannot be honoured on a rule with `matches`; empty when it can."""
        del spec, matches
        return ""

    def route(self, spec: HTTPFilter, placement: Placement) -> route_pb.Route:
        """Return what the filter adds to a route."""
        del spec, placement
        return route_pb.Route()

    def weight(self, spec: HTTPFilter, placement: Placement) -> route_pb.WeightedCluster.ClusterWeight | None:
        """Return what the filter adds to one weighted cluster, where it stands on a backend.

        None says that Envoy has no place for it there: the backend gets a route of its own, and its share of the requests.
        """
        del spec, placement
        return None


def packed(message: Message) -> AnyMessage:
    """Wrap a message in an Any, with equal bytes for equal messages."""
    wrapped = AnyMessage()
    wrapped.Pack(message, deterministic=True)
    return wrapped
