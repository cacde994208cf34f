"""The client of the admin interface, against a live Envoy and against silence."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewright.fleet.admin import AdminClient, AdminError
from gatewright.fleet.spec import Phase
from tests.fleet.fleets import Record, get, proxy


def test_what_the_console_asks_is_answered(record: Record, state_dir: Path, envoy: Path, free_port: Callable[[], int]) -> None:
    """Version and state, statistics and configuration; an unknown page is an error that says so."""
    port = free_port()

    async def scenario() -> None:
        async with record.fleet(state_dir, envoy) as fleet:
            await fleet.apply(proxy(port))
            await record.reached(Phase.RUNNING)
            await get(port)
            admin = AdminClient(fleet.state.proxy("default/eg").admin_socket)
            info = await admin.server_info()

            assert ("LIVE", 0, 1) == (info.state, info.command_line_options.restart_epoch, info.command_line_options.concurrency)
            assert b'envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="http-10080"} 1' in await admin.prometheus()
            assert b"default/eg/http" in await admin.config_dump("resource=static_listeners")
            with pytest.raises(AdminError, match="Envoy answered GET /nonsense with 404"):
                await admin.call("GET", "/nonsense")
            await admin.quit()
            await record.reached(Phase.STARTING, after=2)
            await fleet.stop(0)

    asyncio.run(scenario())


def test_nobody_there_is_an_error(tmp_path: Path) -> None:
    """The proxy may be gone: one exception for all that can go wrong."""
    with pytest.raises(AdminError, match="did not answer GET /server_info"):
        asyncio.run(AdminClient(tmp_path / "none").server_info())


def test_silence_is_an_error(tmp_path: Path) -> None:
    """A hung Envoy does not hang its caller."""

    async def scenario() -> None:
        async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.4)
            writer.close()

        server = await asyncio.start_unix_server(hang, tmp_path / "s")
        try:
            await AdminClient(tmp_path / "s", timeout=0.1).server_info()
        finally:
            server.close()
            await asyncio.sleep(0.5)

    with pytest.raises(AdminError, match="TimeoutError"):
        asyncio.run(scenario())
