"""Durations as the Gateway API writes them (GEP-2257): `1h30m`, `500ms`, `0s`.

A pure reader, for rules and for whoever builds Envoy settings from a field of type `Duration`.
"""

import re
from typing import Final

_PARTS: Final = re.compile(r"([0-9]{1,5})(ms|h|m|s)")
_WHOLE: Final = re.compile(r"(?:[0-9]{1,5}(?:h|m|s|ms)){1,4}\Z")
_MILLISECONDS: Final = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


def milliseconds(text: str) -> int:
    """The length of a GEP-2257 duration in milliseconds.

    Raises:
        ValueError: `text` is no such duration; fields of admitted objects always are.

    """
    if not _WHOLE.match(text):
        message = f"{text!r} is not a duration like 1h30m, 10s or 500ms"
        raise ValueError(message)
    return sum(int(amount) * _MILLISECONDS[unit] for amount, unit in _PARTS.findall(text))
