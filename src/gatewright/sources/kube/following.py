"""One kind of a cluster: its store, and all that keeps it true.

How a kind is followed is one of three ways: whole, by name (Secrets and ConfigMaps, of which only names and versions are
watched), or by owner (EndpointSlices of the Services that somebody routes to). With a namespace selector, a namespace that comes
to be selected is listed by itself. A kind that we may not list holds up nobody, and is asked for until we may.
"""

import asyncio
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from random import random
from typing import Final, Literal, TypeAlias

import msgspec

from gatewright.api.core import EndpointSlice, slice_selector
from gatewright.api.kinds import Kind
from gatewright.api.meta import NamespacedName
from gatewright.sources.kube.client import Client
from gatewright.sources.kube.demand import Demand
from gatewright.sources.kube.fetching import Fetcher, Refused, all_pages
from gatewright.sources.kube.mirror import Mirror
from gatewright.sources.kube.reflector import OK, Accept, Reflector
from gatewright.sources.kube.resource import Resource
from gatewright.sources.kube.scope import Scope, within
from gatewright.sources.kube.sinks import Groups, Names, Objects, listed
from gatewright.sources.kube.store import Store
from gatewright.sources.kube.wire import Reader, Seen, failure

BY_NAME: Final = frozenset({"Secret", "ConfigMap"})
BY_OWNER: Final = frozenset({"EndpointSlice"})
ON_DEMAND: Final = BY_NAME | BY_OWNER
MANY: Final = 40  # owners at once, above which one list of everything costs less than a list for each
ROOTS: Final = frozenset({"GatewayClass", "Gateway"})
"""Without these there is nothing to serve: a cluster that shows neither has not let us in yet, and is no empty one."""
NOT_FOUND: Final = 404

Phase: TypeAlias = Literal["unknown", "missing", "listing", "watching", "failing", "forbidden"]


class KindState(msgspec.Struct, frozen=True):
    """How it stands with one kind. `version` is the one spoken; `relists` and `watches` count since the start."""

    kind: str
    phase: Phase
    version: str = ""
    message: str = ""
    objects: int = 0
    relists: int = 0
    watches: int = 0


