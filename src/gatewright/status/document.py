"""Status documents: the status of one object, as it would stand in the object.

Conditions in a document have no lastTransitionTime: rules know no clock. `stamped` adds it at the edge, keeping the time of every
condition whose status has not changed.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from gatewright.api.meta import NamespacedName

Json: TypeAlias = Any  # what JSON can hold; the shape is that of the kind's status


class StatusDocument(msgspec.Struct, frozen=True):
    """The status of one object; `generation` is that of the object it was made from."""

    kind: str
    key: NamespacedName
    api_version: str
    generation: int
    body: dict[str, Any]


def stamped(body: Json, before: Json, now: str) -> Json:
    """Return `body` with lastTransitionTime in every condition: that of `before` where its status is the same, else `now`.

    Lists of conditions are matched by type, other lists by the place of their items.
    """
    if isinstance(body, list):
        return [stamped(item, _item(before, i), now) for i, item in enumerate(body)]
    if not isinstance(body, dict):
        return body
    earlier = before if isinstance(before, dict) else {}
    return {
        name: _conditions(value, earlier.get(name), now) if name == "conditions" else stamped(value, earlier.get(name), now)
        for name, value in body.items()
    }


def _conditions(conditions: list[dict[str, Any]], before: Json, now: str) -> list[dict[str, Any]]:
    earlier: Mapping[str, dict[str, Any]] = {each["type"]: each for each in before} if isinstance(before, list) else {}
    return [{**each, "lastTransitionTime": _since(each, earlier.get(each["type"]), now)} for each in conditions]


def _since(condition: dict[str, Any], before: dict[str, Any] | None, now: str) -> str:
    unchanged = before is not None and before["status"] == condition["status"]
    return str(before["lastTransitionTime"]) if before is not None and unchanged else now


def _item(before: Json, index: int) -> Json:
    return before[index] if isinstance(before, list) and index < len(before) else None
