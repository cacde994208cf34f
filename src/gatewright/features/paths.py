"""Path modifiers, shared by redirects and rewrites.

ReplacePrefixMatch works on whole path segments, so prefix and replacement are taken without their trailing slash; a replacement
by nothing (or by `/`) must not leave a double slash, which Envoy's prefix rewrite would, hence a regex. Source: checklist
section 12.2, the table of prefix replacements; Envoy RouteAction.prefix_rewrite and regex_rewrite.
"""

import re

from envoy.type.matcher.v3.regex_pb2 import RegexMatchAndSubstitute, RegexMatcher

from gatewright.api.filters import HTTPPathModifier
from gatewright.api.httproute import HTTPRouteMatch


def problem(modifier: HTTPPathModifier | None, matches: tuple[HTTPRouteMatch, ...]) -> str:
    """Why a path modifier cannot be honoured on a rule with `matches`; empty when it can."""
    if modifier is None or modifier.type != "ReplacePrefixMatch":
        return ""
    others = [match.path.type for match in matches if match.path.type != "PathPrefix"]
    return f"ReplacePrefixMatch needs PathPrefix matches; the rule has a match of type {others[0]}" if others else ""


def prefix_replacement(modifier: HTTPPathModifier, match: HTTPRouteMatch) -> tuple[str, RegexMatchAndSubstitute | None]:
    """Return either Envoy's prefix rewrite or, where that would leave a double slash, the regex rewrite."""
    prefix = match.path.value.rstrip("/")
    replacement = absolute(modifier.replace_prefix_match or "").rstrip("/")
    if replacement and prefix:
        return replacement, None
    if replacement:  # the prefix is the root: what follows it keeps its slash
        return "", regex(r"^/(.*)$", rf"{_escaped(replacement)}/\1")
    return "", regex(rf"^{re.escape(prefix)}/*", "/")


def regex(pattern: str, substitution: str) -> RegexMatchAndSubstitute:
    """Return an RE2 rewrite of the path."""
    return RegexMatchAndSubstitute(pattern=RegexMatcher(regex=pattern), substitution=substitution)


def whole_path(path: str) -> RegexMatchAndSubstitute:
    """Return the rewrite of the whole path, the query left alone."""
    return regex("^/.*$", _escaped(absolute(path)))


def absolute(path: str) -> str:
    """Begin a path with a slash, which the API leaves to its users and HTTP asks for."""
    return path if path.startswith("/") else f"/{path}"


def _escaped(substitution: str) -> str:
    return substitution.replace("\\", "\\\\")
