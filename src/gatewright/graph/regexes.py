"""Regular expressions, judged by the engine that will run them.

Envoy matches with RE2; so does this check, hence an expression that passes here is one that Envoy takes.
"""

from functools import lru_cache

import re2


@lru_cache(maxsize=4096)
def problem(pattern: str) -> str:
    """Why RE2 refuses `pattern`; empty when it does not."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        return f"{pattern!r} is not a regular expression that RE2 takes: {_words(error)}"
    return ""


def _words(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
