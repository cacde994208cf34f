"""Drains: what is waited for, for how long, and what changes one's mind."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from gatewright.fleet.spec import Phase
from tests.fleet.fleets import Record, ask, backend, closed, get, proxy

FreePort = Callable[[], int]


def test_stopping_waits_for_requests(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """A request that was begun is answered; then the proxy does not linger."""
    port = free_port()

    async def scenario() -> tuple[int, float]:
        async with backend() as behind, record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port, behind))
            await record.reached(Phase.RUNNING)
            slow = asyncio.create_task(get(port, "/1.5"))
            await asyncio.sleep(0.2)
            began = time.monotonic()
            await fleet.stop(20)
            return await slow, time.monotonic() - began

    status, took = asyncio.run(scenario())
    assert 200 == status
    assert 1.0 < took < 4.0


def test_the_drain_time_is_a_limit(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """A request that takes longer than we wait is given up."""
    port = free_port()

    async def scenario() -> tuple[bool, float]:
        async with backend() as behind, record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port, behind))
            await record.reached(Phase.RUNNING)
            slow = asyncio.create_task(get(port, "/30"))
            await asyncio.sleep(0.2)
            began = time.monotonic()
            await fleet.stop(0.5)
            await asyncio.wait([slow], timeout=2)
            return isinstance(slow.exception(), asyncio.IncompleteReadError | ConnectionError), time.monotonic() - began

    cut, took = asyncio.run(scenario())
    assert cut
    assert took < 2


def test_idle_connections_do_not_hold_up_the_stop(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """A client that keeps a connection and asks nothing is not waited for."""
    port = free_port()

    async def scenario() -> float:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port))
            await record.reached(Phase.RUNNING)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await ask(reader, writer)
            began = time.monotonic()
            await fleet.stop(20)
            await closed(writer)
            return time.monotonic() - began

    assert 0.9 < asyncio.run(scenario()) < 3


def test_a_second_stop_is_the_shorter_one(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """A cancelled stop goes on draining; stopping again with less time ends it sooner, as a second Ctrl-C should."""
    port = free_port()

    async def scenario() -> tuple[Phase, float]:
        async with backend() as behind, record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port, behind))
            await record.reached(Phase.RUNNING)
            slow = asyncio.create_task(get(port, "/30"))
            await asyncio.sleep(0.2)
            stopping = asyncio.create_task(fleet.stop(30))
            await record.reached(Phase.DRAINING)
            stopping.cancel()
            await asyncio.wait([stopping])
            phase, began = record.phases()[-1], time.monotonic()
            await asyncio.gather(fleet.stop(0), fleet.stop(30))
            await asyncio.wait([slow], timeout=2)
            slow.exception()
            return phase, time.monotonic() - began

    phase, took = asyncio.run(scenario())
    assert Phase.DRAINING == phase
    assert took < 2


def test_a_proxy_wanted_again_while_it_drains_is_whole_again(
    record: Record, state_dir: Path, envoy: Path, free_port: FreePort
) -> None:
    """A Gateway that was deleted and made again: a fresh Envoy takes over from the draining one, without a gap."""
    port = free_port()

    async def scenario() -> tuple[int, int, list[Phase]]:
        async with backend() as behind, record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port, behind, drain_seconds=3))
            await record.reached(Phase.RUNNING)
            slow = asyncio.create_task(get(port, "/1.5"))
            await asyncio.sleep(0.2)
            await fleet.apply({})
            await record.reached(Phase.DRAINING)
            await asyncio.sleep(0.2)
            after = len(record.states)
            await fleet.apply(proxy(port, behind, drain_seconds=3))
            await record.reached(Phase.RUNNING, after=after)
            statuses = await get(port), await slow
            phases = record.phases()
            await fleet.stop(0)
            return *statuses, phases

    assert (200, 200, [Phase.STARTING, Phase.RUNNING, Phase.DRAINING, Phase.RUNNING]) == asyncio.run(scenario())


def test_stopping_before_anything_was_wanted_stops_what_was_left(
    record: Record, state_dir: Path, envoy: Path, free_port: FreePort
) -> None:
    """A clean stop leaves no Envoy behind, not even one that was never adopted."""

    async def scenario() -> int:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(free_port()))
            await record.reached(Phase.RUNNING)
        after = len(record.states)
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.stop(1)
        return after

    after = asyncio.run(scenario())
    assert [Phase.DRAINING, Phase.STOPPED] == [state.phase for state in record.states[after:]]
