"""Path modifiers, shared by redirects and rewrites.

ReplacePrefixMatch works on whole path segments, so prefix and replacement are taken without their trailing slash; a replacement
by nothing (or by `/`) must not leave a double slash, which Envoy's prefix rewrite would, hence a regex. Source: checklist
section 12.2, the table of prefix replacements; Envoy RouteAction and RedirectAction, whose fields for this have the same names.
"""

import re

from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.type.matcher.v3.regex_pb2 import RegexMatchAndSubstitute, RegexMatcher

from gatewright.api.filters import HTTPPathModifier
from gatewright.api.httproute import HTTPRouteMatch


def problem(modifier: HTTPPathModifier | None, matches: tuple[HTTPRouteMatch, ...]) -> str:
    """Why a path modifier cannot be honoured on a rule with `matches`; empty when it can."""
    if modifier is None or modifier.type != "ReplacePrefixMatch":
        return ""
    others = [match.path.type for match in matches if match.path.type != "PathPrefix"]
    return f"ReplacePrefixMatch needs PathPrefix matches; the rule has a match of type {others[0]}" if others else ""


def modify(
    action: route_pb.RouteAction | route_pb.RedirectAction, modifier: HTTPPathModifier | None, match: HTTPRouteMatch
) -> None:
    """Let `action` (of a route whose match is `match`) change the path as `modifier` says; the query is left alone."""
    if modifier is None:
        return
    if modifier.type == "ReplacePrefixMatch":
        _replace_prefix(action, modifier.replace_prefix_match or "", match)
    elif isinstance(action, route_pb.RedirectAction):
        action.path_redirect = absolute(modifier.replace_full_path or "")
    else:
        action.regex_rewrite.CopyFrom(regex("^/.*$", _escaped(absolute(modifier.replace_full_path or ""))))


def _replace_prefix(action: route_pb.RouteAction | route_pb.RedirectAction, text: str, match: HTTPRouteMatch) -> None:
    prefix = match.path.value.rstrip("/")
    replacement = absolute(text).rstrip("/")
    if replacement and prefix:
        action.prefix_rewrite = replacement
    elif replacement:  # the prefix is the root: what follows it keeps its slash
        action.regex_rewrite.CopyFrom(regex(r"^/(.*)$", rf"{_escaped(replacement)}/\1"))
    else:
        action.regex_rewrite.CopyFrom(regex(rf"^{re.escape(prefix)}/*", "/"))


def regex(pattern: str, substitution: str) -> RegexMatchAndSubstitute:
    """Return an RE2 rewrite of the path."""
    return RegexMatchAndSubstitute(pattern=RegexMatcher(regex=pattern), substitution=substitution)


def absolute(path: str) -> str:
    """Begin a path with a slash, which the API leaves to its users and HTTP asks for."""
    return path if path.startswith("/") else f"/{path}"


def _escaped(substitution: str) -> str:
    return substitution.replace("\\", "\\\\")
