"""Rows made of rows: one by a pure rule, many grouped by keys, or several tables read as one.

`Derived` has at most one row a source row: `rule(read, key, row)` gives it, or None for none. What the rule read is recorded, and
only rows whose source or reads changed run again. `Index` spreads each source row over groups: `rule(key, row)` yields
`(group, member, value)`, and the row of a group is the mapping of its members. `Union` has the rows of several tables under keys
that tell them apart.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from gatewright.flow.table import K, Read, Ref, Table, V

S = TypeVar("S")  # a source row
M = TypeVar("M", bound=Hashable)  # a member of a group
SK = TypeVar("SK", bound=Hashable)  # a source key

Rule = Callable[[Read, K, S], V | None]
Spread = Callable[[SK, S], Iterable[tuple[K, M, V]]]
Rekey = Callable[[str, SK], K]


class _Recorder:
    """The `Read` of one run of one rule."""

    __slots__ = ("_position", "_tables", "seen")

    def __init__(self, tables: Mapping[Ref[Any, Any], Table[Any, Any]], position: int) -> None:
        self.seen: dict[tuple[Table[Any, Any], Any], None] = {}
        self._tables = tables
        self._position = position

    def __call__(self, ref: Ref[K, V], key: K, /) -> V | None:
        table = self._tables[ref]
        if table.position >= self._position:
            raise LookupError(f"a rule of table {self._position} reads {ref!r}, which settles after it")
        self.seen[table, key] = None
        row: V | None = table.rows.get(key)
        return row


class Derived(Table[K, V], Generic[K, S, V]):
    """One row a source row, by a pure rule."""

    def __init__(
        self,
        ref: Ref[K, V],
        position: int,
        source: Table[K, S],
        rule: Rule[K, S, V],
        tables: Mapping[Ref[Any, Any], Table[Any, Any]],
    ) -> None:
        super().__init__(ref, position)
        self.seen: dict[K, tuple[tuple[Table[Any, Any], Any], ...]] = {}
        self._source = source
        self._rule = rule
        self._tables = tables
        self._dirty: dict[K, None] = {}
        source.followers.append(self)

    def dirty(self, key: K) -> None:
        """Run the rule of `key` again in this settle."""
        self._dirty[key] = None

    def dirty_all(self) -> None:
        """Let every rule run again at the next settle."""
        self._dirty.update(dict.fromkeys(self._source.rows))
        self._dirty.update(dict.fromkeys(self.rows))

    def settle(self) -> int:
        """Run the rules of all dirty keys; returns how many."""
        dirty, self._dirty = self._dirty, {}
        for key in dirty:
            self._run(key)
        return len(dirty)

    def _run(self, key: K) -> None:
        source = self._source.rows
        if key not in source:
            self._remember(key, ())
            self.drop(key)
            return
        read = _Recorder(self._tables, self.position)
        row = self._rule(read, key, source[key])
        self._remember(key, tuple(read.seen))
        if row is None:
            self.drop(key)
        else:
            self.put(key, row)

    def _remember(self, key: K, seen: tuple[tuple[Table[Any, Any], Any], ...]) -> None:
        before = self.seen.get(key, ())
        if before == seen:
            return
        for table, read_key in before:
            table.unwatch(read_key, self, key)
        for table, read_key in seen:
            table.watch(read_key, self, key)
        if seen:
            self.seen[key] = seen
        else:
            del self.seen[key]


class Index(Table[K, Mapping[M, V]], Generic[K, M, V, SK, S]):
    """Source rows spread over groups; a group that changed is a new mapping, one without members is no row."""

    def __init__(self, ref: Ref[K, Mapping[M, V]], position: int, source: Table[SK, S], spread: Spread[SK, S, K, M, V]) -> None:
        super().__init__(ref, position)
        self._source = source
        self._spread = spread
        self._dirty: dict[SK, None] = {}
        self._emitted: dict[SK, dict[tuple[K, M], V]] = {}
        source.followers.append(self)

    def dirty(self, key: SK) -> None:
        """Spread the source row of `key` again in this settle."""
        self._dirty[key] = None

    def dirty_all(self) -> None:
        """Spread every source row again at the next settle."""
        self._dirty.update(dict.fromkeys(self._source.rows))
        self._dirty.update(dict.fromkeys(self._emitted))

    def settle(self) -> int:
        """Regroup the dirty source rows; each touched group is copied once."""
        dirty, self._dirty = self._dirty, {}
        groups: dict[K, dict[M, V]] = {}
        removed: list[tuple[K, M]] = []
        added: list[tuple[K, M, V]] = []
        for key in dirty:
            before = self._emitted.pop(key, {})
            after = self._spread_of(key)
            if after:
                self._emitted[key] = after
            removed.extend(place for place in before if place not in after)
            added.extend((*place, value) for place, value in after.items() if place not in before or before[place] != value)
        for group, member in removed:
            self._copy(groups, group).pop(member, None)
        for group, member, value in added:
            self._copy(groups, group)[member] = value
        for group, members in groups.items():
            if members:
                self.put(group, members)
            else:
                self.drop(group)
        return len(dirty)

    def _spread_of(self, key: SK) -> dict[tuple[K, M], V]:
        row = self._source.rows.get(key)
        if row is None:
            return {}
        return {(group, member): value for group, member, value in self._spread(key, row)}

    def _copy(self, groups: dict[K, dict[M, V]], group: K) -> dict[M, V]:
        members = groups.get(group)
        if members is None:
            members = groups[group] = dict(self.rows.get(group, {}))
        return members


class _Side(Generic[SK]):
    """One of the tables of a union, as their follower."""

    __slots__ = ("_dirty", "_tag")

    def __init__(self, dirty: dict[tuple[str, SK], None], tag: str) -> None:
        self._dirty = dirty
        self._tag = tag

    def dirty(self, key: SK) -> None:
        """Take the row of `key` over in this settle."""
        self._dirty[self._tag, key] = None


class Union(Table[K, V], Generic[K, V, SK]):
    """The rows of several tables; `rekey(tag, key)` is the key here of a row of the table `tag`."""

    def __init__(self, ref: Ref[K, V], position: int, sources: Mapping[str, Table[SK, V]], rekey: Rekey[SK, K]) -> None:
        super().__init__(ref, position)
        self._sources = sources
        self._rekey = rekey
        self._dirty: dict[tuple[str, SK], None] = {}
        for tag, source in sources.items():
            source.followers.append(_Side(self._dirty, tag))

    def dirty_all(self) -> None:
        """Take every row over at the next settle."""
        self._dirty.update(((tag, key), None) for tag, source in self._sources.items() for key in source.rows)

    def settle(self) -> int:
        """Take dirty rows over; no rule runs."""
        for tag, key in self._dirty:
            row = self._sources[tag].rows.get(key)
            if row is None:
                self.drop(self._rekey(tag, key))
            else:
                self.put(self._rekey(tag, key), row)
        self._dirty.clear()
        return 0
