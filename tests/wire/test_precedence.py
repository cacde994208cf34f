"""The order in which matches are tried is the Gateway API's, told here once more, in its own words and as slowly as need be."""

from functools import cmp_to_key
from typing import NamedTuple

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from gatewright.api.grpcroute import GRPCHeaderMatch, GRPCMethodMatch, GRPCRouteMatch
from gatewright.api.httproute import HTTPHeaderMatch, HTTPPathMatch, HTTPQueryParamMatch, HTTPRouteMatch
from gatewright.graph.matches import call, request
from gatewright.graph.tables import RouteKey
from gatewright.wire.matches import precedence

SMALL = st.integers(0, 2)


class Candidate(NamedTuple):
    """A match, and where it stands."""

    match: HTTPRouteMatch
    created: str
    namespace: str
    route: str
    rule: int
    place: int


def headers(count: int) -> tuple[HTTPHeaderMatch, ...]:
    return tuple(HTTPHeaderMatch(name=f"h{i}", value="v") for i in range(count))


def queries(count: int) -> tuple[HTTPQueryParamMatch, ...]:
    return tuple(HTTPQueryParamMatch(name=f"q{i}", value="v") for i in range(count))


MATCHES = st.builds(
    HTTPRouteMatch,
    path=st.builds(
        HTTPPathMatch,
        type=st.sampled_from(("Exact", "PathPrefix", "RegularExpression")),
        value=st.sampled_from(("/", "/a", "/b", "/ab", "/a/b")),
    ),
    method=st.sampled_from((None, "GET", "POST")),
    headers=SMALL.map(headers),
    query_params=SMALL.map(queries),
)
CANDIDATES = st.builds(
    Candidate,
    match=MATCHES,
    created=st.sampled_from(("", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")),
    namespace=st.sampled_from(("a", "b")),
    route=st.sampled_from(("x", "y")),
    rule=SMALL,
    place=SMALL,
)


def first_that_decides(one: Candidate, other: Candidate) -> int:
    """Say which of two is tried first (negative: `one`), by going through the specification's list."""
    mine, theirs = one.match, other.match
    kinds = ("Exact", "RegularExpression", "PathPrefix")  # the place of regular expressions is ours to choose
    if mine.path.type != theirs.path.type:
        return kinds.index(mine.path.type) - kinds.index(theirs.path.type)
    if longer := len(theirs.path.value.rstrip("/")) - len(mine.path.value.rstrip("/")):
        return longer
    if (mine.method is None) != (theirs.method is None):
        return 1 if mine.method is None else -1
    if more := len(theirs.headers) - len(mine.headers):
        return more
    if more := len(theirs.query_params) - len(mine.query_params):
        return more
    if one[1:] == other[1:]:
        return 0
    return -1 if one[1:] < other[1:] else 1  # the oldest; then by namespace and name; then the order in the route


@given(st.lists(CANDIDATES, max_size=12, unique_by=lambda each: each[1:]))
def test_sorting_by_precedence_is_going_through_the_specification(candidates: list[Candidate]) -> None:
    def key(each: Candidate) -> tuple[object, ...]:
        return precedence(
            request(each.match, each.place), each.created, RouteKey("HTTPRoute", each.namespace, each.route), each.rule
        )

    assert sorted(candidates, key=cmp_to_key(first_that_decides)) == sorted(candidates, key=key)


def test_header_names_that_differ_in_case_only_are_one_condition() -> None:
    twice = HTTPRouteMatch(headers=(HTTPHeaderMatch(name="A", value="1"), HTTPHeaderMatch(name="a", value="2")))
    route = RouteKey("HTTPRoute", "a", "x")

    assert precedence(request(HTTPRouteMatch(headers=headers(1))), "", route, 0) == precedence(request(twice), "", route, 0)


def test_a_slash_at_the_end_of_a_prefix_counts_for_nothing() -> None:
    route = RouteKey("HTTPRoute", "a", "x")
    without, with_slash = (HTTPRouteMatch(path=HTTPPathMatch(value=value)) for value in ("/a", "/a/"))

    assert precedence(request(without), "", route, 0) == precedence(request(with_slash), "", route, 0)


NAMES = st.sampled_from((None, "A", "Bb", "Ccc"))
CALLS = st.builds(
    GRPCRouteMatch,
    method=st.none()
    | st.builds(GRPCMethodMatch, service=NAMES, method=NAMES).filter(lambda each: bool(each.service or each.method)),
    headers=SMALL.map(lambda count: tuple(GRPCHeaderMatch(name=f"h{i}", value="v") for i in range(count))),
)


def characters(match: GRPCRouteMatch) -> tuple[int, int, int]:
    """What GRPCRouteRule compares, in its order: characters of the service, of the method, and headers."""
    wanted = match.method or GRPCMethodMatch()
    return len(wanted.service or ""), len(wanted.method or ""), len(match.headers)


@given(CALLS, CALLS)
def test_of_two_matches_for_one_call_the_one_that_says_more_is_tried_first(one: GRPCRouteMatch, other: GRPCRouteMatch) -> None:
    assume(all(mine == theirs or None in {mine, theirs} for mine, theirs in zip(names(one), names(other), strict=True)))
    assert (characters(one) > characters(other)) == (call(one).rank < call(other).rank)


def names(match: GRPCRouteMatch) -> tuple[str | None, str | None]:
    return (match.method.service, match.method.method) if match.method else (None, None)


@given(MATCHES, CALLS)
def test_where_the_path_says_as_much_a_call_comes_before_a_request(of_request: HTTPRouteMatch, of_call: GRPCRouteMatch) -> None:
    same_path = msgspec.structs.replace(of_request, path=call(of_call).request.path)
    assume(same_path.path.type != "RegularExpression")
    assert call(of_call).rank < request(same_path).rank
