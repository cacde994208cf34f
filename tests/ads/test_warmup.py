"""Real Envoy and clusters that take their time."""

import asyncio
import socket
from contextlib import closing

import aiohttp

from gatewright.wire.resource import CLUSTER
from tests.ads.plane import plane
from tests.ads.proxies import backend, envoy, free_port
from tests.ads.resources import cluster, endpoints, listener, routes, set_to
from tests.ads.test_zero_loss import first_found, serves

CHECK = {"timeout": "3s", "interval": "3s", "unhealthy_threshold": 1, "healthy_threshold": 1, "http_health_check": {"path": "/"}}


def test_dns_cluster_is_waited_for() -> None:
    """A route to a cluster that resolves its name follows when the name is resolved: it never answers wrongly."""
    asyncio.run(_dns())


async def _dns() -> None:
    port = free_port()
    async with plane() as control, backend("a") as one, envoy(control.socket, control.folder), aiohttp.ClientSession() as web:
        await control.begin(listener("http", port), routes("http", {}))
        assert 404 == (await serves(web, port, "d0"))[0]
        statuses: list[int] = []
        targets: dict[str, str] = {}
        for index in range(10):
            name = f"d{index}"
            fields = {"dns_lookup_family": "V4_ONLY", "eds_cluster_config": None, "load_assignment": _assignment(name, one)}
            named = cluster(name, type="STRICT_DNS", **fields)
            targets[name] = name
            control.publish(set_to(named, routes("http", targets)))
            statuses.append((await first_found(web, port, name))[0])

    assert [200] * 10 == statuses
    assert [] == control.late


def _assignment(name: str, port: int) -> dict[str, object]:
    address = {"socket_address": {"address": "localhost", "port_value": port}}
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}


def test_slow_cluster_holds_up_nobody() -> None:
    """While one cluster waits for a first health check that does not come, new ones are served, and it is reported."""
    asyncio.run(_slow())


async def _slow() -> None:
    port = free_port()
    with closing(socket.socket()) as mute:  # takes connections and says nothing
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        async with plane() as control, backend("a") as one, envoy(control.socket, control.folder), aiohttp.ClientSession() as web:
            await control.begin(listener("http", port), routes("http", {"x": "c"}), cluster("c"), endpoints("c", one))
            await serves(web, port, "x")
            silent = mute.getsockname()[1]
            await control.deliver(set_to(cluster("slow", health_checks=[CHECK]), endpoints("slow", silent)))
            assert ["slow"] == [name for late in control.late for name in late.names if late.type_url == CLUSTER]

            targets = {"x": "c"}
            for index in range(5):
                name = targets[f"n{index}"] = f"n{index}"
                control.publish(set_to(cluster(name), endpoints(name, one), routes("http", targets)))
                assert (200, "a") == await first_found(web, port, name)
            await control.until(lambda: control.accepted(cluster("slow", health_checks=[CHECK])))
