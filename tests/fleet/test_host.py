"""Proxies start, are started again, change and leave."""

import asyncio
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from gatewright.fleet.admin import AdminClient
from gatewright.fleet.spec import Phase, ProxySpec, ProxyState
from tests.fleet.fleets import Record, backend, eventually, get, proxy, static_arguments, steadily

FreePort = Callable[[], int]


def test_a_wanted_proxy_starts_and_serves(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """Starting, then Running once Envoy had its first configuration; with nothing left behind after the stop but logs."""
    port = free_port()

    async def scenario() -> int:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port))
            await record.reached(Phase.RUNNING)
            status = await get(port)
            await fleet.stop(5)
            return status

    assert 200 == asyncio.run(scenario())
    assert [Phase.STARTING, Phase.RUNNING, Phase.DRAINING, Phase.STOPPED] == record.phases()
    files = state_dir / "proxies" / "default-eg-e41e7b31"
    assert {state_dir / "lock", files / "envoy.log", files / "access.log"} == {p for p in state_dir.rglob("*") if not p.is_dir()}


def test_an_envoy_has_a_session_of_its_own(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """Ctrl-C reaches a terminal's process group, and so not the proxies. They may open as many files as the system permits."""

    async def scenario() -> tuple[int, tuple[int, int]]:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(free_port()))
            pid = (await record.reached(Phase.RUNNING)).pid or 0
            found = os.getsid(pid), resource.prlimit(pid, resource.RLIMIT_NOFILE)
            await fleet.stop(0)
            return found

    session, (soft, hard) = asyncio.run(scenario())
    assert os.getsid(0) != session
    assert hard == soft


def test_a_killed_envoy_is_started_again_at_once(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """The state says what happened while the new one starts."""
    port = free_port()

    async def scenario() -> tuple[float, int]:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port))
            pid = (await record.reached(Phase.RUNNING)).pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            killed, after = time.monotonic(), len(record.states)
            await record.reached(Phase.RUNNING, after=after)
            took = time.monotonic() - killed
            status = await get(port)
            await fleet.stop(0)
            return took, status

    took, status = asyncio.run(scenario())
    assert 200 == status
    assert took < 2
    died = record.states[2]
    assert (Phase.STARTING, None) == (died.phase, died.pid)
    assert died.message.startswith("Envoy killed by SIGKILL")


def test_proxies_do_not_disturb_each_other(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """A proxy that is no longer wanted leaves, with its files; the other's process is not touched."""
    kept, gone = free_port(), free_port()
    other = "other/" + "x" * 63  # as long as names of Gateways get

    async def scenario() -> tuple[set[int | None], int]:
        async with record.fleet(state_dir, envoy) as fleet:
            wanted = proxy(kept)
            extra = ProxySpec(name=other, concurrency=1, extra_arguments=static_arguments(gone))
            await fleet.apply({**wanted, other: extra})
            await record.reached(Phase.RUNNING)
            await record.reached(Phase.RUNNING, proxy=other)
            await fleet.apply(wanted)
            await record.reached(Phase.STOPPED, proxy=other)
            status = await get(kept)
            pids = {state.pid for state in record.states if state.proxy == "default/eg"}
            await fleet.stop(0)
            return pids, status

    pids, status = asyncio.run(scenario())
    assert (1, 200) == (len(pids), status)
    assert ["default-eg-e41e7b31"] == [entry.name for entry in (state_dir / "proxies").iterdir()]


def test_a_long_state_directory_has_its_sockets_elsewhere(
    record: Record, state_dir: Path, envoy: Path, free_port: FreePort
) -> None:
    """Paths of Unix sockets end at 107 bytes; those of home directories do not."""
    port, long = free_port(), state_dir / ("d" * 120)

    async def scenario() -> int:
        async with record.fleet(long, envoy, socket_dir=state_dir) as fleet:
            await fleet.apply(proxy(port))
            await record.reached(Phase.RUNNING)
            status = await get(port)
            await fleet.stop(0)
            return status

    assert 200 == asyncio.run(scenario())
    assert [long] == list(state_dir.iterdir())


def test_applying_the_same_again_changes_nothing(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """`apply` may be called after every batch."""
    port = free_port()

    async def scenario() -> int:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port))
            await record.reached(Phase.RUNNING)
            for _ in range(20):
                await fleet.apply(proxy(port))
                await asyncio.sleep(0.01)
            told = len(record.states)
            await fleet.stop(0)
            return told

    assert 2 == asyncio.run(scenario())


