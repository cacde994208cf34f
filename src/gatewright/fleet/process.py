"""Envoy processes: started here, or found running.

Both kinds are watched and signalled through a pidfd, which always means the process it was opened for, so a reused pid is never
taken for an Envoy. A started Envoy gets a session of its own: neither Ctrl-C at the terminal nor the death of the control plane
reaches it. A found one is recognised by its command line alone (see `spec`).
"""

import asyncio
import os
import resource
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from gatewright.fleet import spec as specs

_PROC: Final = Path("/proc")
_RESET: Final = (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # an ignored signal would stay ignored in Envoy


class Ended(msgspec.Struct, frozen=True):
    """How a process ended: exit status or signal, both `None` for one that was not our child."""

    status: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        if self.signal is not None:
            return f"killed by {signal.Signals(self.signal).name}"
        return "ended" if self.status is None else f"exited with status {self.status}"


class EnvoyProcess:
    """A running Envoy. `arguments` is its command line, `started` when (monotonic) it was started or found.

    `log_offset` is the length of its log file at that time.
    """

    def __init__(self, pid: int, pidfd: int, arguments: Sequence[str], *, child: bool, log_offset: int = 0) -> None:
        self.pid = pid
        self.arguments = tuple(arguments)
        self.log_offset = log_offset
        self.started = time.monotonic()
        self.ended: Ended | None = None
        self._child = child
        self._pidfd = pidfd
        self._gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(pidfd, self._note_end)

    async def wait(self) -> Ended:
        """Waits until the process is gone."""
        await self._gone.wait()
        return self.ended or Ended()

    def send(self, number: signal.Signals) -> None:
        """Signals the process unless it is gone."""
        if self.ended is None:
            signal.pidfd_send_signal(self._pidfd, number)

    def forget(self) -> None:
        """Stops watching; the process, if it still runs, goes on."""
        if self.ended is None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self.ended = Ended()

    def _note_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self.ended = self._reap() if self._child else Ended()
        os.close(self._pidfd)
        self._gone.set()

    def _reap(self) -> Ended:
        result = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
        if result is None:
            return Ended()
        return Ended(status=result.si_status) if result.si_code == os.CLD_EXITED else Ended(signal=result.si_status)


def start(arguments: Sequence[str], output: Path, log: Path) -> EnvoyProcess:
    """Starts Envoy in its own session, stdout appended to `output` and stderr to `log`. Raises OSError when it cannot be run."""
    log_offset = log.stat().st_size if log.exists() else 0
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        arguments[0],
        list(arguments),
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, output, append, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, log, append, 0o600),
        ],
        setsid=True,
        setsigmask=(),
        setsigdef=_RESET,
    )
    _raise_open_files_limit(pid)
    return EnvoyProcess(pid, os.pidfd_open(pid), arguments, child=True, log_offset=log_offset)


def _raise_open_files_limit(pid: int) -> None:
    """Lets Envoy open as many connections as the system permits: shells often start with a soft limit of 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))


def running(proxies: Path) -> Iterator[EnvoyProcess]:
    """The Envoys whose bootstrap lies below `proxies`, the oldest first: those of an earlier control plane."""
    for pid, arguments in sorted(_candidates(proxies), key=lambda candidate: _start_time(candidate[0])):
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        if _arguments(pid) == arguments:  # still the same process, now that it cannot be mistaken any more
            yield EnvoyProcess(pid, pidfd, arguments, child=False)
        else:
            os.close(pidfd)


def _candidates(proxies: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    for entry in os.listdir(_PROC):  # noqa: PTH208 - a Path for each process would double the time
        if not entry.isdigit():
            continue
        arguments = _arguments(int(entry))
        config = specs.option(arguments, "--config-path")
        if config is not None and proxies in Path(config).parents:
            yield int(entry), arguments


def _start_time(pid: int) -> int:
    """Clock ticks from boot to the start of the process: field 22, counted behind the parenthesised name (proc(5))."""
    try:
        return int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 0


def _arguments(pid: int) -> tuple[str, ...]:
    try:
        return tuple((_PROC / str(pid) / "cmdline").read_bytes().decode(errors="surrogateescape").split("\0")[:-1])
    except OSError:
        return ()
