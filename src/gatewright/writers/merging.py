"""Our part of a status that others write to as well, pure.

Routes have one entry for each parent and policies one for each ancestor, and those with our controllerName are ours. Everything
else has one status, of which we own the fields and the condition types that our rules make. Whatever is not ours stays as it is
and where it is; a condition keeps its lastTransitionTime as long as its status stays. Source: Gateway API, RouteStatus and
PolicyStatus.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from gatewright.status import conditions as tables
from gatewright.status.document import Json

Entry: TypeAlias = dict[str, Any]

OUR_CONDITIONS: Final = frozenset(
    each.type
    for table in (
        tables.GATEWAY_CLASS,
        tables.GATEWAY_REFERENCES,
        tables.LISTENER_SET,
        tables.LISTENER,
        tables.ROUTE,
        tables.BACKEND,
    )
    for each in table
) | frozenset(tables.NEGATIVE)
"""Of an object that has one status: types that are ours even when a document does not have them (any more)."""

OUR_FIELDS: Final = frozenset({"addresses", "attachedListenerSets", "conditions", "listeners", "supportedFeatures"})

SHARED: Final[Mapping[str, tuple[str, int]]] = {"parents": ("parentRef", 32), "ancestors": ("ancestorRef", 16)}
"""Lists that several controllers write to: what an entry is about, and how many the API allows."""


def patch(document: Entry | None, live: Entry, controller_name: str, now: str) -> Entry | None:
    """What to merge into the live status so that our part says what `document` says; None when it does already.

    Without a document nothing of ours is to be left where others write too.
    """
    changed: Entry = {}
    shared = [name for name in SHARED if name in (live if document is None else document)]
    for name in shared:
        entries = _shared(name, (document or {}).get(name, []), live.get(name) or [], controller_name, now)
        if entries != (live.get(name) or []):
            changed[name] = entries
    if document is not None and not shared:
        changed = _own(document, live, now)
    return changed or None


def _shared(name: str, ours: list[Entry], live: list[Entry], controller_name: str, now: str) -> list[Entry]:
    """The live list with our entries in it: known ones in their place, new ones at the end, old ones gone."""
    about, most = SHARED[name]
    wanted = {repr(sorted(entry[about].items())): entry for entry in ours}
    entries = []
    for entry in live:
        if entry.get("controllerName") != controller_name:
            entries.append(entry)
        elif (new := wanted.pop(repr(sorted(entry[about].items())), None)) is not None:
            entries.append({**new, "conditions": _conditions(new["conditions"], entry.get("conditions") or [], now, _all_ours)})
    entries += [{**new, "conditions": _conditions(new["conditions"], [], now, _all_ours)} for new in wanted.values()]
    return entries[:most]


def _own(document: Entry, live: Entry, now: str) -> Entry:
    """The fields of ours that differ; a null removes one."""
    changed: Entry = {name: None for name in OUR_FIELDS if name in live and name not in document}
    for name, value in document.items():
        before = live.get(name)
        if name == "conditions":
            value = _conditions(value, before or [], now, OUR_CONDITIONS.__contains__)  # noqa: PLW2901 - as it is to be written
        elif name == "listeners":
            value = _listeners(value, before or [], now)  # noqa: PLW2901 - as above
        if value != (before or type(value)()):
            changed[name] = value
    return changed


def _listeners(ours: list[Entry], live: list[Entry], now: str) -> list[Entry]:
    before = {entry["name"]: entry.get("conditions") or [] for entry in live}
    return [
        {**entry, "conditions": _conditions(entry["conditions"], before.get(entry["name"], []), now, OUR_CONDITIONS.__contains__)}
        for entry in ours
    ]


def _conditions(ours: list[Entry], live: list[Entry], now: str, is_ours: Callable[[str], bool]) -> list[Entry]:
    """The live conditions with ours in them, in the order of the live ones."""
    wanted = {condition["type"]: condition for condition in ours}
    conditions = []
    for condition in live:
        new = wanted.pop(condition["type"], None)
        if new is not None:
            unchanged = new["status"] == condition.get("status")
            since: Json = condition.get("lastTransitionTime") if unchanged else new.get("lastTransitionTime", now)
            conditions.append({**new, "lastTransitionTime": since})
        elif not is_ours(condition["type"]):
            conditions.append(condition)
    return conditions + [{"lastTransitionTime": now, **new} for new in wanted.values()]


def _all_ours(_type: str) -> bool:
    return True
