"""The console over real sockets: a small source, real HTTP."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Iterable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gatewright.console.feed import StatusFeed
from gatewright.console.listening import AddressError
from gatewright.console.server import serving
from gatewright.console.source import About, ProblemView, ProxyView, Readiness, StatusEvent, StatusKey, StatusMetadata, StatusView
from gatewright.metrics import Metrics
from gatewright.settings import ListenAddress, Settings

ABOUT = About("0.1.0", 4711, ("/routes",), "/state", "2026-01-01T00:00:00Z")


def view(name: str, kind: str = "HTTPRoute", namespace: str = "default", **status: object) -> StatusView:
    return StatusView(kind, "gateway.networking.k8s.io/v1", StatusMetadata(name, namespace, 1), status)


class World:
    """A server's memory, as control would keep it."""

    def __init__(self, *views: StatusView) -> None:
        self.feed = StatusFeed()
        self.feed.publish(views)
        self.readiness = Readiness(ready=True)

    def statuses(self) -> Iterable[StatusView]:
        return self.feed.views()

    def problems(self) -> Iterable[ProblemView]:
        return [ProblemView("/routes/a.yaml", "must be a string", 1, 7, "spec.hostnames[0]", "HTTPRoute", "default", "broken")]

    def proxies(self) -> Iterable[ProxyView]:
        return [ProxyView("default/web", "Running", pid=4712, connected=True)]

    def ready(self) -> Readiness:
        return self.readiness

    def report(self, name: str, query: Mapping[str, str]) -> object:
        return {"about": query["kind"]}[name]

    def watch(self) -> AsyncGenerator[StatusEvent, None]:
        return self.feed.watch()


def settings(tmp_path: Path, port: int = 0, *, asked_for: bool = False) -> Settings:
    anywhere = ListenAddress("127.0.0.1", 0)
    admin = ListenAddress("127.0.0.1", port, asked_for=asked_for)
    return Settings(
        paths=(), state_dir=tmp_path, socket_dir=tmp_path, admin_address=admin, metrics_address=anywhere, health_address=anywhere
    )


async def fetch(url: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def fetch_unix(path: Path, target: str) -> Any:  # noqa: ANN401 - JSON
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
        session.get(f"http://localhost{target}") as answer,
    ):
        return await answer.json()


def test_statuses_are_selected_by_any_name_of_the_kind(tmp_path: Path) -> None:
    """`kind` may be short, plural, in any case; namespace and name narrow it down."""

    async def scenario() -> None:
        world = World(view("a"), view("b"), view("b", namespace="other"), view("web", "Gateway"))
        async with serving(settings(tmp_path), world, Metrics(), ABOUT):
            for query, expected in {
                "": ["web", "a", "b", "b"],
                "?kind=hr": ["a", "b", "b"],
                "?kind=HTTPROUTES&namespace=other": ["b"],
                "?kind=httproute.gateway.networking.k8s.io&name=a": ["a"],
                "?kind=svc": [],
            }.items():
                answer = await fetch_unix(tmp_path / "admin.sock", f"/api/status{query}")
                assert expected == [item["metadata"]["name"] for item in answer], query

    asyncio.run(scenario())


def test_a_status_has_the_outline_of_its_object(tmp_path: Path) -> None:
    """Kind, apiVersion, metadata and status stand where kubectl shows them."""

    async def scenario() -> None:
        world = World(view("a", parents=[{"controllerName": "x/y"}]))
        async with serving(settings(tmp_path), world, Metrics(), ABOUT):
            assert [
                {
                    "kind": "HTTPRoute",
                    "apiVersion": "gateway.networking.k8s.io/v1",
                    "metadata": {"name": "a", "namespace": "default", "generation": 1},
                    "status": {"parents": [{"controllerName": "x/y"}]},
                }
            ] == await fetch_unix(tmp_path / "admin.sock", "/api/status")

    asyncio.run(scenario())


def test_a_report_is_made_of_the_query(tmp_path: Path) -> None:
    """What there is no report of, or not enough words for, is not found."""

    async def scenario() -> None:
        async with serving(settings(tmp_path), World(), Metrics(), ABOUT) as at:
            base = f"http://{at['admin']}/api/reports"
            assert (200, '"Gateway"') == await fetch(f"{base}/about?kind=Gateway")
            assert [404, 404] == [(await fetch(f"{base}/{target}"))[0] for target in ("about", "else?kind=Gateway")]

    asyncio.run(scenario())


def test_long_lists_arrive_whole(tmp_path: Path) -> None:
    """A list that is sent in pieces is one valid JSON list."""

    async def scenario() -> None:
        names = [f"r{number:04}" for number in range(1_201)]
        async with serving(settings(tmp_path), World(*map(view, names)), Metrics(), ABOUT):
            answer = await fetch_unix(tmp_path / "admin.sock", "/api/status")
            assert names == [item["metadata"]["name"] for item in answer]

    asyncio.run(scenario())


def test_an_unknown_kind_is_answered_with_those_that_look_alike(tmp_path: Path) -> None:
    """A typing error gets a suggestion, not an empty list."""

    async def scenario() -> None:
        async with serving(settings(tmp_path), World(), Metrics(), ABOUT) as listening:
            status, text = await fetch(f"http://{listening['admin']}/api/status?kind=htproute")
            assert (404, True) == (status, "HTTPRoute" in text)

    asyncio.run(scenario())


