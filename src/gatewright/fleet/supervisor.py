"""The life of one proxy: its Envoy is started, watched, started again, replaced, drained and stopped.

A loop compares what is wanted with what runs, takes one step, and sleeps until the wish changes or the process does. Replacing is
Envoy's hot restart: the new process takes the listening sockets from the old one, which finishes its requests and leaves; nothing
is lost. A new process that does not get that far leaves the old one in charge. Cancelling the loop never touches a process: an
Envoy is left to the next control plane.
"""

import asyncio
import math
import secrets
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from gatewright.fleet import files as state_files
from gatewright.fleet import logs
from gatewright.fleet import spec as specs
from gatewright.fleet.admin import AdminClient, AdminError
from gatewright.fleet.bootstrap import bootstrap
from gatewright.fleet.drain import drain
from gatewright.fleet.envoy_binary import MissingEnvoy
from gatewright.fleet.explain import explain_end, explain_start
from gatewright.fleet.process import NOT_EXECUTED, Ended, EnvoyProcess, check_executable, start
from gatewright.fleet.restarts import Restarts
from gatewright.fleet.spec import Phase, ProxySpec, ProxyState

QUIT_SECONDS: Final = 5.0
FOLLOW_SECONDS: Final = 0.25
_FASTEST_PROBE: Final = 0.01
_SLOWEST_PROBE: Final = 0.25
_PROBE_SECONDS: Final = 0.5  # during a hot restart the socket may still be that of the old epoch, which never answers


class Surroundings(msgspec.Struct, frozen=True):
    """What the supervisors of a fleet share."""

    envoy: Path | MissingEnvoy
    state: specs.StateLayout
    on_state: Callable[[ProxyState], None]
    on_log: Callable[[str, logs.LogLine], None]
    on_access_log: Callable[[str, bytes], None]