def test_a_log_level_changes_in_the_running_envoy(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """No restart for what the admin interface can change."""
    port = free_port()

    async def levels(admin: AdminClient) -> dict[str, str]:
        text = (await admin.call("POST", "/logging")).decode()
        return {name.strip(): level for name, _, level in (line.partition(": ") for line in text.splitlines())}

    async def scenario() -> tuple[dict[str, str], int]:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port))
            await record.reached(Phase.RUNNING)
            admin = AdminClient(fleet.state.proxy("default/eg").admin_socket)
            await fleet.apply(proxy(port, log_level="info", component_log_levels={"upstream": "debug"}))
            now: dict[str, str] = {}
            while now.get("upstream") != "debug":
                now = await levels(admin)
            told = len(record.states)
            await fleet.stop(0)
            return now, told

    now, told = asyncio.run(asyncio.wait_for(scenario(), 20))
    assert ("info", "info", 2) == (now["main"], now["config"], told)


def test_a_changed_proxy_is_replaced_and_no_request_is_lost(
    record: Record, state_dir: Path, envoy: Path, free_port: FreePort
) -> None:
    """Hot restart: kept and new connections are answered throughout, a slow request is finished by the old process."""
    port = free_port()

    async def scenario() -> tuple[list[int], int, int]:
        async with backend() as behind, record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port, behind, drain_seconds=2))
            await record.reached(Phase.RUNNING)
            slow = asyncio.create_task(get(port, "/1.5"))
            statuses: list[int] = []
            load = asyncio.create_task(steadily(port, statuses))
            await asyncio.sleep(0.2)
            old, after = record.states[-1].pid, len(record.states)
            await fleet.apply(proxy(port, behind, drain_seconds=2, concurrency=2))
            await record.reached(Phase.RUNNING, after=after)
            await eventually(lambda: None if old and alive(old) else True)
            info = await AdminClient(fleet.state.proxy("default/eg").admin_socket).server_info()
            load.cancel()
            await fleet.stop(0)
            return statuses, await slow, info.command_line_options.concurrency

    statuses, slow, concurrency = asyncio.run(scenario())
    assert ({200}, 200, 2) == (set(statuses), slow, concurrency)
    assert len(statuses) > 50


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_what_envoy_writes_is_passed_on(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """Envoy's log as structured lines, its stdout (access logs) as it is; both are in files as well."""
    port = free_port()
    wanted = msgspec.structs.replace(
        proxy(port)["default/eg"], log_level="info", extra_arguments=static_arguments(port, access_log="/dev/stdout")
    )

    async def scenario() -> None:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply({"default/eg": wanted})
            await record.reached(Phase.RUNNING)
            await get(port, "/seen-in-the-log")
            await eventually(lambda: True if b"/seen-in-the-log" in record.access_log else None, seconds=20)
            await fleet.stop(0)

    asyncio.run(scenario())
    assert ("info", "main") in {(line.level, line.logger) for line in record.log}
    assert "starting main dispatch loop" in {line.message for line in record.log}


def test_states_are_values() -> None:
    """A state is compared and printed by the status of its Gateway."""
    assert ProxyState("a", Phase.RUNNING) == ProxyState("a", Phase.RUNNING)
    assert "Running" == f"{Phase.RUNNING}"
