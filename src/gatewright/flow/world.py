"""The world: tables in the order in which they settle.

A batch of input changes settles table by table, in the order in which they were made; a rule may only read tables made before
its own, so one pass is enough and there is nothing to wait for. Marking every row dirty turns the same world into a plain staged
pipeline, which is how incremental results are held against fresh ones.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from gatewright.flow.derived import SK, Derived, Index, M, Rekey, Rule, S, Spread, Union
from gatewright.flow.table import K, Ref, Table, V

Changes = Mapping[Ref[Any, Any], frozenset[Any]]


class World:
    """All tables of one control plane, settled in batches by one thread."""

    def __init__(self) -> None:
        self.ran: dict[Ref[Any, Any], int] = {}
        self._tables: dict[Ref[Any, Any], Table[Any, Any]] = {}

    def source(self, ref: Ref[K, V]) -> None:
        """Add an input table."""
        self._add(Table(ref, len(self._tables)))

    def derived(self, ref: Ref[K, V], source: Ref[K, S], rule: Rule[K, S, V]) -> None:
        """Add a table of one row a row of `source`, by `rule`."""
        self._add(Derived(ref, len(self._tables), self._tables[source], rule, self._tables))

    def index(self, ref: Ref[K, Mapping[M, V]], source: Ref[SK, S], spread: Spread[SK, S, K, M, V]) -> None:
        """Add a table of groups over the rows of `source`."""
        self._add(Index(ref, len(self._tables), self._tables[source], spread))

    def union(self, ref: Ref[K, V], sources: Mapping[str, Ref[SK, V]], rekey: Rekey[SK, K]) -> None:
        """Add a table of the rows of all `sources`, under `rekey(tag, key)`."""
        self._add(Union(ref, len(self._tables), {tag: self._tables[source] for tag, source in sources.items()}, rekey))

    def put(self, ref: Ref[K, V], key: K, row: V | None) -> bool:
        """Set (or with None remove) a row of an input table; says whether that changed anything."""
        table: Table[K, V] = self._tables[ref]
        if type(table) is not Table:
            raise TypeError(f"{ref!r} is derived; only input tables are put to")
        return table.drop(key) if row is None else table.put(key, row)

    @property
    def pending(self) -> bool:
        """Whether an input was put since the last settle."""
        return any(table.changed for table in self._tables.values())

    def get(self, ref: Ref[K, V], key: K) -> V | None:
        """Return one settled row."""
        row: V | None = self._tables[ref].rows.get(key)
        return row

    def rows(self, ref: Ref[K, V]) -> Mapping[K, V]:
        """Return all settled rows of a table; not to be changed."""
        rows: Mapping[K, V] = self._tables[ref].rows
        return rows

    def refs(self) -> Iterable[Ref[Any, Any]]:
        """Return the tables in the order in which they settle."""
        return tuple(self._tables)

    def settle(self, *, from_scratch: bool = False) -> Changes:
        """Bring every table up to date; returns the changed keys by table, inputs included."""
        changes: dict[Ref[Any, Any], frozenset[Any]] = {}
        self.ran = {}
        for ref, table in self._tables.items():
            if from_scratch:
                table.dirty_all()
            ran = table.settle()
            if ran:
                self.ran[ref] = ran
            if table.changed:
                changes[ref] = frozenset(table.changed)
                table.changed = set()
        return changes

    def asked(self, ref: Ref[K, Any]) -> AbstractSet[K]:
        """The keys of a table that rules have looked up, absent rows included; a view, to be copied by who keeps it."""
        table: Table[K, Any] = self._tables[ref]
        return table.asked

    def explain(self, ref: Ref[K, V], key: K) -> tuple[tuple[Ref[Any, Any], Any], ...]:
        """Return the rows that the row of `key` was made from: (table, key) in the order of reading."""
        table = self._tables[ref]
        return tuple((read.ref, read_key) for read, read_key in table.seen.get(key, ())) if isinstance(table, Derived) else ()

    def _add(self, table: Table[Any, Any]) -> None:
        if table.ref in self._tables:
            raise ValueError(f"table {table.ref!r} is there already")
        self._tables[table.ref] = table
