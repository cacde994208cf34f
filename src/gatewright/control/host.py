"""The control plane of one machine: objects from files, Envoys as processes beside us."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from gatewright import log
from gatewright.api.admission import admit
from gatewright.control.plane import Edge, Plane
from gatewright.control.proxyspecs import proxy_spec, system_authorities
from gatewright.fleet.bootstrap import document
from gatewright.fleet.envoy_binary import find
from gatewright.fleet.host import HostFleet
from gatewright.fleet.logs import LogLine
from gatewright.fleet.spec import Phase, ProxySpec, ProxyState, StateLayout, bootstrap_spec
from gatewright.graph import tables as g
from gatewright.graph.settings import GraphSettings
from gatewright.settings import Settings
from gatewright.sources.files import FileSource
from gatewright.status.tables import ProxyHealth
from gatewright.writers.statusfiles import StatusFiles

_log = log.logger(__name__)


class HostPlane(Plane):
    """A control plane whose proxies are processes of this machine."""

    def __init__(self, settings: Settings) -> None:
        rules = GraphSettings(
            controller_name=settings.controller_name,
            backend_enabled=settings.extension_apis.backend,
            shared_host=True,
            system_authorities=system_authorities(),
            envoy_proxy=settings.envoy_proxy,
            bootstrap=document(bootstrap_spec(ProxySpec(name=""), StateLayout(settings.state_dir, settings.socket_dir))),
        )
        self._fleet = HostFleet(
            settings.state_dir,
            find(str(settings.envoy_path) if settings.envoy_path else None),
            self._told,
            socket_dir=settings.socket_dir,
            on_log=_envoy_said,
        )
        self._leaving = False
        self._status_files = StatusFiles(settings.status_dir, observe=self._file_written) if settings.status_dir else None
        super().__init__(settings, rules, [self._status_files] if self._status_files else [])

    @asynccontextmanager
    async def _infrastructure(self) -> AsyncIterator[None]:
        async with self._fleet:
            try:
                await self._ads.start(self._fleet.state.xds_socket)
                yield
            finally:
                await self._ads.stop()

    def _edges(self) -> Sequence[Edge]:
        return (self._read, self._shape, *((self._status_files.run,) if self._status_files else ()))

    async def _leave(self) -> None:
        first, self._leaving = not self._leaving, True
        if first:
            _log.info("stopping: Envoys drain", seconds=self._settings.drain_seconds)
        await self._fleet.stop(self._settings.drain_seconds if first else 0)

    async def _read(self) -> None:
        async with aclosing(FileSource(self._settings.paths, admit).batches()) as batches:
            async for batch in batches:
                self._take(batch)

    async def _shape(self) -> None:
        """Make the fleet follow the proxies table."""
        while True:
            await self._reshape.wait()
            self._reshape.clear()
            await self._fleet.apply({name: proxy_spec(facts) for name, facts in self._world.rows(g.PROXIES).items()})

    def _told(self, state: ProxyState) -> None:
        running = state.phase in {Phase.RUNNING, Phase.DRAINING}
        message = state.message or ("" if running else f"its Envoy is {state.phase.lower()}")
        gone = state.phase is Phase.STOPPED
        self._proxy_changed(state, None if gone else ProxyHealth(running=running, message=message))

    def _file_written(self, kind: str, seconds: float, failed: bool) -> None:  # noqa: FBT001 - the shape of an observer
        if failed:
            self._metrics.status_written(kind, seconds, failed=True)


def _envoy_said(proxy: str, line: LogLine) -> None:
    """Pass on what Envoy logs, at its own level; what it says of refused configuration is reported by its deliveries."""
    say = {"error": _log.warning, "critical": _log.warning, "warning": _log.warning}.get(line.level, _log.debug)
    say("envoy", proxy=proxy, logger=line.logger, level_there=line.level, said=line.message)
