"""How a Pod's connections end: the hook beside Envoy, and the manager that Envoy's own hook waits for. With a real Envoy."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gatewright.fleet.admin import AdminClient, AdminError
from gatewright.fleet.bootstrap import bootstrap
from gatewright.fleet.shutdown import Drain, clients, drain
from gatewright.fleet.spec import BootstrapSpec, HostPort, Pipe
from tests.support.ports import LOOPBACK, free_port


@asynccontextmanager
async def pod(envoy: Path, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """An Envoy with its admin interface and a listener that probes use; the ports of both.

    The listener stands for one of a Gateway: there is no control plane to give it any.
    """
    admin, ready = free_port(), free_port()
    spec = BootstrapSpec(admin=HostPort(LOOPBACK, admin), xds=Pipe(str(folder / "none.sock")), ready=HostPort(LOOPBACK, ready))
    text = bootstrap(spec).replace(b'"initialFetchTimeout": "0s"', b'"initialFetchTimeout": "0.1s"')
    config = folder / "bootstrap.json"
    config.write_bytes(text)
    arguments = ("-c", config, "--service-cluster", "default/eg", "--service-node", "pod", "--use-dynamic-base-id", "-l", "off")
    process = await asyncio.create_subprocess_exec(envoy, *arguments, "--concurrency", "1", "--drain-time-s", "1")
    try:
        await becomes(200, ready)
        yield admin, ready
    finally:
        process.kill()
        await process.wait()


async def status(port: int, path: str = "/ready") -> int:
    """The status that an HTTP server answers with; 0 when there is none."""
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return 0
    writer.write(f"GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
    line = await reader.readline()
    writer.close()
    return int(line.split()[1]) if line else 0


async def becomes(expected: int, port: int, path: str = "/ready") -> None:
    """Wait until an HTTP server answers with this status."""
    async with asyncio.timeout(20):
        while await status(port, path) != expected:  # noqa: ASYNC110 - a server has to be asked
            await asyncio.sleep(0.03)


def run_manager(port: int, ready_file: Path, timeout: str) -> subprocess.Popen[bytes]:
    options = ("--port", str(port), "--ready-file", str(ready_file), "--host", LOOPBACK, "--ready-timeout", timeout)
    return subprocess.Popen([sys.executable, "-m", "gatewright", "envoy", "shutdown-manager", *options])


def test_draining_waits_for_clients_but_not_for_ever(envoy: Path, state_dir: Path) -> None:
    """Health checks fail at once; a client that stays is waited for until it goes, and the file comes after that."""
    ready_file = state_dir / "ready"
    said: list[str] = []

    async def scenario() -> float:
        async with pod(envoy, state_dir) as (admin, port):
            _, client = await asyncio.open_connection(LOOPBACK, port)
            hook = asyncio.create_task(
                drain(AdminClient(HostPort(LOOPBACK, admin)), Drain(timeout=20, min_drain=0.3, stop=0), ready_file, said.append)
            )
            await becomes(503, port)
            await asyncio.sleep(0.7)
            assert not ready_file.exists()
            left = time.monotonic()
            client.close()
            await hook
            return time.monotonic() - left

    took = asyncio.run(scenario())
    assert ready_file.exists()
    assert took < 1.5
    assert "1 connections of clients" in said


def test_a_client_that_never_goes_is_given_up(envoy: Path, state_dir: Path) -> None:
    """At the timeout, whatever is still open."""
    ready_file = state_dir / "ready"

    async def scenario() -> float:
        async with pod(envoy, state_dir) as (admin, port):
            _, client = await asyncio.open_connection(LOOPBACK, port)
            began = time.monotonic()
            await drain(
                AdminClient(HostPort(LOOPBACK, admin)), Drain(timeout=1.0, min_drain=0.1, stop=0), ready_file, lambda _text: None
            )
            client.close()
            return time.monotonic() - began

    assert 1.0 <= asyncio.run(scenario()) < 2.5
    assert ready_file.exists()


def test_health_checks_may_fail_later(envoy: Path, state_dir: Path) -> None:
    """Until then answers only ask clients to go, so a load balancer that is slow to notice loses nothing."""

    async def scenario() -> tuple[int, int]:
        async with pod(envoy, state_dir) as (admin, port):
            wanted = Drain(health_check_failure_delay=1.0, timeout=20, min_drain=1.5, stop=0)
            hook = asyncio.create_task(
                drain(AdminClient(HostPort(LOOPBACK, admin)), wanted, state_dir / "ready", lambda _text: None)
            )
            await asyncio.sleep(0.5)
            before = await status(port)
            await asyncio.sleep(0.8)
            after = await status(port)
            await hook
            return before, after

    assert (200, 503) == asyncio.run(scenario())


def test_an_envoy_that_has_not_heard_is_stopped_in_the_end(envoy: Path, state_dir: Path) -> None:
    """A Pod that is deleted while it starts: the signal came before Envoy listened for it."""
    said: list[str] = []

    async def scenario() -> None:
        async with pod(envoy, state_dir) as (admin, _):
            client, wanted = AdminClient(HostPort(LOOPBACK, admin)), Drain(timeout=5, min_drain=0.1, stop=0.5)
            await drain(client, wanted, state_dir / "ready", said.append)
            async with asyncio.timeout(5):
                while await _answers(client):  # noqa: ASYNC110 - a server has to be asked
                    await asyncio.sleep(0.03)

    asyncio.run(scenario())
    assert "Envoy was not told to stop, or has not heard it" == said[-1]


async def _answers(admin: AdminClient) -> bool:
    try:
        await admin.server_info()
    except AdminError:
        return False
    return True


def test_an_envoy_that_does_not_answer_holds_nothing_up_for_ever(state_dir: Path) -> None:
    """It has crashed, or never started: it has no clients, and the file comes when load balancers have had their time."""
    port = free_port()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gatewright", "envoy", "shutdown", "--admin-port", str(port)),
            *("--drain-timeout", "60s", "--min-drain-duration", "100ms", "--ready-file", str(state_dir / "ready")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert f"admin interface of Envoy at localhost:{port} did not answer" in done.stdout
    assert (state_dir / "ready").exists()


def test_the_manager_answers_envoys_hook_when_the_file_is_there(state_dir: Path) -> None:
    """Also when it was told to stop meanwhile: otherwise the hook would fail, and Envoy be stopped at once."""
    port, ready_file = free_port(), state_dir / "ready"
    manager = run_manager(port, ready_file, "30s")

    async def scenario() -> tuple[int, int, bool, int]:
        await becomes(200, port, "/healthz")
        unknown = await status(port, "/else")
        hook = asyncio.create_task(status(port, "/shutdown/ready"))
        await asyncio.sleep(0.3)
        manager.terminate()
        await asyncio.sleep(0.5)
        still_waiting = not hook.done()
        ready_file.touch()
        return unknown, await hook, still_waiting, await asyncio.to_thread(manager.wait, 5)

    try:
        assert (404, 200, True, 0) == asyncio.run(scenario())
    finally:
        manager.kill()


def test_the_manager_gives_up_in_the_end(state_dir: Path) -> None:
    """Then Envoy is stopped although nobody said that it is drained."""
    port = free_port()
    manager = run_manager(port, state_dir / "ready", "300ms")

    async def scenario() -> int:
        await becomes(200, port, "/healthz")
        return await status(port, "/shutdown/ready")

    try:
        assert 500 == asyncio.run(scenario())
    finally:
        manager.kill()
        manager.wait()


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("listener.0.0.0.0_10080.downstream_cx_active", True),
        ("listener.[__]_10080.downstream_cx_active", True),
        ("listener.0.0.0.0_10080.worker_0.downstream_cx_active", False),
        ("listener.admin.downstream_cx_active", False),
        ("listener.0.0.0.0_19001.downstream_cx_active", False),
        ("listener.[__]_19003.downstream_cx_active", False),
    ],
)
def test_whose_connections_count(name: str, counts: bool) -> None:  # noqa: FBT001 - a case
    """Clients'; not those of probes, scrapers and the admin interface, and each once although every worker counts its own."""
    assert (3 if counts else 0) == clients({name: 3})
