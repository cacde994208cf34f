"""Asks without pause until it is told to stop (SIGTERM), then prints what came of it: a JSON object of counts by outcome.

A program, to be run where a Gateway's address can be reached: HOST PATH SLOW-PATH. Some clients keep their connection, some open
one for each request, and some wait long for each answer. Nothing is tried again: what is refused, reset, broken off or late is
counted under its exception's name.
"""

import asyncio
import json
import signal
import sys
import time
from collections import Counter

KEPT, FRESH, SLOW = 6, 3, 3
PAUSE_SECONDS = 0.004  # the machine is shared with what is measured
PATIENCE_SECONDS = 10.0

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Clients:
    """Clients of one address."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.outcomes: Counter[str] = Counter()
        self.lost: list[str] = []
        self.stop = asyncio.Event()
        self.began = time.time()

    async def kept(self, path: str) -> None:
        """Use a connection for as long as the server lets us."""
        streams: Streams | None = None
        while not self.stop.is_set():
            streams = await self.once(streams, path)
            await asyncio.sleep(PAUSE_SECONDS)

    async def fresh(self, path: str) -> None:
        """Use a connection once."""
        while not self.stop.is_set():
            streams = await self.once(None, path)
            if streams:
                streams[1].close()
            await asyncio.sleep(PAUSE_SECONDS)

    async def once(self, streams: Streams | None, path: str) -> Streams | None:
        """One request; the connection if it can be used again."""
        used = "kept" if streams else "new"
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                streams = streams or await asyncio.open_connection(self.host, 80)
                status, closes = await _exchange(*streams, f"GET {path} HTTP/1.1\r\nhost: example.com\r\n\r\n")
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            status, closes = f"{type(error).__name__} on a {used} connection", True
        self.outcomes[status] += 1
        if status != "200":
            self.lost.append(f"{time.time():.2f} {status} {path}")
        if closes and streams:
            streams[1].close()
        return None if closes else streams


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: str) -> tuple[str, bool]:
    writer.write(request.encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next(line for line in head.splitlines() if line.startswith("content-length:"))
    await reader.readexactly(int(length.partition(":")[2]))
    return head.split(" ", 2)[1], "connection: close" in head


async def main(host: str, path: str, slow: str) -> None:
    """Ask until told to stop."""
    clients = Clients(host)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, clients.stop.set)
    async with asyncio.TaskGroup() as group:
        for _ in range(KEPT):
            group.create_task(clients.kept(path))
        for _ in range(FRESH):
            group.create_task(clients.fresh(path))
        for _ in range(SLOW):
            group.create_task(clients.kept(slow))
    sys.stdout.write(json.dumps({"outcomes": clients.outcomes, "lost": clients.lost[:20]}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
