"""Tables of rows, and the handles by which pure rules name them.

A `Ref` is a typed name; a rule reads `read(SERVICES, key)` and never holds a table. A `Table` keeps rows by key, remembers which
keys changed since the last settle, and which rows of other tables have read each of its keys, absent ones included.
"""

from collections.abc import Hashable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
ReaderKey = TypeVar("ReaderKey", bound=Hashable)
ReaderKey_contra = TypeVar("ReaderKey_contra", bound=Hashable, contravariant=True)


class Ref(Generic[K, V]):
    """The typed handle of a table; two refs are the same table only if they are the same object."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Read(Protocol):
    """A rule's only window on the world: one row of one table, or None; each look is remembered."""

    def __call__(self, ref: Ref[K, V], key: K, /) -> V | None:
        """Return the row of `key`, or None where there is none."""


class Reader(Protocol[ReaderKey_contra]):
    """What is told when a row that it has read changes."""

    def dirty(self, key: ReaderKey_contra) -> None:
        """Run the rule of `key` again in this settle."""


class Table(Generic[K, V]):
    """Rows by key. Rows are immutable; an equal row put again is no change."""

    def __init__(self, ref: Ref[K, V], position: int) -> None:
        self.ref = ref
        self.position = position
        self.rows: dict[K, V] = {}
        self.changed: set[K] = set()
        self.followers: list[Reader[K]] = []
        self._readers: dict[K, set[tuple[Reader[Any], Any]]] = {}

    @property
    def asked(self) -> AbstractSet[K]:
        """The keys that some row was made with a look at."""
        return self._readers.keys()

    def put(self, key: K, row: V) -> bool:
        """Set the row of `key`; says whether that is a change."""
        if key in self.rows and self.rows[key] == row:
            return False
        self.rows[key] = row
        self._touch(key)
        return True

    def drop(self, key: K) -> bool:
        """Remove the row of `key`; says whether there was one."""
        if key not in self.rows:
            return False
        del self.rows[key]
        self._touch(key)
        return True

    def watch(self, key: K, reader: Reader[ReaderKey], reader_key: ReaderKey) -> None:
        """Remember that the row `reader_key` of `reader` was made with a look at `key`."""
        self._readers.setdefault(key, set()).add((reader, reader_key))

    def unwatch(self, key: K, reader: Reader[ReaderKey], reader_key: ReaderKey) -> None:
        """Forget what `watch` remembered."""
        readers = self._readers.get(key)
        if readers is not None:
            readers.discard((reader, reader_key))
            if not readers:
                del self._readers[key]

    def settle(self) -> int:
        """Bring the rows up to date; returns how many rules ran. Input tables are always up to date."""
        return 0

    def dirty_all(self) -> None:
        """Let every rule run again at the next settle."""

    def items(self) -> Iterator[tuple[K, V]]:
        """Iterate over the rows."""
        return iter(self.rows.items())

    def _touch(self, key: K) -> None:
        self.changed.add(key)
        for follower in self.followers:
            follower.dirty(key)
        for reader, reader_key in self._readers.get(key, ()):
            reader.dirty(reader_key)


Group = Mapping[K, V]
