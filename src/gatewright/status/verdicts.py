"""A status read as lines: one for each scope (the object, a listener, a parent, an ancestor) that has conditions of its own.

What a condition means for its reader is a table: most are well when True, a few are wrong when True, a few only tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

Verdict = Literal["well", "note", "wrong"]
Json = Mapping[str, Any]

WRONG_WHEN_TRUE: Final = frozenset({"Conflicted", "PartiallyInvalid"})
NOTE_WHEN_TRUE: Final = frozenset({"OverlappingTLSConfig", "Overridden", "RouteRulesOverlap", "Warning"})
TELLS_ONLY: Final = frozenset({"Aggregated", "Merged"})


class Scope(NamedTuple):
    """One scope of one object's status; `what` is empty for the object itself, else `listener http` or `Gateway default/web`."""

    kind: str
    namespace: str
    name: str
    what: str
    conditions: Sequence[Json]
    addresses: tuple[str, ...] = ()
    attached_routes: int | None = None
    generation: int = 0

    @property
    def verdict(self) -> Verdict:
        """The worst of the conditions' verdicts; an object that has none concerns no one here, which is worth a note."""
        if not self.conditions:
            return "note"
        verdicts = {judge(condition) for condition in self.conditions}
        return "wrong" if "wrong" in verdicts else "note" if "note" in verdicts else "well"


def judge(condition: Json) -> Verdict:
    """What one condition says."""
    kind, true = condition["type"], condition["status"] == "True"
    if kind in TELLS_ONLY:
        return "well"
    if kind in NOTE_WHEN_TRUE:
        return "note" if true else "well"
    return "wrong" if true == (kind in WRONG_WHEN_TRUE) else "well"


def scopes(view: Json) -> Iterator[Scope]:
    """The scopes of one object's status, the object's own first."""
    metadata, status = view["metadata"], view.get("status") or {}
    identity = view["kind"], metadata.get("namespace", ""), metadata["name"]
    generation = metadata.get("generation", 0)
    listeners, parents = status.get("listeners") or (), [*(status.get("parents") or ()), *(status.get("ancestors") or ())]
    if status.get("conditions") or not (listeners or parents):
        routes = sum(listener.get("attachedRoutes", 0) for listener in listeners) if listeners else None
        addresses = tuple(address["value"] for address in status.get("addresses") or ())
        yield Scope(*identity, "", status.get("conditions") or (), addresses, routes, generation)
    for listener in listeners:
        name, attached = f"listener {listener['name']}", listener.get("attachedRoutes")
        yield Scope(*identity, name, listener.get("conditions") or (), (), attached, generation)
    for parent in parents:
        name = _reference(parent.get("parentRef") or parent.get("ancestorRef") or {}, metadata.get("namespace", ""))
        yield Scope(*identity, name, parent.get("conditions") or (), (), None, generation)


def _reference(reference: Json, namespace: str) -> str:
    namespace = reference.get("namespace", namespace)
    target = f"{namespace}/{reference.get('name', '')}" if namespace else reference.get("name", "")
    section = f"/{reference['sectionName']}" if reference.get("sectionName") else ""
    port = f":{reference['port']}" if reference.get("port") else ""
    return f"{reference.get('kind', 'Gateway')} {target}{section}{port}"
