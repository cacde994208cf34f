"""HTTPRoute matches as Envoy route matches, and the order in which they are tried.

Precedence is the Gateway API's: the more specific match (`graph.matches` ranks them), then the oldest route, its name, and the
order of rules and matches in it.
"""

import re

from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from gatewright.api.httproute import HTTPHeaderMatch, HTTPPathMatch, HTTPQueryParamMatch, HTTPRouteMatch
from gatewright.api.httproutefilter import HTTPCookieMatch
from gatewright.graph.matches import CALL
from gatewright.graph.rules import Match, Rank
from gatewright.graph.tables import RouteKey

Precedence = tuple[Rank, str, str, str, str, int, int]


def precedence(match: Match, created: str, route: RouteKey, rule: int) -> Precedence:
    """Sort key of a match among all of its host; smaller is tried first."""
    return (match.rank, created, route.namespace, route.name, route.kind, rule, match.index)


def route_match(match: HTTPRouteMatch) -> route_pb.RouteMatch:
    """Return Envoy's match. Of headers with equal names the first counts (HTTPHeaderMatch.name)."""
    first = {header.name.lower(): header for header in reversed(match.headers)}
    headers = [_header(header) for header in match.headers if first[header.name.lower()] is header]
    if match.method:
        headers.insert(0, route_pb.HeaderMatcher(name=":method", string_match=StringMatcher(exact=match.method)))
    found = _path(match.path)
    found.headers.extend(headers)
    found.query_parameters.extend(_query(parameter) for parameter in match.query_params)
    return found


def cookie(wanted: HTTPCookieMatch) -> route_pb.HeaderMatcher:
    """Return Envoy's match of one cookie, by the header that all cookies of a request are in."""
    value = f"(?:{wanted.value})" if wanted.type == "RegularExpression" else re.escape(wanted.value)
    pattern = rf"(?:.*;\s*)?{re.escape(wanted.name)}={value}\s*(?:;.*)?"
    return route_pb.HeaderMatcher(name="cookie", string_match=StringMatcher(safe_regex=RegexMatcher(regex=pattern)))


def _path(path: HTTPPathMatch) -> route_pb.RouteMatch:
    if path.type == "Exact":
        return route_pb.RouteMatch(path=path.value)
    if path.type == "RegularExpression":
        return route_pb.RouteMatch(safe_regex=RegexMatcher(regex=path.value))
    prefix = path.value.rstrip("/")
    return route_pb.RouteMatch(path_separated_prefix=prefix) if prefix else route_pb.RouteMatch(prefix="/")


def _header(header: HTTPHeaderMatch) -> route_pb.HeaderMatcher:
    if header == CALL:  # every entry for calls has it, and Envoy looks at it before the path: it must cost nothing
        return route_pb.HeaderMatcher(name=header.name, string_match=StringMatcher(prefix=header.value.removesuffix(".*")))
    return route_pb.HeaderMatcher(name=header.name, string_match=_string(header.type, header.value))


def _query(parameter: HTTPQueryParamMatch) -> route_pb.QueryParameterMatcher:
    return route_pb.QueryParameterMatcher(name=parameter.name, string_match=_string(parameter.type, parameter.value))


def _string(kind: str, value: str) -> StringMatcher:
    return StringMatcher(safe_regex=RegexMatcher(regex=value)) if kind == "RegularExpression" else StringMatcher(exact=value)
