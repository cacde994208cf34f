"""CORS: which pages of other origins may read answers.

Envoy's filter stands in every chain, switched off, and a route's own policy switches it on. It answers preflights; that they
reach a rule whose matches ask for a method or for headers, which preflights never have, is up to `preflight`. A `*` in an allowed
origin stands for one or more labels of a host. Sources: Gateway API HTTPCORSFilter; Envoy CorsPolicy.
"""

import re
from typing import Final

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors, CorsPolicy
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.wrappers_pb2 import BoolValue

from gatewright.api.filters import HTTPCORSFilter, HTTPFilter
from gatewright.api.httproute import HTTPHeaderMatch, HTTPRouteMatch
from gatewright.features.base import Placement, RouteFilter, packed

NAME: Final = "envoy.filters.http.cors"
_ALL: Final = "*"
_REQUESTED: Final = "access-control-request-method"
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class CORS(RouteFilter):
    """The filter CORS."""

    type = "CORS"

    def route(self, spec: HTTPFilter, placement: Placement) -> route_pb.Route:
        """Return the policy of a route."""
        del placement
        return route_pb.Route(typed_per_filter_config={NAME: packed(_policy(spec.cors or HTTPCORSFilter()))})


CROSS_ORIGIN: Final = CORS()


def http_filter() -> HttpFilter:
    """Return the filter of a chain, off until a route has a policy."""
    return HttpFilter(name=NAME, disabled=True, typed_config=packed(Cors()))


def preflight(match: HTTPRouteMatch) -> HTTPRouteMatch | None:
    """Return the match of the preflights of what `match` admits; None where it admits them itself."""
    if match.method in {None, "OPTIONS"} and not match.headers:
        return None
    asked = HTTPHeaderMatch(name=_REQUESTED, value=match.method or ".+", type="Exact" if match.method else "RegularExpression")
    return msgspec.structs.replace(match, method="OPTIONS", headers=(asked,))


def _policy(spec: HTTPCORSFilter) -> CorsPolicy:
    # With credentials a browser takes `*` literally, so it may not be said.
    exposed = [] if spec.allow_credentials and _ALL in spec.expose_headers else spec.expose_headers
    return CorsPolicy(
        allow_origin_string_match=[_origin(origin) for origin in spec.allow_origins],
        allow_methods=", ".join(spec.allow_methods),
        allow_headers=", ".join(spec.allow_headers),
        expose_headers=", ".join(exposed),
        max_age=str(spec.max_age),
        allow_credentials=BoolValue(value=spec.allow_credentials),
        forward_not_matching_preflights=BoolValue(value=False),
    )


def _origin(origin: str) -> StringMatcher:
    if origin == _ALL:
        return StringMatcher(safe_regex=RegexMatcher(regex=".*"))
    # Browsers leave out the port that is the scheme's own.
    plain = origin.removesuffix(_DEFAULT_PORTS.get(origin.partition("://")[0], " "))
    if _ALL not in plain:
        return StringMatcher(exact=plain, ignore_case=True)
    return StringMatcher(safe_regex=RegexMatcher(regex="(?i)" + re.escape(plain).replace(r"\*", "[^/:]+")))
