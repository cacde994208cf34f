"""ExtensionRef to an HTTPRouteFilter: rewrites by regular expression, hosts from elsewhere, credentials, direct responses.

A direct response answers instead of a backend. Its body may hold Envoy's command operators (`%REQ(:PATH)%`), as in Envoy
Gateway; any other percent sign is itself. Sources: Envoy Gateway HTTPRouteFilter; Envoy RouteAction,
DirectResponseAction.body_format.
"""

from typing import Final

from envoy.config.core.v3.base_pb2 import DataSource, HeaderValue, HeaderValueOption
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.config.route.v3 import route_components_pb2 as route_pb

from gatewright.api.filters import HTTPFilter
from gatewright.api.httproutefilter import HTTPDirectResponseFilter, HTTPHostnameModifier, HTTPURLRewriteFilter
from gatewright.features import credentials, operators, paths
from gatewright.features.base import Placement, RouteFilter
from gatewright.features.headers import options

_OK: Final = 200


class Extension(RouteFilter):
    """The filter ExtensionRef, its reference resolved."""

    type = "ExtensionRef"

    def route(self, spec: HTTPFilter, placement: Placement) -> route_pb.Route:
        """Return what the HTTPRouteFilter adds."""
        del spec
        if placement.extension is None:
            return route_pb.Route()
        if placement.extension.direct_response is not None:
            return _response(placement.extension.direct_response, placement.body)
        route = route_pb.Route()
        if placement.extension.url_rewrite is not None:
            route.route.CopyFrom(_rewrite(placement.extension.url_rewrite))
        if placement.extension.credential_injection is not None and placement.credential is not None:
            route.MergeFrom(credentials.route(placement.extension.credential_injection, placement.credential))
        return route


def _rewrite(rewrite: HTTPURLRewriteFilter) -> route_pb.RouteAction:
    action = route_pb.RouteAction()
    if rewrite.path and rewrite.path.replace_regex_match:
        replaced = rewrite.path.replace_regex_match
        action.regex_rewrite.CopyFrom(paths.regex(replaced.pattern, replaced.substitution))
    if rewrite.hostname:
        _set_host(action, rewrite.hostname)
        action.append_x_forwarded_host = rewrite.append_x_forwarded_host
    return action


def _set_host(action: route_pb.RouteAction, hostname: HTTPHostnameModifier) -> None:
    if hostname.type == "Header":
        action.host_rewrite_header = hostname.header or ""
    elif hostname.path_regex:
        action.host_rewrite_path_regex.CopyFrom(paths.regex(hostname.path_regex.pattern, hostname.path_regex.substitution))
    else:
        action.auto_host_rewrite.value = True


def _response(response: HTTPDirectResponseFilter, body: str) -> route_pb.Route:
    route = route_pb.Route(direct_response=route_pb.DirectResponseAction(status=response.status_code or _OK))
    if operators.present(body):
        source = DataSource(inline_string=operators.escaped(body))
        route.direct_response.body_format.CopyFrom(SubstitutionFormatString(text_format_source=source))
    elif body:
        route.direct_response.body.inline_string = body
    if response.content_type:
        content_type = HeaderValue(key="content-type", value=response.content_type.replace("%", "%%"))
        route.response_headers_to_add.append(
            HeaderValueOption(header=content_type, append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
        )
    if response.header:
        route.response_headers_to_add.extend(options(response.header))
    return route


EXTENSION = Extension()
