"""Path modifiers, against the Gateway API's own table: what Envoy makes of a path with what we give it."""

import pytest
import re2

from gatewright.api.filters import HTTPPathModifier
from gatewright.api.httproute import HTTPPathMatch, HTTPRouteMatch
from gatewright.features import paths


def rewritten(path: str, prefix: str, replacement: str) -> str:
    """Do as Envoy does with a prefix rewrite (the matched prefix is replaced) or a regex rewrite (the first match is)."""
    modifier = HTTPPathModifier(type="ReplacePrefixMatch", replace_prefix_match=replacement)
    by_prefix, by_regex = paths.prefix_replacement(modifier, HTTPRouteMatch(path=HTTPPathMatch(value=prefix)))
    if by_regex is None:
        matched = prefix.rstrip("/")
        assert path == matched or path.startswith(f"{matched}/")
        return by_prefix + path[len(matched) :]
    result: str = re2.sub(by_regex.pattern.regex, by_regex.substitution, path, count=1)
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
    rewrite = paths.whole_path(replacement)

    assert expected == re2.sub(rewrite.pattern.regex, rewrite.substitution, "/any/path", count=1)


def test_only_a_prefix_match_has_a_prefix_to_replace() -> None:
    prefix = HTTPPathModifier(type="ReplacePrefixMatch", replace_prefix_match="/")
    whole = HTTPPathModifier(type="ReplaceFullPath", replace_full_path="/")
    exact = (HTTPRouteMatch(), HTTPRouteMatch(path=HTTPPathMatch(type="Exact", value="/a")))

    assert "" == paths.problem(prefix, (HTTPRouteMatch(),))
    assert "ReplacePrefixMatch needs PathPrefix matches; the rule has a match of type Exact" == paths.problem(prefix, exact)
    assert "" == paths.problem(whole, exact)
    assert "" == paths.problem(None, exact)
