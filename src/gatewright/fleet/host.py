"""The fleet of a host: one Envoy process for each proxy, all on this machine.

`apply` says which proxies there are to be; a supervisor each sees to it. Envoys outlive their control plane: the first `apply`
after a start finds those that still run and keeps the ones that are wanted, untouched; the others are drained. Only `stop` ends
them all. Leaving the `async with` block in any other way, or being killed, leaves them running for the next control plane.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from gatewright.fleet import files as state_files
from gatewright.fleet import process
from gatewright.fleet import spec as specs
from gatewright.fleet.envoy_binary import MissingEnvoy
from gatewright.fleet.logs import LogLine
from gatewright.fleet.spec import ProxySpec, ProxyState
from gatewright.fleet.supervisor import Supervisor, Surroundings


class HostFleet:
    """Runs proxies; to be used as `async with`. Callbacks are called in the loop and must not block.

    `on_state` hears of every change of a proxy's phase, `on_log` every line of an Envoy's log, `on_access_log` what it wrote to
    stdout. Sockets go to `socket_dir` (at most 72 bytes long) when the path of `state_dir` is too long for them.
    Entering raises StateDirectoryError.
    """

    def __init__(
        self,
        state_dir: Path,
        envoy_path: Path | MissingEnvoy,
        on_state: Callable[[ProxyState], None],
        *,
        socket_dir: Path | None = None,
        on_log: Callable[[str, LogLine], None] = lambda _proxy, _line: None,
        on_access_log: Callable[[str, bytes], None] = lambda _proxy, _lines: None,
    ) -> None:
        root = state_dir.absolute()
        self.state = specs.StateLayout(root, socket_dir.absolute() if socket_dir else root)
        self._surroundings = Surroundings(envoy_path, self.state, on_state, on_log, on_access_log)
        self._found: dict[str, list[process.EnvoyProcess]] = {}
        self._supervisors: dict[str, Supervisor] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()
        self._lock = -1
        self._swept = False
        self._stopping = False

    async def __aenter__(self) -> Self:
        state_files.prepare(self.state)
        self._lock = state_files.lock(self.state)
        await self._group.__aenter__()
        for envoy in process.running(self.state.proxies):
            self._found.setdefault(specs.option(envoy.arguments, "--service-cluster") or "", []).append(envoy)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._tasks.values():
            task.cancel()
        try:
            # A supervisor's fault cancels the block, which the group must see; the block's own errors pass as they are.
            ours = (kind, error, traceback) if kind is asyncio.CancelledError else (None, None, None)
            await self._group.__aexit__(*ours)
        finally:
            for envoy in (envoy for envoys in self._found.values() for envoy in envoys):
                envoy.forget()
            os.close(self._lock)

    async def apply(self, desired: Mapping[str, ProxySpec]) -> None:
        """Makes the proxies be these: begins at once, reports through `on_state`. Does nothing once `stop` was called."""
        if self._stopping:
            return
        for name in (self._supervisors.keys() | self._found.keys()) - desired.keys():
            self._supervisor(name).leave()
        for name, spec in desired.items():
            self._supervisor(name).want(spec)
        if not self._swept:
            self._swept = True
            await asyncio.to_thread(state_files.remove_others, self.state, frozenset(self._supervisors))

    async def stop(self, drain_seconds: float) -> None:
        """Drains all proxies for so many seconds at most and ends them. Called again, the shorter time holds.

        Cancelling it does not stop the draining; another `stop` waits for it again.
        """
        self._stopping = True
        for name in self._supervisors.keys() | self._found.keys():
            self._supervisor(name).leave(drain_seconds)
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def _supervisor(self, name: str) -> Supervisor:
        """The supervisor of a proxy; a new one takes over the Envoys found running."""
        if name not in self._supervisors:
            supervisor = Supervisor(name, self._surroundings, self._found.pop(name, []))
            self._supervisors[name] = supervisor
            self._tasks[name] = self._group.create_task(self._supervise(name, supervisor), name=f"proxy {name}")
        return self._supervisors[name]

    async def _supervise(self, name: str, supervisor: Supervisor) -> None:
        while not supervisor.done:
            await supervisor.run()
        del self._supervisors[name], self._tasks[name]
