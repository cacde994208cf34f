"""The loop of the control plane: settings → tables → proxies and statuses.

Changes from the sources, from the proxies and from the clock are inputs of one world. The loop waits for any, takes all that is
there, settles, and hands what changed to the ADS server, the fleet and the status writers; then it waits again. There is no
hold-off: an idle plane answers at once, a busy one batches by itself. The first settle waits for the initial read, so a
restarted plane never serves half a world.
"""

import asyncio
import gc
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

from gatewright import __version__, log
from gatewright.ads.messages import Delivery, Late, Progress
from gatewright.ads.server import AdsServer
from gatewright.api.admission import admit
from gatewright.console.server import serving
from gatewright.console.source import About
from gatewright.control.outbox import Outbox
from gatewright.control.overview import Overview
from gatewright.control.proxyspecs import proxy_spec, system_authorities
from gatewright.control.publication import Publication, Writer
from gatewright.fleet.envoy_binary import find
from gatewright.fleet.host import HostFleet
from gatewright.fleet.logs import LogLine
from gatewright.fleet.spec import Phase, ProxyState
from gatewright.flow import Changes
from gatewright.graph import tables as g
from gatewright.graph.settings import GraphSettings
from gatewright.metrics import Metrics
from gatewright.settings import Settings
from gatewright.sources.changes import Batch
from gatewright.sources.files import FileSource
from gatewright.status import tables as s
from gatewright.world import BY_KIND, build
from gatewright.writers.statusfiles import StatusFiles

CLOCK_SECONDS: Final = 30  # how late an expired certificate may be noticed
LAG_SECONDS: Final = 0.1
RETRY_SECONDS: Final = 3.0
OUTSIDE: Final = ("cannot bind", "cannot listen", "Address already in use")  # refusals that pass without a change of ours

_log = log.logger(__name__)


async def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    return await Control(settings).run()


class Control:
    """One running control plane. Everything happens on one event loop; the world is touched by `_turn` alone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._world = build(
            GraphSettings(
                controller_name=settings.controller_name,
                backend_enabled=settings.extension_apis.backend,
                shared_host=True,
                system_authorities=system_authorities(),
            )
        )
        self._metrics = Metrics()
        self._outbox = Outbox(self._world)
        self._ads = AdsServer(self._delivered, self._progressed, on_late=_late)
        self._fleet = HostFleet(
            settings.state_dir,
            find(str(settings.envoy_path) if settings.envoy_path else None),
            self._proxy_changed,
            socket_dir=settings.socket_dir,
            on_log=_envoy_said,
        )
        self._overview = Overview(self._world)
        writers: list[Writer] = [self._overview]
        self._status_files = StatusFiles(settings.status_dir, observe=self._file_written) if settings.status_dir else None
        if self._status_files:
            writers.append(self._status_files)
        self._publication = Publication(self._ads.wait, writers, self._written)
        self._batch = 0
        self._published_at = 0.0
        self._connected_since: dict[str, float] = {}
        self._pids: dict[str, int] = {}
        self._complete = False
        self._wake = asyncio.Event()
        self._reshape = asyncio.Event()
        self._stop = asyncio.Event()

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
        async with self._fleet, serving(self._settings, self._overview, self._metrics, about):
            await self._ads.start(self._fleet.state.xds_socket)
            try:
                await self._serve()
            finally:
                await self._ads.stop()
        return 0

    async def _serve(self) -> None:
        edges = (self._read, self._loop, self._publication.run, self._shape, self._tick, self._retry, self._measure_lag)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(edge(), name=edge.__name__) for edge in edges]
            if self._status_files:
                tasks.append(group.create_task(self._status_files.run(), name="status files"))
            await self._stop.wait()
            _log.info("stopping: Envoys drain", seconds=self._settings.drain_seconds)
            await self._fleet.stop(self._settings.drain_seconds)
            for task in tasks:
                task.cancel()

    def _told_to_stop(self) -> None:
        if self._stop.is_set():  # asked a second time: do not wait for connections
            asyncio.get_running_loop().create_task(self._fleet.stop(0)).add_done_callback(lambda task: task.exception())
        self._stop.set()

    # Inputs: each puts what it has into the world and wakes the loop.

    async def _read(self) -> None:
        async with aclosing(FileSource(self._settings.paths, admit).batches()) as batches:
            async for batch in batches:
                self._take(batch)

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

    def _file_written(self, kind: str, seconds: float, failed: bool) -> None:  # noqa: FBT001 - the shape of an observer
        if failed:
            self._metrics.status_written(kind, seconds, failed=True)

    def _written(self, kinds: Counter[str], seconds: float) -> None:
        for kind, count in kinds.items():
            for _ in range(count):
                self._metrics.status_written(kind, seconds / kinds.total())

    def _proxy_changed(self, state: ProxyState) -> None:
        self._overview.proxy(state)
        self._metrics.proxies(self._overview.phases())
        running = state.phase in {Phase.RUNNING, Phase.DRAINING}
        message = state.message or ("" if running else f"its Envoy is {state.phase.lower()}")
        gone = state.phase is Phase.STOPPED
        self._world.put(s.PROXY_HEALTH, state.proxy, None if gone else s.ProxyHealth(running=running, message=message))
        if state.pid is not None and self._pids.setdefault(state.proxy, state.pid) != state.pid:
            self._pids[state.proxy] = state.pid
            self._metrics.proxy_restarted(state.proxy)
        level = _log.warning if state.phase is Phase.FAILED else _log.info
        said = {"reason": state.message} if state.message else {}
        level("proxy", proxy=state.proxy, phase=str(state.phase), pid=state.pid, **said)
        self._wake.set()

    async def _tick(self) -> None:
        while True:
            self._world.put(g.NOW, g.ONLY, int(time.time()) // CLOCK_SECONDS * CLOCK_SECONDS)
            self._wake.set()
            await asyncio.sleep(CLOCK_SECONDS)

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
        changes = self._world.settle(from_scratch=self._settings.from_scratch)
        self._batch += 1
        self._publish(changes)
        self._metrics.settled(time.perf_counter() - before, sum(len(keys) for keys in changes.values()))
        if first:  # what is loaded stays: keep the collector from walking it again and again
            gc.collect()
            gc.freeze()
            gc.enable()
            _log.info("serving", seconds=round(time.perf_counter() - before, 3), proxies=len(self._world.rows(g.PROXIES)))
            self._overview.settled_first()

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
        if g.PROXIES in changes:
            self._reshape.set()
        self._publication.settled(
            self._batch,
            {(kind, key): self._world.get(ref, key) for kind, ref in s.DOCUMENTS.items() for key in changes.get(ref, ())},
        )
        kinds = {ref.name: len(self._world.rows(ref)) for ref in BY_KIND.values() if ref in changes}
        self._metrics.objects(kinds)

    async def _shape(self) -> None:
        """Make the fleet follow the proxies table."""
        while True:
            await self._reshape.wait()
            self._reshape.clear()
            await self._fleet.apply(
                {name: proxy_spec(facts, self._settings) for name, facts in self._world.rows(g.PROXIES).items()}
            )


def _envoy_said(proxy: str, line: LogLine) -> None:
    """Pass on what Envoy logs, at its own level; what it says of refused configuration is reported by its deliveries."""
    say = {"error": _log.warning, "critical": _log.warning, "warning": _log.warning}.get(line.level, _log.debug)
    say("envoy", proxy=proxy, logger=line.logger, level_there=line.level, said=line.message)


def _late(late: Late) -> None:
    _log.warning("a proxy does not confirm its configuration", proxy=late.proxy, type=late.type_url, names=late.names[:5])
