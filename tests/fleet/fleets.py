"""Fleets with real Envoys: a listener that needs no ADS server, a backend and a client, and a record of what was reported."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gatewright.fleet.envoy_binary import MissingEnvoy
from gatewright.fleet.host import HostFleet
from gatewright.fleet.logs import LogLine
from gatewright.fleet.spec import Phase, ProxySpec, ProxyState

T = TypeVar("T")


class Record:
    """What a fleet reported."""

    def __init__(self) -> None:
        self.states: list[ProxyState] = []
        self.log: list[LogLine] = []
        self.access_log = b""

    def fleet(self, state_dir: Path, envoy: Path | MissingEnvoy, socket_dir: Path | None = None) -> HostFleet:
        return HostFleet(
            state_dir,
            envoy,
            self.states.append,
            socket_dir=socket_dir,
            on_log=self._note_log,
            on_access_log=self._note_access_log,
        )

    def _note_log(self, _proxy: str, line: LogLine) -> None:
        self.log.append(line)

    def _note_access_log(self, _proxy: str, lines: bytes) -> None:
        self.access_log += lines

    def phases(self, proxy: str = "default/eg") -> list[Phase]:
        return [state.phase for state in self.states if state.proxy == proxy]

    async def reached(self, phase: Phase, *, proxy: str = "default/eg", after: int = 0, seconds: float = 10) -> ProxyState:
        """The first state of `proxy` in `phase` among the reports from number `after` on."""
        return await eventually(
            lambda: next((s for s in self.states[after:] if (s.proxy, s.phase) == (proxy, phase)), None), seconds
        )


async def eventually(look: Callable[[], T | None], seconds: float = 10) -> T:
    """What `look` finds in this time."""
    end = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.01)
    return found


def static_arguments(port: int, backend: int | None = None, access_log: str = "") -> tuple[str, ...]:
    """Arguments that give an Envoy a listener of its own, and let it go live without a control plane."""
    no_wait = {"initial_fetch_timeout": "0.02s"}
    action: dict[str, Any] = {"route": {"cluster": "backend"}} if backend else {"direct_response": {"status": 200}}
    connection_manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http-10080",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **action}]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
        "access_log": [
            {
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                    "path": access_log,
                },
            }
        ]
        if access_log
        else [],
    }
    listener = {
        "name": "default/eg/http",
        "address": _address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": connection_manager}]}],
    }
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(backend or 1)}}]}]
    cluster = {"name": "backend", "type": "STATIC", "load_assignment": {"cluster_name": "backend", "endpoints": endpoints}}
    config = {
        "dynamic_resources": {"lds_config": no_wait, "cds_config": no_wait},
        "static_resources": {"listeners": [listener], "clusters": [cluster]},
    }
    return ("--config-yaml", json.dumps(config))


def proxy(port: int, backend: int | None = None, **settings: Any) -> dict[str, ProxySpec]:  # noqa: ANN401 - fields of ProxySpec
    """The wish for one proxy, `default/eg`."""
    wanted = ProxySpec(name="default/eg", concurrency=1, extra_arguments=static_arguments(port, backend))
    return {"default/eg": msgspec.structs.replace(wanted, **settings)}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


async def get(port: int, path: str = "/") -> int:
    """Status of the answer to one request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return (await ask(reader, writer, path))[0]
    finally:
        await closed(writer)


async def answered(port: int, seconds: float = 3) -> int:
    """The same of a port that may not be listened on yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await get(port)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.01)


async def closed(writer: asyncio.StreamWriter) -> None:
    """Closes a connection for good: an open one would be complained of when the loop has ended."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def steadily(port: int, statuses: list[int]) -> None:
    """Requests without a pause, half of them on a connection that is kept for as long as the proxy likes."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            kept = True
            while kept:
                status, kept = await ask(reader, writer)
                statuses.extend((status, await get(port)))
        finally:
            await closed(writer)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str = "/") -> tuple[int, bool]:
    """Status of the answer to one request, and whether the connection is kept."""
    writer.write(f"GET {path} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next(int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length"))
    await reader.readexactly(length)
    return int(head.split(" ")[1]), "connection: close" not in head


@asynccontextmanager
async def backend() -> AsyncIterator[int]:
    """A backend on a free port; a path `/<seconds>` is answered after that time."""
    connections: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[writer] = asyncio.current_task()
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(float(head.split(b" ")[1].decode().strip("/") or 0))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer, task in connections.items():
            if task is not None:
                task.cancel()
            await closed(writer)
