"""Envoy processes: started here, or found running.

Envoy asks the kernel for SIGTERM when its parent dies (a habit of hot restart), and we want it to outlive us. So its parent is a
shell that does nothing but wait for it and pass on how it ended, in a session of their own, which neither Ctrl-C at the terminal
nor the death of the control plane reaches. A found Envoy is recognised by its command line alone (see `spec`). All are watched
through pidfds, which always mean the process they were opened for: a reused pid is never taken for an Envoy.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

_PROC: Final = Path("/proc")
_SHELL: Final = "/bin/sh"
# Says Envoy's pid on descriptor 3. Shells often start with a soft limit of 1024 open files: too few connections. What the shell
# would say of Envoy's end is said by `Ended`.
_KEEPER: Final = 'ulimit -n "$(ulimit -H -n)"; "$@" 3>&- & echo $! >&3; exec 3>&- 2>/dev/null; wait $!'
NOT_EXECUTED: Final = frozenset({2, 126, 127})  # statuses of a shell that could not run what it was told to
_KILLED: Final = 128  # a shell adds a signal's number to this
_RESET: Final = (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # an ignored signal would stay ignored in Envoy


class Ended(msgspec.Struct, frozen=True):
    """How a process ended: exit status or signal, both `None` for one that was not started here."""

    status: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        if self.signal is not None:
            return f"killed by {signal.Signals(self.signal).name}"
        return "ended" if self.status is None else f"exited with status {self.status}"


class EnvoyProcess:
    """A running Envoy. `arguments` is its command line, `started` when (monotonic) it was started or found.

    `log_offset` is the length of its log file at that time; `keeper` is the pid of the shell that waits for it, if we started it.
    """

    def __init__(self, pid: int, pidfd: int, arguments: Sequence[str], *, keeper: int | None = None, log_offset: int = 0) -> None:
        self.pid = pid
        self.arguments = tuple(arguments)
        self.log_offset = log_offset
        self.started = time.monotonic()
        self.ended: Ended | None = None
        self._pidfd = pidfd
        self._keeper = keeper
        self._watched = pidfd if keeper is None else os.pidfd_open(keeper)
        self._gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._watched, self._note_end)

    async def wait(self) -> Ended:
        """Waits until the process is gone."""
        await self._gone.wait()
        return self.ended or Ended()

    def send(self, number: signal.Signals) -> None:
        """Signals the process unless it is gone."""
        if self.ended is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def forget(self) -> None:
        """Stops watching; the process, if it still runs, goes on."""
        if self.ended is None:
            self._close(Ended())

    def _note_end(self) -> None:
        self._close(Ended() if self._keeper is None else _reap(self._keeper))
        self._gone.set()

    def _close(self, ended: Ended) -> None:
        asyncio.get_running_loop().remove_reader(self._watched)
        self.ended = ended
        for descriptor in {self._pidfd, self._watched}:
            os.close(descriptor)


def _reap(keeper: int) -> Ended:
    _, wait_status = os.waitpid(keeper, 0)
    status = os.waitstatus_to_exitcode(wait_status)
    if status < 0:
        return Ended(signal=-status)
    return Ended(signal=status - _KILLED) if status > _KILLED else Ended(status=status)


def start(arguments: Sequence[str], output: Path, log: Path) -> EnvoyProcess:
    """Starts Envoy, stdout appended to `output` and stderr to `log`. Raises OSError when it cannot be run."""
    log_offset = log.stat().st_size if log.exists() else 0
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    told, tell = os.pipe()
    try:
        keeper = os.posix_spawn(
            _SHELL,
            (_SHELL, "-c", _KEEPER, "gatewright-keeper", *arguments),
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, output, append, 0o600),
                (os.POSIX_SPAWN_OPEN, 2, log, append, 0o600),
                (os.POSIX_SPAWN_DUP2, tell, 3),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=_RESET,
        )
    finally:
        os.close(tell)
    with os.fdopen(told) as pipe:
        pid = int(pipe.readline())
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:  # it is gone already, which its keeper will tell
        pidfd = os.pidfd_open(keeper)
    return EnvoyProcess(pid, pidfd, arguments, keeper=keeper, log_offset=log_offset)


def check_executable(path: str) -> None:
    """Raises the OSError that a shell would hide: it takes a binary for another machine for a script."""
    pid = os.posix_spawn(
        path, (path, "--version"), os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    os.waitpid(pid, 0)


def running(proxies: Path) -> Iterator[EnvoyProcess]:
    """The Envoys whose bootstrap lies below `proxies`, the oldest first: those of an earlier control plane."""
    for pid, arguments in sorted(_candidates(proxies), key=lambda candidate: _start_time(candidate[0])):
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        if _arguments(pid) == arguments:  # still the same process, now that it cannot be mistaken any more
            yield EnvoyProcess(pid, pidfd, arguments)
        else:
            os.close(pidfd)


def _candidates(proxies: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    for entry in os.listdir(_PROC) if _PROC.is_dir() else ():  # noqa: PTH208 - a Path for each process would double the time
        if not entry.isdigit():
            continue
        arguments = _arguments(int(entry))
        # A keeper's command line contains its Envoy's, but not at the beginning.
        if arguments[1:2] == ("--config-path",) and proxies in Path(arguments[2]).parents:
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
