"""HTTPRoute: which HTTP requests go where (gateway.networking.k8s.io/v1)."""

import re
from collections.abc import Callable
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from gatewright.api.durations import milliseconds
from gatewright.api.filters import PRINTABLE_VALUE, HTTPFilter, HTTPPathModifier
from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import BackendRef
from gatewright.api.routes import CommonRouteSpec, SessionPersistence
from gatewright.api.rules import UNIQUE_RULE_NAMES, Predicate, Rule, Rules, at_most_one, few_matches, matches
from gatewright.api.scalars import (
    EXPERIMENTAL,
    PATH_CHARACTERS,
    Duration,
    HeaderName,
    HeaderValue,
    Hostname,
    SectionName,
    map_of,
    python_pattern,
    set_of,
)

_LITERAL_PATH: Final = "(self.type in ['Exact','PathPrefix'])"
_is_plain: Final = re.compile(r"(?:/[A-Za-z0-9_~-]+)*/?\Z").match  # no dots, escapes or empty segments
_is_path: Final = re.compile(python_pattern(PATH_CHARACTERS)).match


def _literal_path(message: str, cel: str, holds: Callable[[str], object]) -> Rule:
    """A rule about the value of an Exact or PathPrefix match."""
    return Rule(
        message,
        f"{_LITERAL_PATH} ? {cel} : true",
        lambda self: self.type == "RegularExpression" or bool(holds(self.value)),
    )


def _path_without(part: str) -> Rule:
    message = f"must not contain '{part}' when type one of ['Exact', 'PathPrefix']"
    return _literal_path(message, f"!self.value.contains('{part}')", lambda value: part not in value)


def _path_not_ending(end: str) -> Rule:
    message = f"must not end with '{end}' when type one of ['Exact', 'PathPrefix']"
    return _literal_path(message, f"!self.value.endsWith('{end}')", lambda value: not value.endswith(end))


class HTTPPathMatch(Model):
    """A condition on the path; a PathPrefix matches whole segments."""

    type: Literal["Exact", "PathPrefix", "RegularExpression"] = "PathPrefix"
    value: Annotated[str, Meta(max_length=1024)] = "/"

    checks: ClassVar[Rules] = (
        _literal_path(
            "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']",
            "self.value.startsWith('/')",
            lambda value: value.startswith("/"),
        ),
        *(_path_without(part) for part in ("//", "/./", "/../", "%2f", "%2F", "#")),
        *(_path_not_ending(end) for end in ("/..", "/.")),
        _literal_path(
            f"must only contain valid characters (matching {PATH_CHARACTERS}) for types ['Exact', 'PathPrefix']",
            matches("self.value", PATH_CHARACTERS),
            _is_path,
        ),
    )
    plainly_sound: ClassVar[Predicate] = lambda self: self.value != "" and _is_plain(self.value) is not None


class HTTPHeaderMatch(Model):
    """A condition on one header, its name compared without regard to case."""

    name: HeaderName
    value: HeaderValue
    type: Literal["Exact", "RegularExpression"] = "Exact"

    checks: ClassVar[Rules] = (PRINTABLE_VALUE,)


class HTTPQueryParamMatch(Model):
    """A condition on one query parameter."""

    name: HeaderName
    value: Annotated[str, Meta(min_length=1, max_length=1024)]
    type: Literal["Exact", "RegularExpression"] = "Exact"


class HTTPRouteMatch(Model):
    """Conditions that all must hold."""

    path: HTTPPathMatch = HTTPPathMatch()
    headers: Annotated[tuple[HTTPHeaderMatch, ...], map_of("name", max_length=16)] = ()
    query_params: Annotated[tuple[HTTPQueryParamMatch, ...], map_of("name", max_length=16)] = ()
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] | None = None


_FILTER_RULES: Final[Rules] = (
    Rule(
        "May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both",
        "!(self.exists(f, f.type == 'RequestRedirect') && self.exists(f, f.type == 'URLRewrite'))",
        lambda filters: not {"RequestRedirect", "URLRewrite"} <= {each.type for each in filters},
        field="filters",
        shortest=2,
    ),
    *(at_most_one(name) for name in ("CORS", "RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite")),
)


class HTTPBackendRef(BackendRef):
    """A backend, and filters for the requests that it is chosen for."""

    filters: Annotated[tuple[HTTPFilter, ...], Meta(max_length=16)] = ()

    checks: ClassVar[Rules] = _FILTER_RULES


