r"""Regular expressions, judged by the engine that will run them.

Envoy matches with RE2; so does this check, hence an expression that passes here is one that Envoy takes. The same holds for
what a match is replaced with, where \1 must name a group that there is.
"""

import re
from functools import lru_cache
from typing import Protocol

import re2

_BACKSLASH = re.compile(r"\\(.?)", re.DOTALL)


class Compiled(Protocol):
    """A regular expression, compiled."""

    groups: int


class Replacement(Protocol):
    """A regular expression and what its match becomes."""

    @property
    def pattern(self) -> str:
        """RE2."""

    @property
    def substitution(self) -> str:
        r"""Text in which \1 is the first group."""


@lru_cache(maxsize=4096)
def problem(pattern: str) -> str:
    """Why RE2 refuses `pattern`; empty when it does not."""
    try:
        _compiled(pattern)
    except re2.error as error:
        return f"{pattern!r} is not a regular expression that RE2 takes: {_words(error)}"
    return ""


def substitution_problem(replacement: Replacement) -> str:
    """Why RE2 refuses a replacement; empty when it does not."""
    if refused := problem(replacement.pattern):
        return refused
    groups = _compiled(replacement.pattern).groups
    for found in _BACKSLASH.finditer(replacement.substitution):
        follows = found[1]
        if follows != "\\" and not ("0" <= follows <= "9"):
            return f"in the substitution {replacement.substitution!r} a backslash must be followed by a digit or a backslash"
        if follows != "\\" and int(follows) > groups:
            return (
                f"the substitution {replacement.substitution!r} names group {follows}, but {replacement.pattern!r} has {groups}"
            )
    return ""


def _compiled(pattern: str) -> Compiled:
    options = re2.Options()
    options.log_errors = False
    compiled: Compiled = re2.compile(pattern, options)
    return compiled


def _words(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
