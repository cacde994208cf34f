"""Path modifiers, against the Gateway API's own table: what Envoy makes of a path with what we give it."""

import pytest
import re2
from envoy.config.route.v3.route_components_pb2 import RedirectAction, RouteAction

from gatewright.api.filters import HTTPPathModifier
from gatewright.api.httproute import HTTPPathMatch, HTTPRouteMatch
from gatewright.features import paths


def rewritten(path: str, prefix: str, replacement: str) -> str:
    """Do as Envoy does with a prefix rewrite (the matched prefix is replaced) or a regex rewrite (the first match is)."""
    modifier = HTTPPathModifier(type="ReplacePrefixMatch", replace_prefix_match=replacement)
    action = RouteAction()
    paths.modify(action, modifier, HTTPRouteMatch(path=HTTPPathMatch(value=prefix)))
    if action.prefix_rewrite:
        matched = prefix.rstrip("/")
        assert path == matched or path.startswith(f"{matched}/")
        return f"{action.prefix_rewrite}{path[len(matched) :]}"
    result: str = re2.sub(action.regex_rewrite.pattern.regex, action.regex_rewrite.substitution, path, count=1)
    return result


@pytest.mark.parametrize(
    ("path", "prefix", "replacement", "expected"),
    [
        # The table of HTTPPathModifier.replacePrefixMatch.
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
        ("/foo", "/foo", "/xyz", "/xyz"),
        ("/foo/", "/foo", "/xyz", "/xyz/"),
        ("/foo/bar", "/foo", "", "/bar"),
        ("/foo/", "/foo", "", "/"),
        ("/foo", "/foo", "", "/"),
        ("/foo/", "/foo", "/", "/"),
        ("/foo", "/foo", "/", "/"),
        # The root as a prefix.
        ("/", "/", "/xyz", "/xyz/"),
        ("/bar", "/", "/xyz", "/xyz/bar"),
        ("/bar", "/", "/xyz/", "/xyz/bar"),
        ("/bar", "/", "/", "/bar"),
        ("/", "/", "", "/"),
        # Ours: no double slashes, a missing slash is put in front, and nothing is taken for a pattern.
        ("/foo//bar", "/foo", "", "/bar"),
        ("/foo/bar", "/foo", "xyz", "/xyz/bar"),
        ("/a.b/c", "/a.b", "/", "/c"),
        ("/f(o)*/bar", "/f(o)*", "", "/bar"),
        ("/bar", "/", r"/back\slash", r"/back\slash/bar"),
        ("/bar", "/", r"/group\0", r"/group\0/bar"),
    ],
)
def test_a_prefix_is_replaced_by_whole_segments(path: str, prefix: str, replacement: str, expected: str) -> None:
    assert expected == rewritten(path, prefix, replacement)


@pytest.mark.parametrize(
    ("replacement", "expected"), [("/new", "/new"), ("new", "/new"), ("", "/"), (r"/group\1", r"/group\1"), ("/a/b", "/a/b")]
)
def test_the_whole_path_is_replaced_by_literal_text(replacement: str, expected: str) -> None:
    modifier = HTTPPathModifier(type="ReplaceFullPath", replace_full_path=replacement)
    rewrite, redirect = RouteAction(), RedirectAction()
    paths.modify(rewrite, modifier, HTTPRouteMatch())
    paths.modify(redirect, modifier, HTTPRouteMatch())

    pattern = rewrite.regex_rewrite.pattern.regex
    assert expected == re2.sub(pattern, rewrite.regex_rewrite.substitution, "/any/path", count=1)
    assert expected == redirect.path_redirect


def test_only_a_prefix_match_has_a_prefix_to_replace() -> None:
    prefix = HTTPPathModifier(type="ReplacePrefixMatch", replace_prefix_match="/")
    whole = HTTPPathModifier(type="ReplaceFullPath", replace_full_path="/")
    exact = (HTTPRouteMatch(), HTTPRouteMatch(path=HTTPPathMatch(type="Exact", value="/a")))

    assert "" == paths.problem(prefix, (HTTPRouteMatch(),))
    assert "ReplacePrefixMatch needs PathPrefix matches; the rule has a match of type Exact" == paths.problem(prefix, exact)
    assert "" == paths.problem(whole, exact)
    assert "" == paths.problem(None, exact)
