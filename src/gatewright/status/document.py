"""Status documents: the status of one object, as it would stand in the object.

Conditions in a document have no lastTransitionTime: rules know no clock. `stamped` adds it at the edge, keeping the time of every
condition whose status has not changed.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from gatewright.api.meta import NamespacedName

Json: TypeAlias = Any  # what JSON can hold; the shape is that of the kind's status

_IDENTITY: Final = ("name", "parentRef", "ancestorRef", "controllerName")


class StatusDocument(msgspec.Struct, frozen=True):
    """The status of one object; `generation` is that of the object it was made from."""

    kind: str
    key: NamespacedName
    api_version: str
    generation: int
    body: dict[str, Any]


def stamped(body: Json, before: Json, now: str) -> Json:
    """Return `body` with lastTransitionTime in every condition: that of `before` where its status is the same, else `now`.

    Items of lists are found again by what they are about: conditions by type, listeners by name, parents by reference.
    """
    if isinstance(body, list):
        return [stamped(item, _counterpart(item, before), now) for item in body]
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


def _counterpart(item: Json, before: Json) -> Json:
    """Find the item of the list `before` that is about the same; None if there is none."""
    about = _about(item)
    return next((each for each in before if _about(each) == about), None) if isinstance(before, list) and about else None


def _about(item: Json) -> list[Json]:
    return [item[name] for name in _IDENTITY if name in item] if isinstance(item, dict) else []
