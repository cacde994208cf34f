"""What is known of one kind's objects, and what of it has changed.

Watches tell single changes, lists tell how things were at one version, and both may be under way at once. The rule that keeps
them apart: nothing that is known at a newer version is touched by what an older list says, be it there or not there. So an
object that is missing from a list is gone only when the list is at least as new as what we know of it: no list ever makes a
false deletion.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple, TypeAlias

import msgspec

from gatewright.api.kinds import Kind
from gatewright.api.meta import NamespacedName
from gatewright.sources.changes import Change, SourceProblem
from gatewright.sources.kube.wire import Seen

Wants: TypeAlias = Callable[[NamespacedName, msgspec.Struct | None], bool]
Covers: TypeAlias = Callable[[NamespacedName, msgspec.Struct | None], bool]
Subject: TypeAlias = Callable[[NamespacedName, msgspec.Struct | None], NamespacedName]
Listed: TypeAlias = Mapping[NamespacedName, Seen | None]
"""What a list holds; None is an object at the version at which it is known already."""

NEWEST: Final = (1 << 127) - 1


def everything(_key: NamespacedName, _held: msgspec.Struct | None) -> bool:
    """Covers, or wants, all that there is."""
    return True


class Live(NamedTuple):
    """An object as the API server has it, for whoever writes its status."""

    resource_version: str
    generation: int
    status: bytes


class Settled(NamedTuple):
    """What changed since it was asked last: objects, and for each object whose problems did all that it has now."""

    changes: tuple[Change, ...]
    problems: Mapping[str, tuple[SourceProblem, ...]]
    lives: AbstractSet[NamespacedName]


class Store:
    """The objects of one kind. `wants` says which are kept; for an object that could not be read it is asked with None."""

    def __init__(self, kind: Kind, wants: Wants = everything, subject: Subject | None = None) -> None:
        """Keep objects; with `subject`, it is known whom each belongs to: what is done with one owner's costs what these are."""
        self.kind = kind
        self._wants = wants
        self._subject = subject
        self._owned: defaultdict[NamespacedName, set[NamespacedName]] = defaultdict(set)
        self._held: dict[NamespacedName, Seen] = {}
        self._published: dict[NamespacedName, msgspec.Struct] = {}
        self._touched: dict[NamespacedName, None] = {}
        self._lives: set[NamespacedName] = set()
        self._reported: set[NamespacedName] = set()
        self._open = 0
        self._recent: dict[NamespacedName, int] = {}
        self._merged: list[tuple[int, Covers]] = []

    def __len__(self) -> int:
        return len(self._held)

    def known(self) -> AbstractSet[NamespacedName]:
        """The objects that are known."""
        return self._held.keys()

    def objects(self) -> Iterator[msgspec.Struct]:
        """The objects as they can be taken."""
        return (held.object for held in self._held.values() if held.object is not None)

    def version(self, key: NamespacedName) -> int:
        """The version at which an object is known; 0 when it is not."""
        held = self._held.get(key)
        return held.resource_version if held is not None else 0

    def live(self, key: NamespacedName) -> Live | None:
        """The newest version of an object, even when it cannot be read."""
        held = self._held.get(key)
        return None if held is None else Live(str(held.resource_version), held.generation, held.status)

    def put(self, seen: Seen) -> None:
        """An object is (or was, when a newer version is known) as seen."""
        held = self._held.get(seen.key)
        if max(self._recent.get(seen.key, 0), held.resource_version if held else 0) > seen.resource_version:
            return
        self._note(seen.key, seen.resource_version)
        if not self._wants(seen.key, seen.object):
            self._drop(seen.key)
            return
        if held is not None and (seen.object is None or seen.object == held.object):
            seen = msgspec.structs.replace(
                seen, object=held.object
            )  # refused: the last good one stays; equal: one copy is enough
        self._forget_owner(seen.key, held)
        self._held[seen.key] = seen
        if self._subject is not None:
            self._owned[self._subject(seen.key, seen.object)].add(seen.key)
        self._lives.add(seen.key)
        if held is None or held.object is not seen.object or held.problems != seen.problems:
            self._touched[seen.key] = None

    def delete(self, key: NamespacedName, version: int) -> None:
        """An object was deleted at `version`, unless it is known at a newer one."""
        if max(self._recent.get(key, 0), self.version(key)) <= version:
            self._note(key, version)
            self._drop(key)

    def discard(self, covers: Covers = everything, owners: AbstractSet[NamespacedName] | None = None) -> None:
        """Drop what nobody wants any more; with `owners`, of theirs."""
        for key in self._covered(covers, owners):
            self._drop(key)

    @contextlib.contextmanager
    def listing(self) -> Iterator[None]:
        """From before a list is asked for until it is merged: what is told meanwhile is remembered, for the list may be older."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._recent.clear()
                self._merged.clear()

    def merge(self, version: int, covers: Covers, listed: Listed, owners: AbstractSet[NamespacedName] | None = None) -> None:
        """Of the objects that `covers` names (with `owners`, of theirs), those `listed` were there at `version`, no others."""
        newer = [covered for made_at, covered in self._merged if made_at > version]
        for key, seen in listed.items():
            if seen is None or (key not in self._held and any(covered(key, seen.object) for covered in newer)):
                continue  # known as it is, or a newer list was told first, and did not have it
            self.put(seen)
        for key in self._covered(covers, owners):
            if key not in listed:
                self.delete(key, version)
        if self._open:
            self._merged.append((version, self._of(covers, owners)))

    def start_anew(self) -> None:
        """Versions mean nothing any more: the cluster was restored from a backup, say, or speaks another API version."""
        self._recent.clear()
        self._merged.clear()
        self._held = {key: msgspec.structs.replace(held, resource_version=0) for key, held in self._held.items()}

    def settle(self) -> Settled:
        """What changed since the last call."""
        changes, problems = [], {}
        for key in self._touched:
            if (change := self._change(key)) is not None:
                changes.append(change)
            found = self._problems(key)
            if found or key in self._reported:
                problems[self._place(key)] = found
                (self._reported.add if found else self._reported.discard)(key)
        lives, self._lives = self._lives, set()
        self._touched.clear()
        return Settled(tuple(changes), problems, lives)

    @property
    def changed(self) -> bool:
        """Whether `settle` has something to say."""
        return bool(self._touched or self._lives)

    def _covered(self, covers: Covers, owners: AbstractSet[NamespacedName] | None) -> list[NamespacedName]:
        known = self._held if owners is None else (key for owner in owners for key in self._owned.get(owner, ()))
        return [key for key in known if covers(key, self._held[key].object)]

    def _of(self, covers: Covers, owners: AbstractSet[NamespacedName] | None) -> Covers:
        """What `covers` covers, of these owners."""
        subject = self._subject
        if owners is None or subject is None:
            return covers
        return lambda key, held: covers(key, held) and subject(key, held) in owners

    def _change(self, key: NamespacedName) -> Change | None:
        held, published = self._held.get(key), self._published.get(key)
        current = held.object if held is not None else None
        if current is published or current == published:
            return None
        if current is None:
            del self._published[key]
        else:
            self._published[key] = current
        return Change(self.kind.name, key, current)

    def _problems(self, key: NamespacedName) -> tuple[SourceProblem, ...]:
        held, place = self._held.get(key), self._place(key)
        found = held.problems if held is not None else ()
        return tuple(SourceProblem(place, 1, 0, each.path, each.message, self.kind.name, key) for each in found)

    def _place(self, key: NamespacedName) -> str:
        return f"kubernetes/{self.kind.plural}/{key}"

    def _note(self, key: NamespacedName, version: int) -> None:
        if self._open:
            self._recent[key] = version

    def _drop(self, key: NamespacedName) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._forget_owner(key, held)
            self._touched[key] = None
            self._lives.add(key)

    def _forget_owner(self, key: NamespacedName, held: Seen | None) -> None:
        if self._subject is not None and held is not None:
            owner = self._subject(key, held.object)
            self._owned[owner].discard(key)
            if not self._owned[owner]:
                del self._owned[owner]
