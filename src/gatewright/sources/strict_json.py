"""JSON as Kubernetes reads it strictly: no key twice, whole floats are integers, no infinities.

The decoder serves `.json` files and what rapidyaml makes of plain YAML.
"""

import json
from collections import Counter
from typing import Any, Final

from gatewright.sources.kubernetes_yaml import MAX_DEPTH, whole


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise ValueError(f'key "{twice}" stands twice')
    return found


def _float(text: str) -> int | float:
    value = float(text)
    if value in {float("inf"), -float("inf")}:
        raise ValueError(f"{text} is too large")
    return whole(value)


def _refused(text: str) -> Any:  # noqa: ANN401 - the decoder's own signature; this one never returns
    raise ValueError(f"{text} has no place in JSON")


DECODER: Final = json.JSONDecoder(object_pairs_hook=_distinct, parse_float=_float, parse_constant=_refused)
"""Raises ValueError (json.JSONDecodeError for syntax), RecursionError for text that is nested without end."""


def too_deep(value: object, levels: int = MAX_DEPTH) -> bool:
    """Whether `value` has more than `levels` levels of nesting."""
    if isinstance(value, dict):
        return levels == 0 or any(too_deep(item, levels - 1) for item in value.values())
    if isinstance(value, list):
        return levels == 0 or any(too_deep(item, levels - 1) for item in value)
    return False
