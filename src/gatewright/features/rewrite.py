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
    on_backend = True

    def problem(self, spec: HTTPFilter, matches: tuple[HTTPRouteMatch, ...]) -> str:
        """Why the rewrite cannot be honoured; empty when it can."""
        return paths.problem(spec.url_rewrite.path if spec.url_rewrite else None, matches)

    def backend_problem(self, spec: HTTPFilter) -> str:
        """Why the rewrite cannot be honoured on one of several backends: Envoy rewrites paths for all of them alike."""
        return "a path cannot be rewritten for one backend of a rule" if spec.url_rewrite and spec.url_rewrite.path else ""

    def weight(self, spec: HTTPFilter, placement: Placement) -> route_pb.WeightedCluster.ClusterWeight:
        """Return the rewrite of the host for one backend."""
        del placement
        rewrite = spec.url_rewrite or HTTPURLRewriteFilter()
        return route_pb.WeightedCluster.ClusterWeight(host_rewrite_literal=rewrite.hostname or "")

    def route(self, spec: HTTPFilter, placement: Placement) -> route_pb.Route:
        """Return the rewrite as part of the route's action."""
        rewrite = spec.url_rewrite or HTTPURLRewriteFilter()
        action = route_pb.RouteAction()
        if rewrite.hostname:
            action.host_rewrite_literal = rewrite.hostname
            action.append_x_forwarded_host = True
        if rewrite.path and rewrite.path.type == "ReplaceFullPath":
            action.regex_rewrite.CopyFrom(paths.whole_path(rewrite.path.replace_full_path or ""))
        elif rewrite.path:
            prefix, regex = paths.prefix_replacement(rewrite.path, placement.match)
            if regex:
                action.regex_rewrite.CopyFrom(regex)
            else:
                action.prefix_rewrite = prefix
        return route_pb.Route(route=action)


URL_REWRITE = URLRewrite()
