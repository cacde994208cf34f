"""Control planes and proxies that come and go, with real Envoy."""

import asyncio
import stat
import time

import aiohttp
import grpc
import grpc.aio
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from gatewright.ads.server import SERVICE, AdsServer
from gatewright.wire.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource
from tests.ads.plane import Plane, plane
from tests.ads.proxies import backend, envoy, free_port
from tests.ads.resources import PROXY, cluster, endpoints, listener, routes, set_to
from tests.ads.test_zero_loss import serves


def world(port: int, upstream: int) -> tuple[Resource, ...]:
    return (listener("http", port), routes("http", {"x": "c"}), cluster("c"), endpoints("c", upstream))


def test_restarted_control_plane_sends_nothing() -> None:
    """Envoy reconnects at once, says what it holds, and is sent nothing; what it holds counts as accepted."""
    asyncio.run(_restart_unchanged())


async def _restart_unchanged() -> None:
    port = free_port()
    async with plane() as control, backend("a") as one, envoy(control.socket, control.folder), aiohttp.ClientSession() as web:
        await control.begin(*world(port, one))
        began = time.monotonic()
        await control.restart()
        assert time.monotonic() - began < 3.0
        assert control.accepted(*world(port, one))
        assert {} == control.server.counters.pushes
        assert (200, "a") == await serves(web, port, "x")


def test_new_world_sends_the_differences() -> None:
    """A new control plane whose world has changed sends that, and no more."""
    asyncio.run(_restart_changed())


async def _restart_changed() -> None:
    port = free_port()
    async with plane() as control, backend("a") as one, envoy(control.socket, control.folder), aiohttp.ClientSession() as web:
        await control.begin(*world(port, one), cluster("old"), endpoints("old", one))
        changed = (cluster("new"), endpoints("new", one), routes("http", {"x": "c", "y": "new"}))
        await control.restart(*changed, lost=(cluster("old"), endpoints("old", one)))
        assert (200, "a") == await serves(web, port, "y")
        assert {CLUSTER: 2, ENDPOINTS: 1, ROUTES: 1} == control.server.counters.pushes
        assert '"old"' not in await _config(control)


async def _config(control: Plane) -> str:
    connector = aiohttp.UnixConnector(str(control.folder / "admin"))
    async with aiohttp.ClientSession(connector=connector) as admin, admin.get("http://admin/config_dump") as answer:
        return await answer.text()


def test_restarted_envoy_gets_everything() -> None:
    """A proxy that starts anew is brought to the desired state of now."""
    asyncio.run(_restart_envoy())


async def _restart_envoy() -> None:
    port = free_port()
    async with plane() as control, backend("a") as one, aiohttp.ClientSession() as web:
        async with envoy(control.socket, control.folder):
            await control.begin(*world(port, one))
        await control.until(lambda: not control.progress.connected)
        assert 0 == control.server.counters.streams
        control.publish(set_to(routes("http", {"z": "c"})))
        async with envoy(control.socket, control.folder):
            await control.until(lambda: control.progress.connected and control.progress.settled == control.batch)
            assert (200, "a") == await serves(web, port, "z")


def test_two_envoys_of_one_proxy() -> None:
    """Each has its own stream; a batch is settled when both have it."""
    asyncio.run(_replicas())


async def _replicas() -> None:
    async with plane() as control:
        (two := control.folder / "two").mkdir()
        async with envoy(control.socket, control.folder), envoy(control.socket, two):
            await control.begin(routes("r", {}), cluster("c"), endpoints("c", 1))
            await control.until(lambda: control.server.counters.acks.get(CLUSTER, 0) == 2)
            await control.deliver(set_to(cluster("d")))
            assert 4 == control.server.counters.acks[CLUSTER]
            assert control.accepted(cluster("d"))


def test_nothing_before_the_first_publication() -> None:
    """A proxy that nothing was published for is sent nothing, and loses nothing; forgetting one leaves it as it is."""
    asyncio.run(_unknown())


async def _unknown() -> None:
    port = free_port()
    async with plane() as control, backend("a") as one, envoy(control.socket, control.folder), aiohttp.ClientSession() as web:
        await control.until(lambda: control.server.counters.streams == 1)
        control.server.publish(1, set_to(cluster("c"), proxy="other/proxy"))
        await asyncio.sleep(0.1)
        assert {} == control.server.counters.pushes
        await control.begin(*world(port, one))
        control.server.forget(PROXY)
        await control.until(lambda: control.server.counters.streams == 1, 2)
        await asyncio.sleep(0.1)
        assert (200, "a") == await serves(web, port, "x")


def test_socket_is_private() -> None:
    """The socket is for this user only, in a folder for this user only."""
    asyncio.run(_private())


async def _private() -> None:
    async with plane() as control:
        assert 0o600 == stat.S_IMODE(control.socket.stat().st_mode)
        assert 0o700 == stat.S_IMODE(control.socket.parent.stat().st_mode)
        with pytest.raises(OSError, match="at most 107 bytes"):
            await AdsServer(print, print).start(control.folder / ("x" * 120))


def test_only_delta() -> None:
    """The state-of-the-world method is not implemented, and a first request without node is refused."""
    asyncio.run(_only_delta())


async def _only_delta() -> None:
    request = DeltaDiscoveryRequest(type_url=LISTENER)
    async with plane() as control, grpc.aio.insecure_channel(f"unix:{control.socket}") as channel:
        codes = []
        for method in ("StreamAggregatedResources", "DeltaAggregatedResources"):
            call = channel.stream_stream(
                f"/{SERVICE}/{method}", DeltaDiscoveryRequest.SerializeToString, DeltaDiscoveryResponse.FromString
            )(iter([request]))
            codes.append(await call.code())
        assert [grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INVALID_ARGUMENT] == codes
