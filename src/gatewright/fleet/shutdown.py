"""How a Pod's connections end before it does: the shutdown manager, and the hook that it runs beside Envoy.

Kubernetes runs both containers' preStop hooks at once. Ours (`drain`) makes Envoy refuse health checks, so that load balancers
send nobody new, and waits until its clients have gone; then it leaves a file. Envoy's own hook is a request to the manager, which
is answered once the file is there: only then is Envoy told to stop. Behaviour and numbers are Envoy Gateway's.

A Pod may be deleted while it starts. Then the manager may not answer yet, so Envoy is told to stop at once; and Envoy, which is
the first process of its container, does not hear a signal that comes before it listens for it. So `drain` sees to it in the end.
"""

import asyncio
import re
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from gatewright.fleet.admin import AdminClient, AdminError
from gatewright.fleet.drain import open_connections

PORT: Final = 19002
READY_FILE: Final = Path("/tmp/shutdown-ready")  # noqa: S108 - the container's own file system
READY_SECONDS: Final = 610.0
POLL_SECONDS: Final = 0.2
REQUEST_SECONDS: Final = 5.0
STOP_SECONDS: Final = 5.0
GAUGES: Final = r"^listener\..*\.downstream_cx_active$"

_OURS: Final = re.compile(r"_(19001|19003)\.")  # listeners for metrics and probes, whose clients nobody waits for


class Drain(msgspec.Struct, frozen=True):
    """How long connections may take; seconds.

    Health checks fail after `health_check_failure_delay`; until then, answers only ask clients to go. At least `min_drain`
    passes, for load balancers to notice, and at most `timeout`; in between, `exit_at_connections` of them or fewer end it. Then
    Envoy has `stop` to be told to stop, and to do so.
    """

    health_check_failure_delay: float = 0.0
    timeout: float = 60.0
    min_drain: float = 10.0
    exit_at_connections: int = 0
    stop: float = STOP_SECONDS


def clients(gauges: Mapping[str, int]) -> int:
    """Open connections of clients; those of probes and scrapers left out."""
    return open_connections({name: value for name, value in gauges.items() if not _OURS.search(name)})


async def drain(admin: AdminClient, wanted: Drain, ready_file: Path, say: Callable[[str], None]) -> None:
    """Let connections end as `wanted`, leave `ready_file`, and return when Envoy is gone.

    An Envoy that has not answered at all by the end of `min_drain` has no clients; one that no longer does is given up at the
    timeout. `ready_file` is what tells Envoy to stop; one that goes on is stopped here.
    """
    await _let_go(admin, wanted, say)
    await asyncio.to_thread(ready_file.touch)
    until = time.monotonic() + wanted.stop
    with suppress(AdminError):  # it is gone
        while time.monotonic() < until:
            await admin.server_info()
            await asyncio.sleep(POLL_SECONDS)
        say("Envoy was not told to stop, or has not heard it")
        await admin.quit()


async def _let_go(admin: AdminClient, wanted: Drain, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    say(f"draining: at least {wanted.min_drain:g} s, at most {wanted.timeout:g} s")
    failing = wanted.health_check_failure_delay <= 0
    left: int | None = None
    asked = False
    while (passed := time.monotonic() - began) < wanted.timeout:
        if not asked:
            asked = await _ask(admin, "/healthcheck/fail" if failing else "/drain_listeners?graceful&skip_exit", say)
        if not failing and passed >= wanted.health_check_failure_delay:
            failing = True
            await _ask(admin, "/healthcheck/fail", say)
        with suppress(AdminError):
            now = clients(await admin.gauges(GAUGES))
            if now != left:
                say(f"{now} connections of clients")
            left = now
        if passed >= wanted.min_drain and (not asked or (left is not None and left <= wanted.exit_at_connections)):
            break
        await asyncio.sleep(POLL_SECONDS)
    say(f"drained after {time.monotonic() - began:.1f} s")


async def _ask(admin: AdminClient, target: str, say: Callable[[str], None]) -> bool:
    """Whether Envoy has taken it."""
    try:
        await admin.call("POST", target)
    except AdminError as error:
        say(str(error))
        return False
    return True


async def serve(ready_seconds: float, ready_file: Path, *, port: int = PORT, host: str | None = None) -> None:
    """Answer /healthz, and /shutdown/ready once `ready_file` is there (500 after `ready_seconds`), until told to stop.

    That is when the hook beside it has ended: if it has left no file it has failed, and nobody waits much longer.

    Raises:
        OSError: the port is taken.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    waiting: set[asyncio.Task[object]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        waiting.update({task} if task else ())
        try:
            await _answer(reader, writer, ready_seconds, ready_file, told)
        finally:
            waiting.difference_update({task} if task else ())
            writer.close()

    server = await asyncio.start_server(answer, host, port)
    async with server:
        await told.wait()
        server.close()
        if waiting:  # Envoy's hook may still be waiting for its answer
            await asyncio.wait(waiting, timeout=2 * STOP_SECONDS)


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ready_seconds: float, ready_file: Path, told: asyncio.Event
) -> None:
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(REQUEST_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        path = head.partition(b" ")[2].partition(b" ")[0].partition(b"?")[0]
        status = b"404 Not Found"
        if path == b"/healthz":
            status = b"200 OK"
        elif path == b"/shutdown/ready":
            status = b"200 OK" if await _appears(ready_file, ready_seconds, told) else b"500 Internal Server Error"
        writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()


async def _appears(file: Path, seconds: float, told: asyncio.Event) -> bool:
    """Whether `file` is there, within so many seconds, or soon after we are told to stop."""
    until, soon = time.monotonic() + seconds, False
    while not await asyncio.to_thread(file.exists):
        if told.is_set() and not soon:
            soon, until = True, min(until, time.monotonic() + STOP_SECONDS)
        if time.monotonic() >= until:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True