class HTTPRouteTimeouts(Model):
    """How long the whole exchange and each try may take; 0s is without limit."""

    request: Duration | None = None
    backend_request: Duration | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "backendRequest timeout cannot be longer than request timeout",
            "!(has(self.request) && has(self.backendRequest) && duration(self.request) != duration('0s') && "
            "duration(self.backendRequest) > duration(self.request))",
            lambda self: (
                not (self.request and self.backend_request)
                or milliseconds(self.request) == 0
                or milliseconds(self.backend_request) <= milliseconds(self.request)
            ),
        ),
    )


class HTTPRouteRetry(Model):
    """When and how often a failed try is made again; `attempts` counts the retries, not the tries."""

    codes: Annotated[tuple[Annotated[int, Meta(ge=400, le=599)], ...], set_of()] = ()
    attempts: Annotated[int, Meta(ge=1)] | None = None
    backoff: Duration | None = None


def _replaces_prefix(path: HTTPPathModifier | None) -> bool:
    return path is not None and path.type == "ReplacePrefixMatch" and path.replace_prefix_match is not None


def _redirects_prefix(filters: tuple[HTTPFilter, ...]) -> bool:
    return sum(each.request_redirect is not None and _replaces_prefix(each.request_redirect.path) for each in filters) == 1


def _rewrites_prefix(filters: tuple[HTTPFilter, ...]) -> bool:
    return sum(each.url_rewrite is not None and _replaces_prefix(each.url_rewrite.path) for each in filters) == 1


def _one_prefix(rule: "HTTPRouteRule") -> bool:
    return len(rule.matches) == 1 and rule.matches[0].path.type == "PathPrefix"


_HAS_PREFIX: Final = (
    "f, has(f.{0}) && has(f.{0}.path) && f.{0}.path.type == 'ReplacePrefixMatch' && has(f.{0}.path.replacePrefixMatch)"
)
_ONE_PREFIX: Final = (
    "((size(self.matches) != 1 || !has(self.matches[0].path) || self.matches[0].path.type != 'PathPrefix') ? false : true) : true"
)


def _prefix_rules(name: str, called: str, replaces: Callable[[tuple[HTTPFilter, ...]], bool]) -> Rules:
    """A prefix can be replaced only where exactly one is matched; `replaces` tells whether filters do so."""
    must = f"using {called} filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified"
    exists = _HAS_PREFIX.format(name)
    return (
        Rule(
            f"When {must}",
            f"(has(self.filters) && self.filters.exists_one({exists})) ? {_ONE_PREFIX}",
            lambda self: not self.filters or not replaces(self.filters) or _one_prefix(self),
        ),
        Rule(
            f"Within backendRefs, when {must}",
            "(has(self.backendRefs) && self.backendRefs.exists_one(b, (has(b.filters) && b.filters.exists_one"
            f"({exists})))) ? {_ONE_PREFIX}",
            lambda self: (
                sum(bool(each.filters) and replaces(each.filters) for each in self.backend_refs) != 1 or _one_prefix(self)
            ),
        ),
    )


class HTTPRouteRule(Model):
    """Requests that any match admits go through the filters to one of the backends."""

    name: SectionName | None = None
    matches: Annotated[tuple[HTTPRouteMatch, ...], Meta(max_length=64)] = (HTTPRouteMatch(),)
    filters: Annotated[tuple[HTTPFilter, ...], Meta(max_length=16)] = ()
    backend_refs: Annotated[tuple[HTTPBackendRef, ...], Meta(max_length=16)] = ()
    timeouts: HTTPRouteTimeouts | None = None
    retry: Annotated[HTTPRouteRetry | None, EXPERIMENTAL] = None
    session_persistence: Annotated[SessionPersistence | None, EXPERIMENTAL] = None

    checks: ClassVar[Rules] = (
        *_FILTER_RULES,
        Rule(
            "RequestRedirect filter must not be used together with backendRefs",
            "(has(self.backendRefs) && size(self.backendRefs) > 0) ? "
            "(!has(self.filters) || self.filters.all(f, !has(f.requestRedirect))): true",
            lambda self: not self.backend_refs or all(each.request_redirect is None for each in self.filters),
        ),
        *_prefix_rules("requestRedirect", "RequestRedirect", _redirects_prefix),
        *_prefix_rules("urlRewrite", "URLRewrite", _rewrites_prefix),
    )


class HTTPRouteSpec(CommonRouteSpec):
    """Hosts and rules; without rules, everything matches and nothing answers."""

    hostnames: Annotated[tuple[Hostname, ...], Meta(max_length=16)] = ()
    rules: Annotated[tuple[HTTPRouteRule, ...], Meta(min_length=1, max_length=16)] = (HTTPRouteRule(),)

    checks: ClassVar[Rules] = (few_matches("self[{0}].matches.size()"), UNIQUE_RULE_NAMES)


class HTTPRoute(KubernetesObject, kw_only=True):
    """The kind HTTPRoute."""

    spec: HTTPRouteSpec
