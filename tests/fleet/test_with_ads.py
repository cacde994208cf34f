"""Fleet and ADS server together: no configuration is lost when a process is."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from gatewright.ads.messages import Progress
from gatewright.ads.server import AdsServer
from gatewright.fleet.host import HostFleet
from gatewright.fleet.spec import Phase, ProxySpec
from tests.ads.resources import cluster, endpoints, listener, routes, set_to
from tests.fleet.fleets import Record, backend, eventually, get, steadily

FreePort = Callable[[], int]
WANTED = {"default/eg": ProxySpec(name="default/eg", concurrency=1, drain_seconds=2)}


@asynccontextmanager
async def served(path: Path, port: int, behind: int) -> AsyncIterator[list[Progress]]:
    """An ADS server that routes `port` to the backend; what it tells of the proxy."""
    progress: list[Progress] = []
    server = AdsServer(lambda _: None, progress.append)
    await server.start(path)
    server.publish(1, set_to(cluster("b"), endpoints("b", behind), listener("http", port), routes("http", {"*": "b"})))
    try:
        yield progress
    finally:
        await server.stop(0)


SECONDS = 3.0


async def until_answered(port: int) -> float:
    """Seconds until the port answers 200."""
    began = time.monotonic()
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            if await get(port) == 200:
                return time.monotonic() - began
        await asyncio.sleep(0.005)


async def killed(record: Record, port: int) -> float:
    """Seconds from the proxy's violent death until it answers again."""
    pid, after = record.states[-1].pid, len(record.states)
    os.kill(pid or 0, signal.SIGKILL)
    await record.reached(Phase.STARTING, after=after)
    return await until_answered(port)


def test_a_killed_envoy_has_its_configuration_back_at_once(
    record: Record, state_dir: Path, envoy: Path, free_port: FreePort
) -> None:
    """Restart and ADS together: back in a moment (0.3 s on a machine that does nothing else)."""
    port = free_port()

    async def scenario() -> float:
        async with backend() as behind, record.fleet(state_dir, envoy) as fleet, served(fleet.state.xds_socket, port, behind):
            await fleet.apply(WANTED)
            await record.reached(Phase.RUNNING)
            await until_answered(port)
            took = await killed(record, port)
            await fleet.stop(0)
            return took

    assert asyncio.run(scenario()) < SECONDS


def test_a_replaced_envoy_loses_nothing_that_came_by_ads(
    record: Record, state_dir: Path, envoy: Path, free_port: FreePort
) -> None:
    """The successor fetches its configuration before it takes the listening sockets: no other answer than 200, none missing."""
    port = free_port()

    async def replaced(fleet: HostFleet) -> None:
        after = len(record.states)
        await fleet.apply({"default/eg": ProxySpec(name="default/eg", concurrency=2, drain_seconds=1)})
        await record.reached(Phase.RUNNING, after=after)
        await asyncio.sleep(0.5)

    async def scenario() -> list[int]:
        async with backend() as behind, record.fleet(state_dir, envoy) as fleet, served(fleet.state.xds_socket, port, behind):
            await fleet.apply(WANTED)
            await until_answered(port)
            statuses: list[int] = []
            load = asyncio.create_task(steadily(port, statuses))
            await asyncio.sleep(0.2)
            await replaced(fleet)
            assert not load.done()
            load.cancel()
            await fleet.stop(0)
            return statuses

    statuses = asyncio.run(scenario())
    assert {200} == set(statuses)
    assert len(statuses) > 50


def test_a_restarted_control_plane_is_found_again_within_a_second(
    record: Record, state_dir: Path, envoy: Path, free_port: FreePort
) -> None:
    """Also after an absence that Envoy's own back-off would have turned into half a minute."""
    port = free_port()

    async def scenario() -> float:
        async with backend() as behind, record.fleet(state_dir, envoy) as fleet:
            async with served(fleet.state.xds_socket, port, behind):
                await fleet.apply(WANTED)
                await until_answered(port)
            await asyncio.sleep(3)
            async with served(fleet.state.xds_socket, port, behind) as progress:
                began = time.monotonic()
                await eventually(lambda: next((True for step in progress if step.connected and step.settled == 1), None))
                took = time.monotonic() - began
                await fleet.stop(0)
                return took

    assert asyncio.run(scenario()) < SECONDS
