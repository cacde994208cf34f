"""RequestRedirect.

What the filter leaves out is taken from the request. The port is the filter's, else the well-known one of the filter's scheme,
else the listener's; 80 for http and 443 for https are not printed. Sources: checklist section 12.2; Envoy RedirectAction.
"""

from typing import Final

from envoy.config.route.v3 import route_components_pb2 as route_pb

from gatewright.api.filters import HTTPFilter, HTTPRequestRedirectFilter
from gatewright.api.httproute import HTTPRouteMatch
from gatewright.features import paths
from gatewright.features.base import Placement, RouteFilter

_CODES: Final = {
    301: route_pb.RedirectAction.MOVED_PERMANENTLY,
    302: route_pb.RedirectAction.FOUND,
    303: route_pb.RedirectAction.SEE_OTHER,
    307: route_pb.RedirectAction.TEMPORARY_REDIRECT,
    308: route_pb.RedirectAction.PERMANENT_REDIRECT,
}
_WELL_KNOWN: Final = {"http": 80, "https": 443}
_SCHEME: Final = {False: "http", True: "https"}  # by whether the listener's protocol is HTTPS


class RequestRedirect(RouteFilter):
    """The filter RequestRedirect."""

    type = "RequestRedirect"

    def problem(self, spec: HTTPFilter, matches: tuple[HTTPRouteMatch, ...]) -> str:
        """Why the redirect cannot be honoured; empty when it can."""
        return paths.problem(spec.request_redirect.path if spec.request_redirect else None, matches)

    def route(self, spec: HTTPFilter, placement: Placement) -> route_pb.Route:
        """Return the redirect that answers."""
        redirect = spec.request_redirect or HTTPRequestRedirectFilter()
        action = route_pb.RedirectAction(
            response_code=_CODES[redirect.status_code],
            host_redirect=redirect.hostname or "",
            port_redirect=_port(redirect, placement),
        )
        if redirect.scheme:
            action.scheme_redirect = redirect.scheme
        paths.modify(action, redirect.path, placement.match)
        return route_pb.Route(redirect=action)


def _port(redirect: HTTPRequestRedirectFilter, placement: Placement) -> int:
    """Return the port to print, or 0 to print none.

    Told none, Envoy keeps that of the request's Host. A client of a listener on another than the well-known port sends one there,
    so only a well-known listener, or a hostname of the filter's own, lets the port be left out.
    """
    own = _SCHEME[placement.https]
    well_known = _WELL_KNOWN[redirect.scheme or own]
    port = redirect.port or (well_known if redirect.scheme else placement.port)
    plain = bool(redirect.hostname) or placement.port == _WELL_KNOWN[own]
    return 0 if port == well_known and plain else port


REQUEST_REDIRECT = RequestRedirect()