class Supervisor:
    """Keeps one proxy as it is wanted; `found` are Envoys of an earlier control plane, the latest epoch last."""

    def __init__(self, name: str, surroundings: Surroundings, found: list[EnvoyProcess]) -> None:
        self._name = name
        self._surroundings = surroundings
        self._files = surroundings.state.proxy(name)
        self._admin = AdminClient(self._files.admin_socket)
        self._prober = AdminClient(self._files.admin_socket, _PROBE_SECONDS)
        self._current = found[-1] if found else None
        self._former = dict.fromkeys(found[:-1], time.monotonic())  # replaced, finishing their requests; since when
        self._wanted: ProxySpec | None = None
        self._deadline = math.inf
        self._changed = asyncio.Event()
        self._live = False
        self._levels: tuple[str, str] | None = None  # unknown of an adopted Envoy
        self._worn = False  # drained, or without its admin interface: only a successor can be whole again
        self._refused: tuple[str, ...] = ()  # the command line of a successor that did not come up
        self._restarts = Restarts()
        self._reported: ProxyState | None = None
        self._forgotten = False
        self._retired = False

    @property
    def done(self) -> bool:
        """Whether the proxy has left and is not wanted again."""
        return self._retired and self._wanted is None

    def want(self, spec: ProxySpec) -> None:
        """The proxy is to be like this; what failed before is tried at once when it differs."""
        if spec != self._wanted:
            self._wanted, self._deadline, self._restarts = spec, math.inf, Restarts()
            self._changed.set()

    def leave(self, drain_seconds: float | None = None) -> None:
        """The proxy is to finish its requests in this time, and go. Without a time it takes its own, and its files go too."""
        seconds = self._drain_seconds() if drain_seconds is None else drain_seconds
        self._deadline = min(self._deadline, time.monotonic() + seconds)
        self._wanted, self._forgotten = None, drain_seconds is None
        self._changed.set()

    async def run(self) -> None:
        """Keeps the proxy until it has left. Cancelled, it lets go of its processes and they run on."""
        self._retired = False
        try:
            await first(self._keep(), self._follow_logs())
        finally:
            for process in self._processes():
                process.forget()

    async def _keep(self) -> None:
        while not self._retired:
            self._changed.clear()
            wanted = self._wanted
            if wanted is None:
                await self._retire()
                continue
            if self._current is not None and self._current.ended is not None:
                self._fall(self._current, self._current.ended)
                if self._restarts.delay:
                    await self._watch()
                continue
            if self._current is None:
                self._start(wanted)
            elif self._must_be_replaced(self._current, wanted):
                await self._replace(self._current, wanted)
            elif self._live:
                await self._set_log_levels(wanted)
                self._forgive(self._current, wanted)
            await self._watch()

    async def _watch(self) -> None:
        """Until the wish changes, a process ends, the new one is live, or it is time to try again."""
        if self._current is None:
            await first(self._changed.wait(), asyncio.sleep(self._restarts.delay))
            return
        waits: list[Coroutine[Any, Any, object]] = [self._changed.wait(), self._current.wait()]
        if not self._live:
            waits.append(self._await_live(self._current))
        if self._former:
            waits.append(self._dismiss(*next(iter(self._former.items()))))
        await first(*waits)

    # --- starting -------------------------------------------------------------------------------------------------------------

    def _start(self, wanted: ProxySpec) -> None:
        if not self._former:
            state_files.sweep(self._files)
        process = self._spawn(wanted, secrets.randbelow(specs.HIGHEST_BASE_ID) + 1, 0)
        if isinstance(process, str):
            self._restarts = self._restarts.fell(0.0)
            self._report(Phase.FAILED, process)
            return
        self._current, self._live, self._worn, self._levels = process, False, False, _levels(wanted)
        if self._reported is None or self._reported.phase is not Phase.FAILED:
            self._report(Phase.STARTING, self._reported.message if self._reported else "")

    def _spawn(self, wanted: ProxySpec, base_id: int, epoch: int) -> EnvoyProcess | str:
        """A new Envoy, or why there is none."""
        envoy = self._surroundings.envoy
        if isinstance(envoy, MissingEnvoy):
            return envoy.message
        arguments = self._command(envoy, wanted, base_id, epoch)
        try:
            state_files.write_bootstrap(self._files, self._bootstrap(wanted))
        except OSError as error:
            return f"cannot write to {self._files.directory}: {error.strerror}"
        try:
            return start(arguments, self._files.access_log, self._files.log)
        except OSError as error:
            return explain_start(error, str(envoy))

    def _bootstrap(self, wanted: ProxySpec) -> bytes:
        return bootstrap(specs.bootstrap_spec(wanted, self._surroundings.state))

    def _command(self, envoy: Path, wanted: ProxySpec, base_id: int, epoch: int) -> tuple[str, ...]:
        config = self._files.bootstrap(self._bootstrap(wanted))
        return specs.command(envoy, wanted, self._files, config, base_id, epoch)

    async def _await_live(self, process: EnvoyProcess) -> None:
        """Until the Envoy of this epoch has had its first configuration; then it is Running."""
        state = await self._probe(process)
        self._live = True
        self._worn |= state == "DRAINING"
        self._report(Phase.RUNNING)

    async def _probe(self, process: EnvoyProcess) -> str:
        pause = _FASTEST_PROBE
        while True:
            with suppress(AdminError):
                info = await self._prober.server_info()
                same = info.command_line_options.restart_epoch == specs.epoch_of(process.arguments)
                if same and info.state in ("LIVE", "DRAINING"):
                    return info.state
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _SLOWEST_PROBE)

    def _fall(self, process: EnvoyProcess, ended: Ended) -> None:
        """The Envoy is gone although it is wanted."""
        message = explain_end(ended, logs.tail(self._files.log, process.log_offset))
        if ended.status in NOT_EXECUTED:
            try:
                check_executable(process.arguments[0])
            except OSError as error:
                message = explain_start(error, process.arguments[0])
        self._restarts = self._restarts.fell(time.monotonic() - process.started)
        self._current = None
        at_once = self._live and self._restarts.delay == 0
        self._report(Phase.STARTING if at_once else Phase.FAILED, message)

    # --- changing -------------------------------------------------------------------------------------------------------------

    def _must_be_replaced(self, current: EnvoyProcess, wanted: ProxySpec) -> bool:
        fixed = self._fixed(wanted)
        return fixed not in ((), self._refused) and (self._worn or fixed != specs.fixed(current.arguments))

    def _fixed(self, wanted: ProxySpec) -> tuple[str, ...]:
        """What only another process can change; nothing when there is no Envoy to make one of."""
        envoy = self._surroundings.envoy
        return () if isinstance(envoy, MissingEnvoy) else specs.fixed(self._command(envoy, wanted, 0, 0))

    async def _replace(self, current: EnvoyProcess, wanted: ProxySpec) -> None:
        """Hot restart: https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/operations/hot_restart."""
        base_id, epoch = specs.base_id_of(current.arguments), specs.epoch_of(current.arguments) + 1
        successor = self._spawn(wanted, base_id, epoch)
        if isinstance(successor, str):
            await self._refuse(wanted, successor)
            return
        await first(successor.wait(), self._probe(successor), self._until_hopeless())
        if successor.ended is not None:
            await self._refuse(wanted, explain_end(successor.ended, logs.tail(self._files.log, successor.log_offset)))
            return
        self._former[current] = time.monotonic()
        self._current, self._live, self._worn, self._levels = successor, self._wanted is not None, False, _levels(wanted)
        self._refused = ()
        self._report(Phase.RUNNING)

    async def _refuse(self, wanted: ProxySpec, why: str) -> None:
        """The new Envoy did not come up: the old one, which may have given away its admin interface, goes on."""
        self._refused = self._fixed(wanted)
        try:
            await self._prober.server_info()
        except AdminError:
            self._worn = True
        self._report(Phase.RUNNING, f"runs with its previous settings; with the new ones: {why}")

    def _forgive(self, current: EnvoyProcess, wanted: ProxySpec) -> None:
        """What was refused is not wanted any more."""
        if self._refused and self._fixed(wanted) == specs.fixed(current.arguments):
            self._refused = ()
            self._report(Phase.RUNNING)

    async def _until_hopeless(self) -> None:
        """A while after the proxy is not wanted any more: drained after a hot restart, it can say what the old one still does."""
        while self._wanted is not None:
            self._changed.clear()
            await self._changed.wait()
        await asyncio.sleep(QUIT_SECONDS)

    async def _set_log_levels(self, wanted: ProxySpec) -> None:
        if self._levels == _levels(wanted):
            return
        with suppress(AdminError):  # it may be gone, which is noticed elsewhere
            await self._admin.set_log_levels(*_levels(wanted))
        self._levels = _levels(wanted)

    # --- leaving --------------------------------------------------------------------------------------------------------------

    async def _retire(self) -> None:
        """Drains and quits, unless the proxy is wanted again meanwhile."""
        if self._current is not None:
            self._report(Phase.DRAINING)
            await first(self._drain(), self._current.wait())
            if self._wanted is not None:
                self._worn = True
                return
        for process in reversed(self._processes()):  # a successor that leaves wants to tell its predecessor, and waits for that
            await _quit(process)
        self._current, self._former, self._retired = None, {}, True
        state_files.sweep(self._files)
        if self._forgotten:
            state_files.remove(self._files)
        self._report(Phase.STOPPED)

    async def _drain(self) -> None:
        with suppress(AdminError):  # it has only just been started, or hangs: nothing that could be waited for
            await drain(self._admin, lambda: self._deadline - time.monotonic(), lambda: self._wanted is not None)

    async def _dismiss(self, former: EnvoyProcess, since: float) -> None:
        """A replaced Envoy is told to leave by its successor; one whose successor fell would stay for ever."""
        patience = specs.parent_shutdown_seconds(specs.drain_seconds_of(former.arguments)) + QUIT_SECONDS
        with suppress(TimeoutError):
            await asyncio.wait_for(former.wait(), max(since + patience - time.monotonic(), 0))
        await _quit(former)
        del self._former[former]

    def _processes(self) -> tuple[EnvoyProcess, ...]:
        return (*self._former, *([self._current] if self._current else []))

    def _drain_seconds(self) -> int:
        if self._wanted is not None:
            return self._wanted.drain_seconds
        return specs.drain_seconds_of(self._current.arguments) if self._current else 0

    # --- telling --------------------------------------------------------------------------------------------------------------

    def _report(self, phase: Phase, message: str = "") -> None:
        state = ProxyState(self._name, phase, message, self._current.pid if self._current else None)
        if state != self._reported:
            self._reported = state
            self._surroundings.on_state(state)

    async def _follow_logs(self) -> None:
        log, access_log = logs.Follower(self._files.log), logs.Follower(self._files.access_log)
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            for line in logs.lines(log.read()):
                self._surroundings.on_log(self._name, line)
            while chunk := access_log.read():
                self._surroundings.on_access_log(self._name, chunk)


def _levels(spec: ProxySpec) -> tuple[str, str]:
    return spec.log_level, specs.component_log_levels(spec)


async def _quit(process: EnvoyProcess) -> None:
    """Ends a process: asked first, then not."""
    for request, patience in ((signal.SIGTERM, QUIT_SECONDS), (signal.SIGKILL, None)):
        process.send(request)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience)
            return


async def first(*contenders: Coroutine[Any, Any, object]) -> None:
    """Returns when one of them has; the others are cancelled and awaited. Raises what that one raised."""
    tasks = [asyncio.ensure_future(contender) for contender in contenders]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
