"""Control planes that are killed or told to stop: their Envoys, and what the next control plane makes of these."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from gatewright.fleet.spec import Phase
from tests.fleet.fleets import Record, backend, get, proxy, steadily

FreePort = Callable[[], int]
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def owner(state_dir: Path, envoy: Path, port: int, behind: int) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Another control plane, and the pid of its Envoy, which is live."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(str(ROOT / "tests/fleet/owner.py"), str(state_dir), str(envoy), str(port), str(behind)),
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        while not (line := (await process.stdout.readline()).decode()).startswith("Running"):
            assert line, "the owner ended"
        yield process, int(line.split()[1])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_a_killed_control_plane_is_not_missed(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """Its Envoy serves on, and the next control plane takes it over as it is: the same process, no request lost."""
    port = free_port()

    async def scenario() -> tuple[set[int], int, bool, list[int | None]]:
        async with backend() as behind:
            statuses: list[int] = []
            async with owner(state_dir, envoy, port, behind) as (process, pid):
                slow = asyncio.create_task(get(port, "/1"))
                load = asyncio.create_task(steadily(port, statuses))
                await asyncio.sleep(0.2)
                process.kill()
                await process.wait()
            async with record.fleet(state_dir, envoy) as fleet:
                await fleet.apply(proxy(port, behind))
                await record.reached(Phase.RUNNING)
                await asyncio.sleep(0.3)
                load.cancel()
                answer = await slow
                told = [state.pid for state in record.states]
                await fleet.stop(1)
            return set(statuses), answer, len(statuses) > 50, [pid, *told]

    statuses, slow, enough, (pid, *told) = asyncio.run(scenario())
    assert ({200}, 200, True) == (statuses, slow, enough)
    assert [pid] == told


def test_an_adopted_envoy_with_other_settings_is_replaced_without_loss(
    record: Record, state_dir: Path, envoy: Path, free_port: FreePort
) -> None:
    """The settings may have changed while nobody was there: hot restart works on somebody else's Envoy too."""
    port = free_port()

    async def scenario() -> tuple[int, int, bool]:
        async with backend() as behind:
            async with owner(state_dir, envoy, port, behind) as (process, pid):
                slow = asyncio.create_task(get(port, "/1.5"))
                await asyncio.sleep(0.2)
                process.kill()
            async with record.fleet(state_dir, envoy) as fleet:
                await fleet.apply(proxy(port, behind, concurrency=2))
                new = (await record.reached(Phase.RUNNING)).pid
                statuses = await get(port), await slow
                await fleet.stop(0)
            return *statuses, new == pid

    assert (200, 200, False) == asyncio.run(scenario())


def test_an_adopted_envoy_that_is_not_wanted_leaves(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """The Gateway was deleted while nobody was there; its files, and those of Envoys that died meanwhile, go too."""
    port = free_port()
    stale = state_dir / "proxies" / "default-gone-00000000"
    stale.mkdir(parents=True)
    (state_dir / "00000000.admin.sock").touch()

    async def scenario() -> None:
        async with backend() as behind:
            async with owner(state_dir, envoy, port, behind) as (process, _):
                process.kill()
                await process.wait()
            async with record.fleet(state_dir, envoy) as fleet:
                await fleet.apply({})
                await record.reached(Phase.STOPPED)

    asyncio.run(scenario())
    assert {"lock", "proxies"} == {entry.name for entry in state_dir.iterdir()}
    assert [] == list((state_dir / "proxies").iterdir())


def test_a_control_plane_that_is_told_to_stop_takes_its_envoys_along(state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """SIGTERM, unlike SIGKILL, ends in a drain, and the request that was begun is answered."""
    port = free_port()

    async def scenario() -> tuple[int, int | None, int]:
        async with backend() as behind, owner(state_dir, envoy, port, behind) as (process, pid):
            slow = asyncio.create_task(get(port, "/1"))
            await asyncio.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            return await slow, await process.wait(), pid

    status, ended, pid = asyncio.run(scenario())
    assert (200, 0, False) == (status, ended, Path(f"/proc/{pid}").exists())
