"""The loop of the control plane: settings → tables → proxies and statuses.

Changes from the sources, from the proxies and from the clock are inputs of one world. The loop waits for any, takes all that is
there, settles, and hands what changed to the ADS server, the fleet and the status writers; then it waits again. There is no
hold-off: an idle plane answers at once, a busy one batches by itself. The first settle waits for the initial read, so a
restarted plane never serves half a world. Where objects come from and where proxies run is for `host` and `cluster` to say.
"""

import asyncio
import gc
import os
import signal
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from gatewright import __version__, log
from gatewright.ads.messages import Delivery, Late, Progress
from gatewright.ads.server import AdsServer
from gatewright.console.server import serving
from gatewright.console.source import About
from gatewright.control.outbox import Outbox
from gatewright.control.overview import Overview
from gatewright.control.publication import Publication, Writer
from gatewright.fleet.spec import Phase, ProxyState
from gatewright.flow import Changes, Ref
from gatewright.graph import tables as g
from gatewright.graph.settings import GraphSettings
from gatewright.metrics import Metrics
from gatewright.settings import Settings
from gatewright.sources.changes import Batch
from gatewright.status import tables as s
from gatewright.world import BY_KIND, build

CLOCK_SECONDS: Final = 30  # how late an expired certificate may be noticed
LAG_SECONDS: Final = 0.1
RETRY_SECONDS: Final = 3.0
OUTSIDE: Final = ("cannot bind", "cannot listen", "Address already in use")  # refusals that pass without a change of ours

Edge: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

_log = log.logger(__name__)


