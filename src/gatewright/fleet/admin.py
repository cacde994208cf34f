"""Envoy's admin interface, over its Unix socket or within its Pod: a small client, one connection a call.

Only what the fleet and the console ask is here. A call ends in a `AdminError` when nobody answers in time or Envoy
answers anything but 200; the proxy may just be starting, or gone, so callers decide what that means.
https://www.envoyproxy.io/docs/envoy/latest/operations/admin
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from gatewright.fleet.spec import HostPort

LIVE: Final = "LIVE"


class AdminError(Exception):
    """The admin interface did not answer, or not with 200."""


class ServerOptions(msgspec.Struct, frozen=True):
    """The command line options that matter here."""

    restart_epoch: int = 0
    concurrency: int = 0


class ServerInfo(msgspec.Struct, frozen=True):
    """Answer of /server_info; `state` is LIVE, DRAINING, PRE_INITIALIZING or INITIALIZING."""

    version: str
    state: str
    command_line_options: ServerOptions = ServerOptions()


class AdminClient:
    """Calls to one Envoy; `timeout` is in seconds and for a whole call."""

    def __init__(self, address: Path | HostPort, timeout: float = 5.0) -> None:
        self._address = address
        self._timeout = timeout

    async def server_info(self) -> ServerInfo:
        """Version and state. Raises AdminError."""
        return msgspec.json.decode(await self.call("GET", "/server_info"), type=ServerInfo)

    async def prometheus(self) -> bytes:
        """All statistics that were used, in Prometheus' text format. Raises AdminError."""
        return await self.call("GET", "/stats/prometheus?usedonly")

    async def gauges(self, pattern: str) -> dict[str, int]:
        """Gauges whose name matches the regular expression `pattern`. Raises AdminError."""
        text = (await self.call("GET", f"/stats?type=Gauges&filter={pattern}")).decode()
        return {name: int(value) for name, _, value in (line.partition(": ") for line in text.splitlines()) if value}

    async def config_dump(self, query: str = "") -> bytes:
        """The configuration in force, as JSON; `query` such as `resource=dynamic_listeners`. Raises AdminError."""
        return await self.call("GET", f"/config_dump?{query}")

    async def set_log_levels(self, level: str, components: str) -> None:
        """Set the general level, then those of components (`misc:error,upstream:debug`). Raises AdminError."""
        await self.call("POST", f"/logging?level={level}")
        if components:
            await self.call("POST", f"/logging?paths={components}")

    async def begin_drain(self) -> None:
        """Asks clients to go: health checks fail, answers carry `connection: close`, and all are served. Raises AdminError."""
        await self.call("POST", "/healthcheck/fail")
        await self.call("POST", "/drain_listeners?graceful&skip_exit")

    async def stop_listening(self) -> None:
        """Take no more connections; those that are open go on. Raises AdminError."""
        await self.call("POST", "/drain_listeners")

    async def quit(self) -> None:
        """End the process now. Raises AdminError."""
        await self.call("POST", "/quitquitquit")

    async def call(self, method: str, target: str) -> bytes:
        """Body of the answer to one request. Raises AdminError."""
        try:
            async with asyncio.timeout(self._timeout):
                status, body = await self._exchange(method, target)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            where = self._address if isinstance(self._address, Path) else f"{self._address.address}:{self._address.port}"
            message = f"admin interface of Envoy at {where} did not answer {method} {target}: {error!r}"
            raise AdminError(message) from error
        if status != 200:  # noqa: PLR2004
            message = f"Envoy answered {method} {target} with {status}: {body[:200].decode(errors='replace')}"
            raise AdminError(message)
        return body

    async def _exchange(self, method: str, target: str) -> tuple[int, bytes]:
        reader, writer = await self._connect()
        try:
            writer.write(f"{method} {target} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(head.split(" ", 2)[1])
            if "transfer-encoding: chunked" in head:
                return status, b"".join([chunk async for chunk in _chunks(reader)])
            return status, await reader.read()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._address, Path):
            return await asyncio.open_unix_connection(self._address, limit=1 << 20)
        return await asyncio.open_connection(self._address.address, self._address.port, limit=1 << 20)


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
