"""The objects of a Kubernetes cluster, and every change of them as it happens: one batch for whatever has come meanwhile.

The first batch waits until every kind has been listed or is known to be missing, or not for us to list. Then the consumer says by
`want` which Secrets, ConfigMaps and EndpointSlices it refers to, and is given those; when nothing more is asked for, a batch is
`complete`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from collections.abc import Set as AbstractSet
from random import random
from typing import Final

import msgspec

from gatewright import log
from gatewright.api.core import Namespace
from gatewright.api.kinds import KINDS, Kind
from gatewright.api.meta import NamespacedName
from gatewright.graph.labels import selects
from gatewright.sources.changes import Batch, Change, SourceProblem
from gatewright.sources.kube import discovery
from gatewright.sources.kube.client import Client
from gatewright.sources.kube.discovery import Missing, Unknown, Verdict
from gatewright.sources.kube.following import Following, KindState
from gatewright.sources.kube.mirror import Mirror
from gatewright.sources.kube.reflector import Accept, Reflector
from gatewright.sources.kube.resource import BUILT_IN, Resource
from gatewright.sources.kube.scope import EVERY_NAMESPACE, Scope
from gatewright.sources.kube.sinks import failure_of
from gatewright.sources.kube.store import Live
from gatewright.sources.kube.wire import Failure, head_lines

LASTING_SECONDS: Final = 10.0  # how long a kind must not be served to be gone, when we may not read its CRD
LOOKS: Final = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)  # seconds between looks after a CRD has changed, until it is served
UNKNOWN_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 30.0
BLIND_SECONDS: Final = 3.0  # instead, when CRDs cannot be watched

LivesChanged = Callable[[str, AbstractSet[NamespacedName]], None]

_log = log.logger(__name__)


class KubeSource:
    """The objects of a cluster; `batches` may be called once."""

    def __init__(
        self,
        client: Client,
        *,
        scope: Scope = EVERY_NAMESPACE,
        kinds: tuple[Kind, ...] = KINDS,
        on_demand: bool = True,
    ) -> None:
        """Follow `kinds` within `scope` by an entered client.

        With `on_demand`, Secrets, ConfigMaps and EndpointSlices are given only as far as `want` asks for them.
        """
        self._client = client
        self._scope = scope
        self._followings = {kind.name: Following(client, kind, scope, on_demand=on_demand, told=self._told) for kind in kinds}
        self._lives_changed: LivesChanged | None = None
        self._wake = asyncio.Event()
        self._definitions = _Definitions(frozenset(kind.group for kind in kinds) - BUILT_IN)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._refusals: dict[str, tuple[str, ...]] = {}
        self._missing_since: dict[str, float] = {}
        self._selected = scope.selector is None
        self._owed = False

    # What others ask.

    def want(self, names: Mapping[str, AbstractSet[NamespacedName]]) -> bool:
        """By kind, all names that are referred to now (of Services, for EndpointSlice); says whether all have been looked up.

        Call it before asking for the next batch until one is complete, and after every settle from then on. Names that were
        not looked up yet are answered by a batch, be it an empty one.
        """
        for kind, keys in names.items():
            self._followings[kind].want(keys)
        self._owed = not self.answered
        return not self._owed

    @property
    def answered(self) -> bool:
        """Whether everything that was asked for by `want` has been looked up; the batch with it may still be to come."""
        return all(following.idle for following in self._followings.values())

    def on_lives_changed(self, lives_changed: LivesChanged) -> None:
        """Tell somebody, before each batch, of which objects the API server has new versions, be it only of their status."""
        self._lives_changed = lives_changed

    def live(self, kind: str, key: NamespacedName) -> Live | None:
        """An object as the API server has it, as far as we have heard."""
        return self._followings[kind].store.live(key)

    def lives(self, kind: str) -> AbstractSet[NamespacedName]:
        """The objects that `live` knows."""
        return self._followings[kind].store.known()

    def status_path(self, kind: str, key: NamespacedName) -> str:
        """Where the status of an object is written; empty while its kind is not served."""
        resource = self.resource(kind)
        return resource.object_path(key, "status") if resource is not None else ""

    def resource(self, kind: str) -> Resource | None:
        """The version in which a kind is spoken; None while it is not served."""
        return self._followings[kind].resource

    def states(self) -> tuple[KindState, ...]:
        """How it stands with every kind."""
        return tuple(following.state() for following in self._followings.values())

    # The batches.

    async def batches(self) -> AsyncIterator[Batch]:
        """Yield what there is, `complete` when nothing that was asked for is to come; then each burst of changes, without end."""
        runner = asyncio.create_task(self._run())
        runner.add_done_callback(lambda _: self._wake.set())
        try:
            while not self._synced():
                await self._wait(runner)
            on_demand = any(following.demand is not None for following in self._followings.values())
            yield self._batch(complete=not on_demand) or Batch((), {}, complete=not on_demand)
            while on_demand:
                while not self.answered:
                    await self._wait(runner)
                batch = self._batch(complete=False)
                yield batch or Batch((), {}, complete=True)
                on_demand = batch is not None
            while True:
                batch = self._batch(complete=True)
                if self._owed and self.answered:
                    self._owed = False
                    batch = batch or Batch((), {}, complete=True)
                if batch is not None:
                    yield batch
                else:
                    await self._wait(runner)
        finally:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)

    async def _wait(self, runner: asyncio.Task[None]) -> None:
        await self._wake.wait()
        self._wake.clear()
        if runner.done():
            runner.result()
        self._select()

    def _told(self) -> None:
        self._wake.set()

    def _synced(self) -> bool:
        return self._selected and all(following.synced for following in self._followings.values())

    def _batch(self, *, complete: bool) -> Batch | None:
        changes: list[Change] = []
        problems: dict[str, tuple[SourceProblem, ...]] = {}
        for name, following in self._followings.items():
            if following.store.changed:
                settled = following.store.settle()
                changes += settled.changes
                problems |= settled.problems
                if self._lives_changed is not None:
                    self._lives_changed(name, settled.lives)
            if following.refusals != self._refusals.get(name, ()):
                self._refusals[name] = following.refusals
                problems |= _refused(following)
        return Batch(tuple(changes), problems, complete) if changes or problems else None

    # Namespaces by label.

    def _select(self) -> None:
        """Keep the selected namespaces true to their labels."""
        selector, namespaces = self._scope.selector, self._followings.get("Namespace")
        if selector is None or namespaces is None or not namespaces.synced:
            return
        found = frozenset(
            each.metadata.name
            for each in namespaces.store.objects()
            if isinstance(each, Namespace) and selects(selector, each.metadata.labels)
        )
        first, self._selected = not self._selected, True
        for following in self._followings.values():
            following.select(found, known=first)
        if first:
            self._definitions.changed.set()  # the other kinds may begin

    # Which kinds there are.

    async def _run(self) -> None:
        path = discovery.DEFINITIONS
        definitions = Reflector(self._client, path, self._definitions.mirror, lambda: None, Accept.METADATA)
        async with asyncio.TaskGroup() as group:
            group.create_task(definitions.run())
            looks = iter(LOOKS)
            while True:
                self._definitions.changed.clear()
                served = await discovery.served(self._client, [following.kind for following in self._followings.values()])
                unsure = False
                for following in self._followings.values():
                    verdict = await self._judged(following, discovery.verdict(following.kind, served))
                    unsure = unsure or isinstance(verdict, Unknown)
                    self._follow(group, following, verdict)
                self._told()
                pause = self._pause(next(looks, None), unsure=unsure)
                if await self._definitions.wait(pause):
                    looks = iter(LOOKS)

    async def _judged(self, following: Following, verdict: Verdict) -> Verdict:
        """Believe that a kind is missing only when there is more than one sign of it."""
        kind = following.kind.name
        if not isinstance(verdict, Missing):
            self._missing_since.pop(kind, None)
            return verdict
        since = self._missing_since.setdefault(kind, time.monotonic())
        if following.missing:
            return verdict
        found = await discovery.definition(self._client, following.kind)
        return discovery.confirmed(verdict, found, lasting=time.monotonic() - since >= LASTING_SECONDS)

    def _follow(self, group: asyncio.TaskGroup, following: Following, verdict: Verdict) -> None:
        kind = following.kind.name
        if not self._selected and kind != "Namespace":
            return
        if isinstance(verdict, Unknown):
            if following.resource is None:
                following.message = verdict.message
        elif verdict != following.resource and not (isinstance(verdict, Missing) and following.missing):
            if (task := self._tasks.pop(kind, None)) is not None:
                task.cancel()
            if isinstance(verdict, Missing):
                _log.info("a kind is not served", kind=kind, message=verdict.message)
                following.end(verdict.message)
            else:
                _log.info("following a kind", kind=kind, version=verdict.version)
                following.begin(verdict)
                self._tasks[kind] = group.create_task(following.run(), name=kind)

    def _pause(self, look: float | None, *, unsure: bool) -> float:
        if look is not None:
            return look
        if unsure:
            return UNKNOWN_SECONDS
        return IDLE_SECONDS if self._definitions.mirror.failure is None else BLIND_SECONDS


class _Definitions:
    """Hears of changes of CustomResourceDefinitions, of which only the names are looked at."""

    whole = False

    def __init__(self, groups: frozenset[str]) -> None:
        self.changed = asyncio.Event()
        self.mirror = Mirror(self, random)
        self._groups = groups

    async def wait(self, seconds: float) -> bool:
        """Wait for a change, `seconds` at most; says whether there was one."""
        try:
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        except TimeoutError:
            return False
        return True

    def asking(self) -> None:
        """Nothing is collected here."""

    def begin(self, *, anew: bool) -> None:
        """Whatever the list holds was missed."""

    def items(self, items: list[msgspec.Raw]) -> None:
        """Never asked for."""

    def listed(self, version: int) -> None:  # noqa: ARG002 - the looks that follow see how things are now
        """From here on the watch tells; before, anything may have happened."""
        self.changed.set()

    def line(self, line: bytes) -> str | Failure:
        """A change of one definition."""
        event = head_lines.decode(line)
        if event.type == "ERROR":
            return failure_of(line)
        metadata = event.object.metadata
        if metadata.name.partition(".")[2] in self._groups:
            self.changed.set()
        return metadata.resource_version


def _refused(following: Following) -> dict[str, tuple[SourceProblem, ...]]:
    """That objects of a kind are not seen, or that they are again."""
    kind = following.kind
    place = f"kubernetes/{kind.plural}"
    said = (f"objects of this kind are not seen: {each}" for each in following.refusals)
    return {place: tuple(SourceProblem(place, 0, 0, "", each, kind.name) for each in said)}
