"""Matches of every kind as the HTTP matches that they come to, and the order in which they are tried.

A call of gRPC is `POST /<service>/<method>` whose content type is application/grpc, with or without a suffix (gRPC-Web has one):
what a GRPCRoute matches is looked for among calls alone, so an HTTPRoute on the same host keeps everything else. Matches of both
kinds stand in one order. It is that of HTTPRouteRule among requests and that of GRPCRouteRule among calls; where the path says
as much in both, the call comes first. Regular expressions stand between exact and prefix, as in Envoy Gateway.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from gatewright.api.grpcroute import GRPCHeaderMatch, GRPCMethodMatch, GRPCRouteMatch
from gatewright.api.httproute import HTTPHeaderMatch, HTTPPathMatch, HTTPRouteMatch
from gatewright.api.httproutefilter import HTTPCookieMatch
from gatewright.graph import regexes
from gatewright.graph.findings import ACCEPTED, Finding
from gatewright.graph.rules import Match, Rank, RuleFilter

_PATH_RANK: Final = {"Exact": 0, "RegularExpression": 1, "PathPrefix": 2}
CALL: Final = HTTPHeaderMatch(name="content-type", value="application/grpc.*", type="RegularExpression")
"""What a call is known by."""

_ANY_NAME: Final = "[^/]+"

Patterns = Iterable[tuple[str, str]]
"""Regular expressions by their fields."""


class Matches(msgspec.Struct, frozen=True):
    """The matches of a rule that Envoy can express, and what is wrong with the others."""

    usable: tuple[Match, ...]
    findings: tuple[Finding, ...]


def of_requests(matches: Sequence[HTTPRouteMatch], path: str) -> Matches:
    """Judge the matches of a HTTPRouteRule whose field is `path`."""
    if not matches:
        return Matches((request(HTTPRouteMatch()),), ())
    return _judged([(request(match, i), _request_patterns(match)) for i, match in enumerate(matches)], path)


def of_calls(matches: Sequence[GRPCRouteMatch], path: str) -> Matches:
    """Judge the matches of a GRPCRouteRule whose field is `path`."""
    if not matches:
        return Matches((call(GRPCRouteMatch()),), ())
    return _judged([(call(match, i), _call_patterns(match)) for i, match in enumerate(matches)], path)


def request(match: HTTPRouteMatch, index: int = -1) -> Match:
    """Rank a match of an HTTPRoute; no `index` is that of a rule without any."""
    length = len(match.path.value.rstrip("/") if match.path.type == "PathPrefix" else match.path.value)
    rank = (
        _PATH_RANK[match.path.type],
        -length,
        0,
        match.method is None,
        -_names(match.headers),
        -len(match.query_params),
    )
    return Match(index, match, rank)


def call(match: GRPCRouteMatch, index: int = -1) -> Match:
    """Rank a match of a GRPCRoute, and say which requests it is about."""
    wanted = match.method or GRPCMethodMatch()
    path = _path(wanted)
    service, method = len(wanted.service or ""), len(wanted.method or "")
    kind = 1 if wanted.type == "RegularExpression" else 0 if path.type == "Exact" else 2
    characters = len(path.value) if kind == 0 else service + bool(service)  # with the slash that a path begins with
    rank: Rank = (kind, -characters, -1 - method, False, -_names(match.headers), 0)
    headers = (*(HTTPHeaderMatch(name=each.name, value=each.value, type=each.type) for each in match.headers), CALL)
    return Match(index, HTTPRouteMatch(path=path, headers=headers), rank)


def with_cookies(matches: tuple[Match, ...], filters: Iterable[RuleFilter]) -> tuple[Match, ...]:
    """Combine every match with each of the alternatives that an HTTPRouteFilter gives; a cookie counts as a header does."""
    for each in filters:
        if each.extension is not None and each.extension.matches:
            alternatives = [wanted.cookies for wanted in each.extension.matches]
            return tuple(_with_cookies(match, cookies) for match in matches for cookies in alternatives)
    return matches


def _with_cookies(match: Match, cookies: tuple[HTTPCookieMatch, ...]) -> Match:
    *path, method, headers, queries = match.rank
    rank: Rank = (path[0], path[1], path[2], method, headers - len(cookies), queries)
    return Match(match.index, match.request, rank, cookies)


def _path(wanted: GRPCMethodMatch) -> HTTPPathMatch:
    """The path of the calls that a method match admits."""
    exact = wanted.type == "Exact"
    if exact and wanted.service and wanted.method:
        return HTTPPathMatch(type="Exact", value=f"/{wanted.service}/{wanted.method}")
    if exact and not wanted.method:
        return HTTPPathMatch(type="PathPrefix", value=f"/{wanted.service or ''}")
    return HTTPPathMatch(type="RegularExpression", value=f"/{_pattern(wanted.service)}/{_pattern(wanted.method)}")


def _pattern(text: str | None) -> str:
    """A part of a path as a pattern; the name of a method has no character that is special in one."""
    if not text:
        return _ANY_NAME
    return f"(?:{text})" if "|" in text else text


def _names(headers: Iterable[HTTPHeaderMatch | GRPCHeaderMatch]) -> int:
    """How many headers are matched; of those with equal names one counts."""
    return len({header.name.lower() for header in headers})


def _judged(matches: Iterable[tuple[Match, Patterns]], path: str) -> Matches:
    usable: list[Match] = []
    findings: list[Finding] = []
    for match, patterns in matches:
        problems = [
            Finding(ACCEPTED, "UnsupportedValue", problem, f"{path}[{match.index}].{field}")
            for field, pattern in patterns
            if (problem := regexes.problem(pattern))
        ]
        findings.extend(problems)
        if not problems:
            usable.append(match)
    return Matches(tuple(usable), tuple(findings))


def _request_patterns(match: HTTPRouteMatch) -> Iterator[tuple[str, str]]:
    if match.path.type == "RegularExpression":
        yield "path.value", match.path.value
    yield from _header_patterns(match.headers)
    yield from ((f"queryParams[{i}].value", each.value) for i, each in enumerate(match.query_params) if _is_pattern(each.type))


def _call_patterns(match: GRPCRouteMatch) -> Iterator[tuple[str, str]]:
    if match.method and _is_pattern(match.method.type):
        yield from (("method.service", match.method.service or ""), ("method.method", match.method.method or ""))
    yield from _header_patterns(match.headers)


def _header_patterns(headers: Iterable[HTTPHeaderMatch | GRPCHeaderMatch]) -> Iterator[tuple[str, str]]:
    yield from ((f"headers[{i}].value", each.value) for i, each in enumerate(headers) if _is_pattern(each.type))


def _is_pattern(kind: str) -> bool:
    return kind == "RegularExpression"