class Plane(ABC):
    """One running control plane. Everything happens on one event loop; the world is touched by `_turn` alone."""

    shaped_by: frozenset[Ref[Any, Any]] = frozenset({g.PROXIES})
    """Tables of which a change may change the fleet."""

    def __init__(self, settings: Settings, rules: GraphSettings, writers: Sequence[Writer], *, elsewhere: bool = False) -> None:
        """Settle by `rules`; `writers` get statuses. With `elsewhere`, somebody else may be the one who runs the proxies."""
        self._settings = settings
        self._world = build(rules)
        self._metrics = Metrics()
        self._outbox = Outbox(self._world)
        self._ads = AdsServer(self._delivered, self._progressed, on_late=_late)
        self._overview = Overview(self._world, elsewhere=elsewhere)
        self._publication = Publication(self._ads.wait, [self._overview, *writers], self._written)
        self._batch = 0
        self._published_at = 0.0
        self._connected_since: dict[str, float] = {}
        self._pids: dict[str, int] = {}
        self._complete = False
        self._carried: dict[Ref[Any, Any], frozenset[Any]] = {}
        self._wake = asyncio.Event()
        self._reshape = asyncio.Event()
        self._stop = asyncio.Event()

    # What a kind of place says for itself.

    @abstractmethod
    def _infrastructure(self) -> AbstractAsyncContextManager[None]:
        """What is there as long as we serve, a listening ADS server among it."""

    @abstractmethod
    def _edges(self) -> Sequence[Edge]:
        """The tasks that bring changes in, and that carry out what is decided."""

    @abstractmethod
    async def _leave(self) -> None:
        """What is to be done before the tasks are ended; may be called again, by someone in a hurry."""

    def _looked_up(self) -> bool:
        """Whether everything that the rules have asked for was looked for; what is settled is not published before."""
        return True

    # The life of all of them.

    async def run(self) -> int:
        """Serve until told to stop; then Envoys drain, and leave."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        about = About(
            version=__version__,
            pid=os.getpid(),
            paths=tuple(str(path) for path in self._settings.paths),
            state_dir=str(self._settings.state_dir),
            started=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        async with self._infrastructure(), serving(self._settings, self._overview, self._metrics, about):
            await self._serve()
        return 0

    async def _serve(self) -> None:
        edges = (*self._edges(), self._loop, self._publication.run, self._tick, self._retry, self._measure_lag)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(edge(), name=edge.__name__) for edge in edges]
            await self._stop.wait()
            await self._leave()
            for task in tasks:
                task.cancel()

    def _told_to_stop(self) -> None:
        if self._stop.is_set():  # asked a second time: do not wait for connections
            asyncio.get_running_loop().create_task(self._leave()).add_done_callback(lambda task: task.exception())
        self._stop.set()

    # Inputs: each puts what it has into the world and wakes the loop.

    def _take(self, batch: Batch) -> None:
        new, well = self._overview.take(batch.problems)
        for problem in new:
            _log.warning("not taken", file=problem.file, line=problem.line, problem=str(problem))
        for file in well:
            _log.info("well again", file=file)
        self._metrics.problems(self._overview.problem_count)
        for change in batch.changes:
            ref = BY_KIND.get(change.kind)
            if ref is not None:
                self._world.put(ref, change.key, change.object)
        if any(change.kind == "Secret" for change in batch.changes):  # its certificate may be younger than the last tick
            self._world.put(g.NOW, g.ONLY, int(time.time()))
        self._metrics.changed(Counter(change.kind for change in batch.changes))
        self._complete = self._complete or batch.complete
        self._wake.set()

    def _delivered(self, deliveries: Sequence[Delivery]) -> None:
        self._outbox.delivered(deliveries)
        for each in deliveries:
            if each.refused:
                self._metrics.refused(each.proxy, each.type_url)
                _log.warning(
                    "Envoy refuses a resource", proxy=each.proxy, type=each.type_url, name=each.name, reason=each.message
                )
            elif each.accepted:
                self._metrics.delivered(each.proxy, each.type_url)
        self._wake.set()

    def _progressed(self, progress: Progress) -> None:
        self._metrics.connected(progress.proxy, connected=progress.connected)
        self._overview.progressed(progress)
        now = time.perf_counter()
        if progress.settled == self._batch:
            self._metrics.confirmed(progress.proxy, now - self._published_at)
        if progress.connected:
            self._connected_since.setdefault(progress.proxy, now)
        elif progress.proxy in self._connected_since:
            self._metrics.stream_closed(progress.proxy, now - self._connected_since.pop(progress.proxy))

    def _written(self, kinds: Counter[str], seconds: float) -> None:
        for kind, count in kinds.items():
            for _ in range(count):
                self._metrics.status_written(kind, seconds / kinds.total())

    def _proxy_changed(self, state: ProxyState, health: s.ProxyHealth | None) -> None:
        """Take a proxy's newest state, and what statuses are to say of it."""
        self._overview.proxy(state)
        self._metrics.proxies(self._overview.phases())
        self._world.put(s.PROXY_HEALTH, state.proxy, health)
        if state.pid is not None and self._pids.setdefault(state.proxy, state.pid) != state.pid:
            self._pids[state.proxy] = state.pid
            self._metrics.proxy_restarted(state.proxy)
        level = _log.warning if state.phase is Phase.FAILED else _log.info
        said = {"reason": state.message} if state.message else {}
        level("proxy", proxy=state.proxy, phase=str(state.phase), pid=state.pid, **said)
        self._wake.set()

    async def _tick(self) -> None:
        while True:
            self._tell_time()
            await asyncio.sleep(CLOCK_SECONDS)

    def _tell_time(self) -> None:
        self._world.put(g.NOW, g.ONLY, int(time.time()))
        self._wake.set()

    def _look_ahead(self) -> None:
        """Be there when a certificate begins to be valid, or ends: the next tick might be half a minute late."""
        now = time.time()
        instants = (at for facts in self._world.rows(g.CERTIFICATES).values() for at in (facts.not_before, facts.not_after + 1))
        ahead = min((at - now for at in instants if at > now), default=CLOCK_SECONDS)
        if ahead < CLOCK_SECONDS:
            asyncio.get_running_loop().call_later(ahead + 0.01, self._tell_time)

    async def _retry(self) -> None:
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            self._ads.retry(OUTSIDE)

    async def _measure_lag(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(LAG_SECONDS)
            self._metrics.lagged(max(0.0, time.perf_counter() - before - LAG_SECONDS))

    # The loop, and what goes out.

    async def _loop(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._complete:
                self._turn()
                if self._world.pending:  # what was sent may have been answered before
                    self._wake.set()

    def _turn(self) -> None:
        first = self._batch == 0
        if first:
            gc.disable()
        before = time.perf_counter()
        changes = self._settle()
        if not self._looked_up():
            self._carried = changes
            return
        self._carried = {}
        self._batch += 1
        self._publish(changes)
        self._metrics.settled(time.perf_counter() - before, sum(len(keys) for keys in changes.values()))
        if first:  # what is loaded stays: keep the collector from walking it again and again
            gc.collect()
            gc.freeze()
            gc.enable()
            _log.info("serving", seconds=round(time.perf_counter() - before, 3), proxies=len(self._world.rows(g.PROXIES)))
            self._overview.settled_first()

    def _settle(self) -> dict[Ref[Any, Any], frozenset[Any]]:
        """Settle, and return all that has changed since something was published."""
        changes = dict(self._carried)
        for ref, keys in self._world.settle(from_scratch=self._settings.from_scratch).items():
            changes[ref] = changes.get(ref, frozenset()) | keys
        return changes

    def _publish(self, changes: Changes) -> None:
        wanted = self._world.rows(g.PROXIES)
        loop = asyncio.get_running_loop()
        resources = [change for change in self._outbox.take(changes, loop.time()) if change.proxy in wanted]
        if (deadline := self._outbox.deadline()) is not None:
            loop.call_at(deadline, self._wake.set)
        for proxy in changes.get(g.PROXIES, ()):
            if proxy not in wanted:
                self._ads.forget(proxy)
                self._outbox.forget(proxy)
                self._metrics.proxy_gone(proxy)
        self._ads.publish(self._batch, resources, changes.get(g.PROXIES, frozenset()) & wanted.keys())
        self._published_at = time.perf_counter()
        self._overview.settled(self._batch)
        for proxy in {change.proxy for change in resources}:
            self._metrics.published(proxy)
        if g.CERTIFICATES in changes or g.NOW in changes:
            self._look_ahead()
        if not self.shaped_by.isdisjoint(changes):
            self._reshape.set()
        self._publication.settled(
            self._batch,
            {(kind, key): self._world.get(ref, key) for kind, ref in s.DOCUMENTS.items() for key in changes.get(ref, ())},
        )
        kinds = {ref.name: len(self._world.rows(ref)) for ref in BY_KIND.values() if ref in changes}
        self._metrics.objects(kinds)


def _late(late: Late) -> None:
    _log.warning("a proxy does not confirm its configuration", proxy=late.proxy, type=late.type_url, names=late.names[:5])
