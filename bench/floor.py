"""Envoy's own floor: the time from handing it a RouteConfiguration until that is served.

The same RouteConfigurations that a lab's Envoy was sent are swapped by an ADS server that does nothing else, in front of an Envoy
of its own, and asked for in the same way. What a control plane adds is the difference.
"""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from envoy.config.core.v3 import address_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_pb

from bench.lab import Site, answered
from gatewright.ads.messages import ResourceChange
from gatewright.ads.server import AdsServer
from gatewright.fleet.bootstrap import bootstrap
from gatewright.fleet.envoy_binary import find
from gatewright.fleet.spec import BootstrapSpec, Pipe
from gatewright.wire.config_source import ads
from gatewright.wire.encoding import packed, serialised
from gatewright.wire.resource import LISTENER, ROUTES, Resource, resource
from tests.support.ports import LOOPBACK, free_port

_PROXY = "floor"
_PROBE = "floor.probe"


def swaps(body: bytes, runs: int) -> list[float]:
    """Milliseconds from sending until serving, for each of `runs` swaps of a RouteConfiguration with these bytes and one host."""
    return asyncio.run(_swaps(body, runs))


async def _swaps(body: bytes, runs: int) -> list[float]:
    taken = []
    async with _envoy() as (server, port):
        for run in range(runs + 2):
            host = f"{run}.{_PROBE}"
            config = _with_host(body, host)
            started = time.perf_counter()
            server.publish(run + 2, [ResourceChange(_PROXY, ROUTES, "floor", config)])
            milliseconds, _ = await asyncio.to_thread(answered, port, Site(host, "/"), started)
            taken.append(milliseconds)
            await asyncio.sleep(0.15)
    return taken[2:]


def _with_host(body: bytes, host: str) -> Resource:
    answer = route_pb.Route(match=route_pb.RouteMatch(prefix="/"), direct_response=route_pb.DirectResponseAction(status=200))
    extra = route_pb2.RouteConfiguration(virtual_hosts=[route_pb.VirtualHost(name=host, domains=[host], routes=[answer])])
    name = route_pb2.RouteConfiguration(name="floor")
    return resource(ROUTES, "floor", body + serialised(extra) + serialised(name))


@asynccontextmanager
async def _envoy() -> AsyncIterator[tuple[AdsServer, int]]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        root = Path(folder)
        server = AdsServer(_ignore, _ignore)
        await server.start(root / "xds.sock")
        spec = BootstrapSpec(admin=Pipe(str(root / "admin.sock")), xds=Pipe(str(root / "xds.sock")))
        (root / "envoy.json").write_bytes(bootstrap(spec))
        listener = _listener(port)
        server.publish(1, [ResourceChange(_PROXY, LISTENER, "floor", resource(LISTENER, "floor", listener))])
        envoy = await asyncio.create_subprocess_exec(*_command(root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield server, port
        finally:
            envoy.kill()
            await envoy.wait()
            await server.stop()


def _command(root: Path) -> Sequence[str]:
    identity = ("--service-cluster", _PROXY, "--service-node", _PROXY)
    quiet = ("--disable-hot-restart", "--ignore-unknown-dynamic-fields", "-l", "critical")
    return (str(find()), "-c", str(root / "envoy.json"), *identity, *quiet)


def _listener(port: int) -> bytes:
    manager = hcm_pb.HttpConnectionManager(
        stat_prefix="floor",
        rds=hcm_pb.Rds(config_source=ads(), route_config_name="floor"),
        http_filters=[hcm_pb.HttpFilter(name="envoy.filters.http.router", typed_config=packed(Router()))],
    )
    chain = listener_components_pb2.FilterChain(
        filters=[listener_components_pb2.Filter(name="http", typed_config=packed(manager))]
    )
    address = address_pb2.Address(socket_address=address_pb2.SocketAddress(address=LOOPBACK, port_value=port))
    return serialised(listener_pb2.Listener(name="floor", address=address, filter_chains=[chain]))


def _ignore(*_: object) -> None:
    """Nobody asks what this Envoy says."""
