"""A real Envoy, a backend that says its name, and clients, all on loopback and ended with their block."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import envoy as envoy_package
from aiohttp import web

ENVOY = Path(next(iter(envoy_package.__path__))) / "_bin" / "envoy"


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def bootstrap(ads_socket: Path, admin: Path, cluster: str) -> dict[str, object]:
    ads_cluster = {
        "name": "xds",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            },
        },
        "load_assignment": {
            "cluster_name": "xds",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": str(ads_socket)}}}}]}],
        },
    }
    by_ads = {"ads": {}, "resource_api_version": "V3"}
    back_off = {"base_interval": "0.05s", "max_interval": "0.2s"}
    service = {"envoy_grpc": {"cluster_name": "xds", "retry_policy": {"retry_back_off": back_off}}}
    return {
        "node": {"id": "envoy-1", "cluster": cluster},
        "admin": {"address": {"pipe": {"path": str(admin), "mode": 0o600}}},
        "static_resources": {"clusters": [ads_cluster]},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [service],
            },
            "cds_config": by_ads,
            "lds_config": by_ads,
        },
    }


class Envoy:
    """A running Envoy and its admin interface."""

    def __init__(self, process: asyncio.subprocess.Process, admin: aiohttp.ClientSession, log: Path) -> None:
        self.process = process
        self.log = log
        self._admin = admin

    async def admin(self, path: str) -> str:
        async with self._admin.get(f"http://admin{path}") as answer:
            return await answer.text()

    async def stats(self, pattern: str) -> dict[str, int]:
        lines = (await self.admin(f"/stats?filter={pattern}")).splitlines()
        return {name: int(value) for name, _, value in (line.partition(": ") for line in lines) if value.isdigit()}


@asynccontextmanager
async def envoy(ads_socket: Path, folder: Path, *, cluster: str = "default/eg", level: str = "warning") -> AsyncIterator[Envoy]:
    admin = folder / "admin"
    log = folder / "envoy.log"
    config = json.dumps(bootstrap(ads_socket, admin, cluster))
    command = (str(ENVOY), "--config-yaml", config, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", level)
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(*command, stderr=sink)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(admin))) as client:
            yield Envoy(process, client, log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def backend(says: str, status: int = 200) -> AsyncIterator[int]:
    """An HTTP server that answers every request with its name; its port."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=says, status=status)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port
    finally:
        await runner.cleanup()