def test_a_watch_tells_the_present_and_then_each_change(tmp_path: Path) -> None:
    """ADDED for what is there, then what happens, of selected objects only; the watcher's end leaves no trace."""

    async def scenario() -> None:
        world = World(view("a"), view("web", "Gateway"))
        async with serving(settings(tmp_path), world, Metrics(), ABOUT) as listening, aiohttp.ClientSession() as session:
            async with session.get(f"http://{listening['admin']}/api/status/watch?kind=httproute") as answer:
                told = [await line(answer)]
                world.feed.publish([view("a", parents=[]), view("web", "Gateway", addresses=[])])
                told.append(await line(answer))
                world.feed.publish([], [StatusKey("HTTPRoute", "default", "a")])
                told.append(await line(answer))
            assert [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")] == told
            for _ in range(100):
                if not world.feed._watchers:  # noqa: SLF001 - that a watcher is forgotten shows nowhere else
                    return
                await asyncio.sleep(0.01)
            pytest.fail("the watcher is still there")

    asyncio.run(scenario())


async def line(answer: aiohttp.ClientResponse) -> tuple[str, str]:
    event = json.loads(await asyncio.wait_for(answer.content.readline(), 5))
    return event["type"], event["object"]["metadata"]["name"]


def test_each_address_serves_its_own_group(tmp_path: Path) -> None:
    """Metrics, health and the admin API do not answer on each other's ports."""

    async def scenario() -> None:
        metrics = Metrics()
        metrics.settled(0.004, 12)
        world = World()
        async with serving(settings(tmp_path), world, metrics, ABOUT) as listening:
            assert (200, "ok\n") == await fetch(f"http://{listening['health']}/healthz")
            status, text = await fetch(f"http://{listening['metrics']}/metrics")
            assert (200, True) == (status, "gatewright_settle_duration_seconds_count 1.0" in text)
            assert 404 == (await fetch(f"http://{listening['health']}/api/status"))[0]
            assert 404 == (await fetch(f"http://{listening['metrics']}/healthz"))[0]
            assert 200 == (await fetch(f"http://{listening['admin']}/api/proxies"))[0]

    asyncio.run(scenario())


def test_readyz_says_what_is_missing(tmp_path: Path) -> None:
    """503 with one reason a line until all is done."""

    async def scenario() -> None:
        world = World()
        world.readiness = Readiness(ready=False, reasons=("default/web: not connected", "default/api: starting"))
        async with serving(settings(tmp_path), world, Metrics(), ABOUT) as listening:
            url = f"http://{listening['health']}/readyz"
            assert (503, "default/web: not connected\ndefault/api: starting\n") == await fetch(url)
            world.readiness = Readiness(ready=True)
            assert (200, "ok\n") == await fetch(url)

    asyncio.run(scenario())


def test_web_pages_are_kept_out(tmp_path: Path) -> None:
    """A rebound name, a cross-site request and every method but GET and HEAD are refused."""

    async def scenario() -> None:
        async with serving(settings(tmp_path), World(), Metrics(), ABOUT) as listening, aiohttp.ClientSession() as session:
            url = f"http://{listening['admin']}/api/status"
            assert 403 == (await fetch(url, Host="evil.example.com"))[0]
            assert 403 == (await fetch(url, Origin="https://evil.example.com"))[0]
            assert 403 == (await fetch(url, **{"Sec-Fetch-Site": "cross-site"}))[0]
            assert 200 == (await fetch(url, Host="localhost:19000"))[0]
            async with session.post(url) as answer:
                assert 405 == answer.status

    asyncio.run(scenario())


def test_a_busy_default_port_gives_way_and_a_chosen_one_does_not(tmp_path: Path) -> None:
    """Nobody is kept from serving by a port that nobody asked for."""

    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            async with serving(settings(tmp_path, port), World(), Metrics(), ABOUT) as listening:
                assert port != listening["admin"].port
                assert 200 == (await fetch(f"http://{listening['admin']}/api/about"))[0]
            with pytest.raises(AddressError, match=f"admin address 127.0.0.1:{port} is in use"):
                async with serving(settings(tmp_path, port, asked_for=True), World(), Metrics(), ABOUT):
                    pass

    asyncio.run(scenario())


def test_the_socket_is_private_and_replaces_a_dead_one(tmp_path: Path) -> None:
    """Mode 0600, bound over what a killed server left, gone after a clean stop; a link shows the way when it lies elsewhere."""

    async def scenario() -> None:
        state, sockets = tmp_path / "state", tmp_path / "s"
        state.mkdir()
        sockets.mkdir()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(sockets / "admin.sock"))
        apart = Settings(
            paths=(), state_dir=state, socket_dir=sockets, admin_address=None, metrics_address=None, health_address=None
        )
        async with serving(apart, World(), Metrics(), ABOUT) as listening:
            assert {} == listening
            assert 0o600 == (sockets / "admin.sock").stat().st_mode & 0o777
            assert sockets / "admin.sock" == (state / "admin.sock").readlink()
            assert 4711 == (await fetch_unix(sockets / "admin.sock", "/api/about"))["pid"]
        assert not (sockets / "admin.sock").exists()

    asyncio.run(scenario())
