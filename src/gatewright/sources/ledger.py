"""Who declares which object: the state of a file source, without files.

Files are entered with what they declare; `settle` then says what changed since it was last asked. Of several declarations of an
object the first counts, in the order of paths and then of documents; the others wait, with a problem that names it. An object
whose new document is refused keeps its last good version as long as its file still has a document for it.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec
from msgspec.structs import replace

from gatewright.api.meta import ObjectMeta
from gatewright.sources.changes import Change, SourceProblem
from gatewright.sources.declarations import Declaration, Identity

MAX_REMEMBERED: Final = 10_000
"""Deleted objects whose generation is still known, so that an object that comes back does not count from 1 again."""


class _Claim(msgspec.Struct, frozen=True):
    """A good declaration, and where it stands."""

    object: msgspec.Struct
    document: int
    line: int


class _File:
    """What is known of one file: what it claims, what is wrong in it, and what is wrong with it."""

    __slots__ = ("claims", "missing", "problems", "trouble")

    def __init__(self) -> None:
        self.claims: Mapping[Identity, _Claim] = {}
        self.problems: tuple[SourceProblem, ...] = ()
        self.trouble: SourceProblem | None = None
        self.missing = False


class Ledger:
    """What all files declare, and which declaration of each object counts."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._claims: dict[Identity, dict[str, _Claim]] = {}
        self._published: dict[Identity, msgspec.Struct] = {}
        self._remembered: dict[Identity, msgspec.Struct] = {}
        self._reported: dict[str, tuple[SourceProblem, ...]] = {}
        self._touched_objects: set[Identity] = set()
        self._touched_files: set[str] = set()

    def enter(self, file: str, declarations: Iterable[Declaration]) -> None:
        """`file` was read, and this is what it declares now."""
        entry = self._files.setdefault(file, _File())
        claims: dict[Identity, _Claim] = {}
        problems: list[SourceProblem] = []
        refused: set[Identity | None] = set()
        for each in declarations:
            if each.object is None or each.identity is None:
                refused.add(each.identity)
                problems += each.problems
            elif each.identity in claims:
                first = claims[each.identity]
                problems.append(_twice(file, each.identity, each.document, each.line, f"line {first.line}"))
            else:
                claims[each.identity] = _Claim(each.object, each.document, each.line)
        for identity, last_good in entry.claims.items():
            if identity in refused or None in refused:
                claims.setdefault(identity, last_good)
        self._set_missing(entry, missing=False)
        self._claim(file, entry, claims)
        entry.problems, entry.trouble = tuple(problems), None

    def trouble(self, file: str, message: str) -> None:
        """`file` could not be read: what it declared last still holds."""
        self._files.setdefault(file, _File()).trouble = SourceProblem(file, 0, 0, "", message)
        self._touched_files.add(file)

    def readable(self, file: str) -> None:
        """`file` can be read, and holds what it held before."""
        if (entry := self._files.get(file)) is not None and entry.trouble is not None:
            entry.trouble = None
            self._touched_files.add(file)

    def miss(self, file: str) -> None:
        """`file` is not there, perhaps only for a moment: what it declared holds unless another file declares it."""
        if (entry := self._files.get(file)) is not None:
            self._set_missing(entry, missing=True)

    def remove(self, file: str) -> None:
        """`file` is gone, and so is what it declared."""
        if (entry := self._files.pop(file, None)) is not None:
            self._claim(file, entry, {})

    def files(self) -> AbstractSet[str]:
        """The files that are known, for what they declare or for their problems."""
        return self._files.keys()

    def declares(self, file: str) -> bool:
        """Whether an object stands in `file`."""
        entry = self._files.get(file)
        return entry is not None and bool(entry.claims)

    def settle(self) -> tuple[tuple[Change, ...], dict[str, tuple[SourceProblem, ...]]]:
        """The objects that changed since the last call, and the files whose problems did, with all that they have now."""
        changes: list[Change] = []
        for identity in sorted(self._touched_objects):
            claims = self._claims.get(identity, {})
            self._touched_files |= claims.keys()
            change = self._published_as(identity, claims[self._first(claims)].object if claims else None)
            if change is not None:
                changes.append(change)
        problems = {}
        for file in sorted(self._touched_files):
            found = self._problems_of(file)
            if found != self._reported.get(file, ()):
                problems[file] = found
            if found:
                self._reported[file] = found
            else:
                self._reported.pop(file, None)
        self._touched_objects.clear()
        self._touched_files.clear()
        return tuple(changes), problems

    def _set_missing(self, entry: _File, *, missing: bool) -> None:
        if entry.missing != missing:
            entry.missing = missing
            self._touched_objects |= entry.claims.keys()

    def _first(self, claims: Mapping[str, _Claim]) -> str:
        """The file whose declaration counts: the first that is there, in the order of paths."""
        return min(claims, key=lambda file: (self._files[file].missing, file) if file in self._files else (True, file))

    def _claim(self, file: str, entry: _File, claims: Mapping[Identity, _Claim]) -> None:
        for identity in entry.claims.keys() | claims.keys():
            before, after = entry.claims.get(identity), claims.get(identity)
            if before == after:
                continue
            self._touched_objects.add(identity)
            if after is not None:
                self._claims.setdefault(identity, {})[file] = after
                continue
            rest = self._claims[identity]
            del rest[file]
            if not rest:
                del self._claims[identity]
        entry.claims = claims
        self._touched_files.add(file)

    def _published_as(self, identity: Identity, declared: msgspec.Struct | None) -> Change | None:
        kind, key = identity
        published = self._published.get(identity)
        if declared is None:
            if published is None:
                return None
            self._remember(identity, self._published.pop(identity))
            return Change(kind, key, None)
        stamped = _stamped(declared, published or self._remembered.pop(identity, None))
        if stamped == published:
            return None
        self._published[identity] = stamped
        return Change(kind, key, stamped)

    def _remember(self, identity: Identity, gone: msgspec.Struct) -> None:
        self._remembered[identity] = gone
        if len(self._remembered) > MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]

    def _problems_of(self, file: str) -> tuple[SourceProblem, ...]:
        entry = self._files.get(file)
        if entry is None:
            return ()
        if entry.missing:
            return self._reported.get(file, ())
        elsewhere = ((i, self._first(self._claims[i])) for i in entry.claims)
        found = [*entry.problems, *(_elsewhere(file, self._claims[i], i, first) for i, first in elsewhere if first != file)]
        found.sort(key=lambda problem: (problem.document, problem.line))
        return (entry.trouble, *found) if entry.trouble is not None else tuple(found)


