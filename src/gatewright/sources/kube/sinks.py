"""Where the mirrors of the API server's lists end: in stores, of everything or of what is asked for.

Most kinds are kept whole. Of Secrets and ConfigMaps only names and versions are watched, and those that somebody refers to are
fetched. EndpointSlices are watched whole, for they change often and fast, but only those of Services that somebody routes to are
read and kept.
"""

import contextlib
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from gatewright.api.core import slice_owner
from gatewright.api.meta import NamespacedName
from gatewright.sources.kube.demand import Demand
from gatewright.sources.kube.scope import EVERYWHERE, within
from gatewright.sources.kube.store import Listed, Store
from gatewright.sources.kube.wire import Event, Failure, Metadata, Reader, Seen, head_lines, heads

_OTHERS: Final = frozenset({"BOOKMARK", "ERROR"})


class Objects:
    """Every object of a kind, of one namespace or all, goes into its store."""

    whole = True

    def __init__(self, reader: Reader, store: Store, place: str = EVERYWHERE) -> None:
        self._reader = reader
        self._store = store
        self._place = place
        self._listed: dict[NamespacedName, Seen | None] = {}
        self._window = contextlib.ExitStack()

    def asking(self) -> None:
        """From now on whatever else is told may be newer than the list."""
        self.close()
        self._window.enter_context(self._store.listing())

    def begin(self, *, anew: bool) -> None:
        """Nothing that is known counts against a list of another history."""
        if anew:
            self._store.start_anew()

    def items(self, items: list[msgspec.Raw]) -> None:
        """Read those that are not known as they are."""
        self._listed.update(listed(self._reader, self._store, items))

    def listed(self, version: int) -> None:
        """What is not in the list is gone."""
        self._store.merge(version, within(self._place), self._listed)
        self.close()

    def line(self, line: bytes) -> str | Failure:
        """Take one event."""
        return _take(self._store, self._reader, line)

    def close(self) -> None:
        """Forget a list that is not going to end."""
        self._listed = {}
        self._window.close()


class Names:
    """What happens to objects that are fetched by name when somebody wants them."""

    whole = False

    def __init__(self, demand: Demand[NamespacedName], touched: Callable[[], None]) -> None:
        self._demand = demand
        self._touched = touched

    def asking(self) -> None:
        """Nothing is collected here."""

    def begin(self, *, anew: bool) -> None:
        """Whatever the list holds was missed."""

    def items(self, items: list[msgspec.Raw]) -> None:
        """Never asked for."""

    def listed(self, version: int) -> None:  # noqa: ARG002 - a fetch says how things are now, whatever the version
        """From here on the watch tells; before, anything may have happened."""
        self._demand.lost()
        self._touched()

    def close(self) -> None:
        """Nothing is collected here."""

    def line(self, line: bytes) -> str | Failure:
        """Whatever happened to a name that is wanted, fetch it."""
        event = head_lines.decode(line)
        if event.type == "ERROR":
            return failure_of(line)
        metadata = event.object.metadata
        if event.type not in _OTHERS:
            self._demand.touched(metadata.key)
            self._touched()
        return metadata.resource_version


class Groups(Names):
    """Objects of which those of a wanted owner are kept: they are fetched by owner, and then followed by the watch."""

    def __init__(self, reader: Reader, store: Store, demand: Demand[NamespacedName], touched: Callable[[], None]) -> None:
        super().__init__(demand, touched)
        self._reader = reader
        self._store = store

    def line(self, line: bytes) -> str | Failure:
        """Take the event if anybody wants its object, or has wanted it."""
        event = head_lines.decode(line)
        metadata = event.object.metadata
        wanted = event.type not in _OTHERS and (owner_of(metadata) in self._demand.wanted or self._store.version(metadata.key))
        return _take(self._store, self._reader, line) if wanted or event.type == "ERROR" else metadata.resource_version


def owner_of(metadata: Metadata) -> NamespacedName:
    """The Service or ServiceImport that an EndpointSlice belongs to."""
    return NamespacedName(metadata.namespace, slice_owner(metadata.labels or {}))


def listed(reader: Reader, store: Store, items: list[msgspec.Raw], owners: AbstractSet[NamespacedName] | None = None) -> Listed:
    """Read a page, except for objects that are known at the very version that is listed; with `owners`, only those of theirs."""
    found: dict[NamespacedName, Seen | None] = {}
    for item in items:
        if len(store) or owners is not None:
            metadata = heads.decode(item).metadata
            if owners is not None and owner_of(metadata) not in owners:
                continue
            if store.version(metadata.key) == int(metadata.resource_version):
                found[metadata.key] = None
                continue
        seen = reader.object(item)
        found[seen.key] = seen
    return found


def failure_of(line: bytes) -> Failure:
    """The Status object of an ERROR event."""
    return msgspec.json.decode(line, type=_ErrorLine).object


class _ErrorLine(msgspec.Struct, frozen=True):
    object: Failure


def _take(store: Store, reader: Reader, line: bytes) -> str | Failure:
    told = reader.line(line)
    if isinstance(told, Failure):
        return told
    if not isinstance(told, Event):
        return told.resource_version
    if told.gone:
        store.delete(told.seen.key, told.seen.resource_version)
    else:
        store.put(told.seen)
    return str(told.seen.resource_version)
