r"""Regular expressions are judged as Envoy's engine, RE2, judges them."""

import pytest

from gatewright.api.httproutefilter import ReplaceRegexMatch
from gatewright.graph import regexes


@pytest.mark.parametrize("pattern", ["", "a", "/item/[0-9]+", "(?i)a", r"\d+", "(a)(?P<name>b)", "x{1000}"])
def test_what_re2_takes_has_no_problem(pattern: str) -> None:
    assert "" == regexes.problem(pattern)


@pytest.mark.parametrize("pattern", ["(", "[", "*", "(?=a)", r"(a)\1", "x{1001}", "(?<=a)b"])
def test_what_re2_refuses_is_named(pattern: str) -> None:
    assert regexes.problem(pattern).startswith(f"{pattern!r} is not a regular expression that RE2 takes: ")


@pytest.mark.parametrize(
    ("pattern", "substitution", "problem"),
    [
        ("(a)(b)", r"\2\1", ""),
        ("a", r"\0", ""),
        ("a", r"back\\slash", ""),
        ("(a)", r"\2", r"the substitution '\\2' names group 2, but '(a)' has 1"),
        ("a", r"\n", r"in the substitution '\\n' a backslash must be followed by a digit or a backslash"),
        ("a", "\\", r"in the substitution '\\' a backslash must be followed by a digit or a backslash"),
        ("(", "a", "'(' is not a regular expression that RE2 takes: missing ): ("),
    ],
)
def test_a_substitution_names_only_groups_that_there_are(pattern: str, substitution: str, problem: str) -> None:
    assert problem == regexes.substitution_problem(ReplaceRegexMatch(pattern=pattern, substitution=substitution))