class Following:
    """Follows one kind; `told` is called whenever something may have changed."""

    def __init__(self, client: Client, kind: Kind, scope: Scope, *, on_demand: bool, told: Callable[[], None]) -> None:
        self.kind = kind
        self.resource: Resource | None = None
        self.message = ""
        self.missing = False
        self._needed = kind.name in ROOTS or (kind.name == "Namespace" and scope.selector is not None)
        self._sinks: Mapping[str, Objects | Names] = {}
        self.demand: Demand[NamespacedName] | None = Demand() if on_demand and kind.name in ON_DEMAND else None
        self.store = Store(kind, self._wants, self._subject if self.demand is not None else None)
        self.spaces: Demand[str] | None = Demand() if scope.selector is not None and kind.namespaced else None
        self._client = client
        self._scope = scope
        self._told = told
        self._reader: Reader | None = None
        self._reflectors: tuple[Reflector, ...] = ()
        self._fetchers: tuple[Fetcher[NamespacedName] | Fetcher[str], ...] = ()

    @property
    def synced(self) -> bool:
        """Whether the first lists have been read, or it is known that there are none, or none for us."""
        if self.missing:
            return True
        mirrors = [each.mirror for each in self._reflectors]
        listed = any(each.synced for each in mirrors) or not self._needed
        listed = listed and bool(mirrors) and all(each.synced or each.refused for each in mirrors)
        return listed and (self.spaces is None or self.demand is not None or self.spaces.idle)

    @property
    def idle(self) -> bool:
        """Whether all that was asked for by name has been answered."""
        return self.resource is None or self.demand is None or self.demand.idle

    @property
    def refusals(self) -> tuple[str, ...]:
        """What we may not do, in the API server's words: they name the verb and the resource."""
        mirrors = (each.mirror for each in self._reflectors)
        return tuple(dict.fromkeys(str(mirror.failure) for mirror in mirrors if mirror.refused))

    def state(self) -> KindState:
        """How it stands."""
        mirrors = [each.mirror for each in self._reflectors]
        failures = [each.failure for each in (*mirrors, *self._fetchers) if each.failure is not None]
        phase: Phase = "missing" if self.missing else "unknown"
        if self.refusals:
            phase = "forbidden"
        elif self.resource is not None:
            phase = "failing" if failures else "watching" if self.synced else "listing"
        return KindState(
            kind=self.kind.name,
            phase=phase,
            version=self.resource.version if self.resource else "",
            message=str(failures[0]) if failures else self.message,
            objects=len(self.store),
            relists=sum(mirror.relists for mirror in mirrors),
            watches=sum(mirror.watches for mirror in mirrors),
        )

    def want(self, keys: AbstractSet[NamespacedName]) -> None:
        """These are asked for from now on (Services, for EndpointSlices); others are dropped."""
        if self.demand is None:
            return
        if gone := self.demand.want(keys):
            self.store.discard(owners=gone)
        self._wake()

    def select(self, namespaces: AbstractSet[str], *, known: bool) -> None:
        """These namespaces are selected from now on; with `known` nothing was listed yet, so nothing was missed."""
        if self.spaces is None:
            return
        new = namespaces - self.spaces.wanted
        gone = self.spaces.want(namespaces, known=known or self.demand is not None)
        if gone:
            self.store.discard(lambda key, _: key.namespace in gone)
        if self.demand is not None and new:
            for key in self.demand.wanted:
                if key.namespace in new:
                    self.demand.touched(key)
        self._wake()

    def begin(self, resource: Resource) -> None:
        """The kind is served in this version: `run` follows it."""
        if self.resource is not None and self.resource != resource:
            self.store.start_anew()
        self.resource, self.message, self.missing = resource, "", False
        self._reader = Reader(resource)
        by_name = self.demand is not None and self.kind.name in BY_NAME
        self._close()
        self._sinks = {place: self._sink(self._reader, place) for place in self._scope.places(self.kind)}
        accept = Accept.METADATA if by_name else Accept.WHOLE
        self._reflectors = tuple(
            Reflector(self._client, resource.list_path(place), Mirror(sink, random), self._told, accept)
            for place, sink in self._sinks.items()
        )
        self._fetchers = tuple(self._make_fetchers(by_name=by_name))

    async def run(self) -> None:
        """Follow the kind as begun, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for each in (*self._reflectors, *self._fetchers):
                group.create_task(each.run())

    def end(self, message: str) -> None:
        """The kind is not served (any more): it has no objects."""
        self.resource, self._reflectors, self._fetchers = None, (), ()
        self.message, self.missing = message, True
        self._close()
        self.store.discard()

    def _close(self) -> None:
        """Forget lists that are not going to end."""
        for sink in self._sinks.values():
            sink.close()

    def _sink(self, reader: Reader, place: str) -> Objects | Names:
        if self.demand is None:
            return Objects(reader, self.store, place)
        if self.kind.name in BY_NAME:
            return Names(self.demand, self._wake)
        return Groups(reader, self.store, self.demand, self._wake)

    def _make_fetchers(self, *, by_name: bool) -> list[Fetcher[NamespacedName] | Fetcher[str]]:
        fetchers: list[Fetcher[NamespacedName] | Fetcher[str]] = []
        if self.demand is not None:
            owned = Fetcher(self.demand, self._fetch_owned, self._told, MANY)
            fetchers.append(Fetcher(self.demand, self._fetch_object, self._told) if by_name else owned)
        if self.spaces is not None and self.demand is None:
            fetchers.append(Fetcher(self.spaces, self._fetch_space, self._told))
        return fetchers

    def _wake(self) -> None:
        for fetcher in self._fetchers:
            fetcher.wake()

    def _wants(self, key: NamespacedName, held: msgspec.Struct | None) -> bool:
        if self.spaces is not None and key.namespace not in self.spaces.wanted:
            return False
        return self.demand is None or self._subject(key, held) in self.demand.wanted

    def _subject(self, key: NamespacedName, held: msgspec.Struct | None) -> NamespacedName:
        """The name under which an object is asked for."""
        if self.kind.name in BY_NAME:
            return key
        return NamespacedName(key.namespace, held.owner if isinstance(held, EndpointSlice) else "")

    def _visible(self, namespace: str) -> bool:
        return not self._scope.namespaces or namespace in self._scope.namespaces

    async def _fetch_object(self, keys: tuple[NamespacedName, ...]) -> None:
        (key,) = keys
        if self.resource is None or self._reader is None or not self._visible(key.namespace):
            return
        answer = await self._client.request("GET", self.resource.object_path(key))
        if answer.status == OK:
            self.store.put(self._reader.object(answer.body))
        elif answer.status == NOT_FOUND:
            self.store.delete(key, self.store.version(key))
        else:
            raise Refused(failure(answer.status, answer.body))

    async def _fetch_owned(self, owners: tuple[NamespacedName, ...]) -> None:
        if len(owners) > 1:
            for place in self._scope.places(self.kind):
                await self._fetch_list(place, {}, frozenset(owners))
        elif self._visible(owners[0].namespace):
            query = {"labelSelector": slice_selector(owners[0].name)}
            await self._fetch_list(owners[0].namespace, query, frozenset(owners))

    async def _fetch_space(self, namespaces: tuple[str, ...]) -> None:
        for namespace in namespaces:
            await self._fetch_list(namespace, {})

    async def _fetch_list(self, place: str, query: Mapping[str, str], owners: AbstractSet[NamespacedName] | None = None) -> None:
        """List some objects, and take it that there are no others in `place`; with `owners`, no others of theirs."""
        if self.resource is None or self._reader is None:
            return
        found: dict[NamespacedName, Seen | None] = {}
        version = 0
        with self.store.listing():
            async for page in all_pages(self._client, self.resource.list_path(place), query):
                version = int(page.metadata.resource_version)
                found.update(listed(self._reader, self.store, page.items or [], None if query else owners))
            self.store.merge(version, within(place), found, owners)
