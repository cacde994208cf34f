"""What a user reads when a proxy cannot run, and that nothing else suffers."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatewright.fleet.envoy_binary import MissingEnvoy
from gatewright.fleet.files import StateDirectoryError
from gatewright.fleet.spec import HostPort, Phase, ProxyState
from tests.fleet.fleets import Record, answered, eventually, get, proxy

FreePort = Callable[[], int]


def failing(record: Record, state_dir: Path, envoy: Path | MissingEnvoy, **settings: Any) -> ProxyState:  # noqa: ANN401 - fields of ProxySpec
    """The state that a proxy fails with."""

    async def scenario() -> ProxyState:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(1, **settings))
            state = await record.reached(Phase.FAILED)
            await fleet.stop(0)
            return state

    return asyncio.run(scenario())


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def test_no_envoy_is_a_failed_proxy(record: Record, state_dir: Path) -> None:
    """The state carries the message of whoever looked for one."""
    assert ProxyState("default/eg", Phase.FAILED, "no Envoy: it went away") == failing(
        record, state_dir, MissingEnvoy("no Envoy: it went away")
    )


def test_a_binary_that_vanished_is_named(record: Record, state_dir: Path, tmp_path: Path) -> None:
    """An upgrade may remove it while we run."""
    path = tmp_path / "envoy"

    assert failing(record, state_dir, path).message.startswith(f"Envoy cannot be started: {path}: No such file or directory")


def test_a_binary_for_another_machine_is_told(record: Record, state_dir: Path, tmp_path: Path) -> None:
    """Exec format error, in words."""
    path = tmp_path / "envoy"
    path.write_bytes(b"\x7fELF" + bytes(60))
    path.chmod(0o700)

    assert "the binary is not made for this machine" in failing(record, state_dir, path).message


def test_a_cpu_that_is_too_old_is_told(record: Record, state_dir: Path, tmp_path: Path) -> None:
    """An illegal instruction at the start means the build asks for more than this CPU has."""
    message = failing(record, state_dir, script(tmp_path / "envoy", "kill -ILL $$")).message

    assert "Envoy killed by SIGILL (this CPU lacks instructions that this build of Envoy uses)" == message


def test_a_port_in_use_is_told_in_envoys_words(record: Record, state_dir: Path, envoy: Path) -> None:
    """Envoy's last words are part of the message."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = failing(record, state_dir, envoy, stats=HostPort("127.0.0.1", port)).message

    assert "(a port of this proxy is in use by another process)" in message
    assert f"127.0.0.1:{port}" in message


def test_an_argument_that_envoy_does_not_know_is_told(record: Record, state_dir: Path, envoy: Path) -> None:
    """What comes before Envoy's logger speaks is passed on too."""
    message = failing(record, state_dir, envoy, extra_arguments=("--no-such-option",)).message

    assert "(an extra argument of this proxy is unknown to Envoy)" in message
    assert "--no-such-option" in message


def test_a_directory_that_cannot_be_written_is_told(record: Record, state_dir: Path, envoy: Path) -> None:
    """A full disk, a file in the way: the proxy fails with the system's reason, and is tried again."""
    (state_dir / "proxies").mkdir()
    directory = state_dir / "proxies" / "default-eg-e41e7b31"
    directory.touch()

    assert f"cannot write to {directory}: File exists" == failing(record, state_dir, envoy).message


def test_a_proxy_that_keeps_falling_is_tried_ever_less_often(record: Record, state_dir: Path, tmp_path: Path) -> None:
    """Twice at once, then after 0.25 s and 0.5 s; the state stays Failed meanwhile."""
    starts = tmp_path / "starts"
    envoy = script(tmp_path / "envoy", f"echo start >> {starts}; exit 1")

    async def scenario() -> None:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(1))
            await asyncio.sleep(1.0)
            await fleet.stop(0)

    asyncio.run(scenario())
    assert 4 == len(starts.read_text().splitlines())
    assert [Phase.STARTING, Phase.FAILED, Phase.STOPPED] == record.phases()


def test_a_failed_proxy_heals_with_its_settings(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """A change is tried at once, whatever the back-off."""
    port = free_port()

    async def scenario() -> int:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port, extra_arguments=("--no-such-option",)))
            await record.reached(Phase.FAILED)
            await asyncio.sleep(0.5)
            await fleet.apply(proxy(port))
            await record.reached(Phase.RUNNING, seconds=3)
            status = await answered(port)
            await fleet.stop(0)
            return status

    assert 200 == asyncio.run(scenario())


def test_settings_that_do_not_work_leave_the_running_envoy_in_charge(
    record: Record, state_dir: Path, envoy: Path, free_port: FreePort
) -> None:
    """Make before break: the old process serves until the new one does; the message says what is wrong, and mending it works."""
    port = free_port()

    async def scenario() -> tuple[ProxyState, int, int]:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port))
            before = await record.reached(Phase.RUNNING)
            after = len(record.states)
            broken = proxy(port, extra_arguments=(*proxy(port)["default/eg"].extra_arguments, "--no-such-option"))
            await fleet.apply(broken)
            refused = await record.reached(Phase.RUNNING, after=after)
            assert before.pid == refused.pid
            first, after = await get(port), len(record.states)
            await fleet.apply(proxy(port))
            assert ProxyState("default/eg", Phase.RUNNING, "", before.pid) == await record.reached(Phase.RUNNING, after=after)
            after = len(record.states)
            await fleet.apply(proxy(port, concurrency=2))
            await record.reached(Phase.RUNNING, after=after)
            second = await get(port)
            await fleet.stop(0)
            return refused, first, second

    refused, first, second = asyncio.run(scenario())
    assert "--no-such-option" in refused.message
    assert (200, 200) == (first, second)


def test_a_state_directory_has_one_owner(record: Record, state_dir: Path, envoy: Path) -> None:
    """The second control plane is refused, and told who is there."""

    async def scenario() -> None:
        async with record.fleet(state_dir, envoy), record.fleet(state_dir, envoy):
            pass

    with pytest.raises(StateDirectoryError, match=rf"{state_dir} is in use by another control plane \(process {os.getpid()}\)"):
        asyncio.run(scenario())


def test_a_state_directory_that_cannot_be_made_is_told(record: Record, state_dir: Path, envoy: Path) -> None:
    """A file in the way, or no permission: the path and the system's reason."""
    (state_dir / "file").touch()

    async def scenario() -> None:
        async with record.fleet(state_dir / "file" / "state", envoy):
            pass

    with pytest.raises(StateDirectoryError, match=r"cannot make the state directory .*/file/state: Not a directory"):
        asyncio.run(scenario())


def test_an_adopted_envoy_that_dies_is_noticed(record: Record, state_dir: Path, envoy: Path, free_port: FreePort) -> None:
    """It is nobody's child any more; its pidfd tells."""
    port = free_port()

    async def scenario() -> int:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port))
            pid = (await record.reached(Phase.RUNNING)).pid
        after = len(record.states)
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port))
            adopted = await record.reached(Phase.RUNNING, after=after)
            assert pid == adopted.pid
            after = len(record.states)
            os.kill(pid or 0, signal.SIGKILL)
            await record.reached(Phase.RUNNING, after=after)
            status = await get(port)
            await fleet.stop(0)
            await eventually(lambda: True if record.phases()[-1] is Phase.STOPPED else None)
            return status

    assert 200 == asyncio.run(scenario())