def _elsewhere(file: str, claims: Mapping[str, _Claim], identity: Identity, first: str) -> SourceProblem:
    here = claims[file]
    return _twice(file, identity, here.document, here.line, f"{first}:{claims[first].line}")


def _twice(file: str, identity: Identity, document: int, line: int, place: str) -> SourceProblem:
    kind, key = identity
    message = f"is already declared in {place}, which counts as long as it is there"
    return SourceProblem(file, document, line, "", message, kind, key)


def _stamped(declared: msgspec.Struct, before: msgspec.Struct | None) -> msgspec.Struct:
    """`declared` with its generation, which counts the versions that differ in more than metadata and status."""
    generation = 1
    if before is not None:
        generation = _metadata(before).generation + (not _alike(declared, before))
    return replace(declared, metadata=replace(_metadata(declared), generation=generation))


def _metadata(of: msgspec.Struct) -> ObjectMeta:
    metadata = getattr(of, "metadata", None)
    if not isinstance(metadata, ObjectMeta):
        raise TypeError(f"a {type(of).__name__} is no object")
    return metadata


def _alike(one: msgspec.Struct, other: msgspec.Struct) -> bool:
    names = one.__struct_fields__
    return type(one) is type(other) and all(
        getattr(one, name) == getattr(other, name) for name in names if name not in {"api_version", "metadata", "status"}
    )
