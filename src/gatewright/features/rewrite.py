"""URLRewrite: the host and path that the backend sees.

The client's host is kept in `x-forwarded-host`, as Envoy Gateway does. Sources: Gateway API HTTPURLRewriteFilter; Envoy
RouteAction host_rewrite_literal, prefix_rewrite, regex_rewrite.
"""

from envoy.config.route.v3 import route_components_pb2 as route_pb

from gatewright.api.filters import HTTPFilter, HTTPURLRewriteFilter
from gatewright.api.httproute import HTTPRouteMatch
from gatewright.features import paths
from gatewright.features.base import Placement, RouteFilter


class URLRewrite(RouteFilter):
    """The filter URLRewrite."""

    type = "URLRewrite"

    def problem(self, spec: HTTPFilter, matches: tuple[HTTPRouteMatch, ...]) -> str:
        """Why the rewrite cannot be honoured; empty when it can."""
        return paths.problem(spec.url_rewrite.path if spec.url_rewrite else None, matches)

    def weight(self, spec: HTTPFilter, placement: Placement) -> route_pb.WeightedCluster.ClusterWeight | None:
        """Return the rewrite of the host for one backend; Envoy rewrites paths by the route."""
        del placement
        rewrite = spec.url_rewrite or HTTPURLRewriteFilter()
        return None if rewrite.path else route_pb.WeightedCluster.ClusterWeight(host_rewrite_literal=rewrite.hostname or "")

    def route(self, spec: HTTPFilter, placement: Placement) -> route_pb.Route:
        """Return the rewrite as part of the route's action."""
        rewrite = spec.url_rewrite or HTTPURLRewriteFilter()
        action = route_pb.RouteAction()
        if rewrite.hostname:
            action.host_rewrite_literal = rewrite.hostname
            action.append_x_forwarded_host = True
        paths.modify(action, rewrite.path, placement.match)
        return route_pb.Route(route=action)


URL_REWRITE = URLRewrite()
