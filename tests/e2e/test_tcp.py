"""TCP listeners at the edge: which backend a connection gets, and what becomes of open ones when anything changes."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.objects import GATEWAY_CLASS, gateway, service, stream_route
from tests.support.ports import free_port
from tests.support.serving import DRAIN_SECONDS, Serving, serving, summary
from tests.support.streams import StreamBackend, reached, stream

OLD, YOUNG = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"


class Wired:
    """A Gateway with TCP listeners on two ports, and three backends."""

    def __init__(self, server: Serving, port: int, other: int) -> None:
        self.server = server
        self.port = port
        self.other = other

    def counted(self, connections: int) -> Counter[str]:
        """Who gets so many connections."""
        return Counter(reached(self.port) for _ in range(connections))


@pytest.fixture(scope="module")
def wired() -> Iterator[Wired]:
    with ExitStack() as stack:
        backends = {name: stack.enter_context(StreamBackend(name)) for name in ("one", "two", "three")}
        server = stack.enter_context(serving())
        port, other = free_port(), free_port()
        server.put(
            "gateway",
            GATEWAY_CLASS,
            gateway(
                "edge",
                f"""
                - {{name: first, protocol: TCP, port: {port}}}
                - {{name: second, protocol: TCP, port: {other}}}
                """,
            ),
            *(service(name, backend.port) for name, backend in backends.items()),
            service("empty"),
        )
        server.start()
        yield Wired(server, port, other)


@pytest.fixture(autouse=True)
def _no_routes(wired: Wired) -> Iterator[None]:
    yield
    wired.server.tidy("gateway")


def route(name: str, *backends: str, section: str = "first", created: str = "") -> str:
    """A TCPRoute on one listener."""
    return stream_route("TCPRoute", name, *backends, parents=f"- {{name: edge, sectionName: {section}}}", created=created)


def test_a_connection_is_passed_on_whoever_speaks_first(wired: Wired) -> None:
    """What either side says reaches the other; a listener without routes closes connections."""
    wired.server.apply("routes", route("all", "one"))

    with stream(wired.port) as opened:
        assert ("one", "hello") == (opened.backend, opened.says("hello"))
    assert "closed" == reached(wired.other)


def test_a_route_is_served_on_every_listener_of_its_kind(wired: Wired) -> None:
    """Without a section name a route goes to all TCP listeners, and each counts it."""
    wired.server.apply("routes", stream_route("TCPRoute", "all", "two"))

    assert ["two", "two"] == [reached(wired.port), reached(wired.other)]
    assert [1, 1] == [wired.server.listener("edge", name)["attachedRoutes"] for name in ("first", "second")]


def test_weights_divide_connections(wired: Wired) -> None:
    """A weight is a share of connections; none is none."""
    wired.server.apply("routes", route("split", "one=9", "two=1", "three=0"))

    found = wired.counted(300)

    assert {"one", "two"} == set(found)
    assert 10 <= found["two"] <= 55


def test_the_share_of_a_backend_that_is_not_there_is_closed(wired: Wired) -> None:
    """An unknown Service, and one without endpoints, keep their share; the others serve theirs."""
    wired.server.apply("routes", route("half", "one", "nobody", "empty"))

    found = wired.counted(150)

    assert {"one", "closed"} == set(found)
    assert 25 <= found["one"] <= 75
    (parent,) = wired.server.status("TCPRoute", "half", "default")["parents"]
    assert {"Accepted": "Accepted", "ResolvedRefs": "-BackendNotFound"} == summary(parent["conditions"])


@pytest.mark.parametrize("backends", [("nobody",), ("one=0", "two=0"), ("empty",)])
def test_a_route_without_anything_to_go_to_closes(wired: Wired, backends: tuple[str, ...]) -> None:
    """Nothing to send to: the connection is closed rather than left hanging."""
    wired.server.apply("routes", route("nowhere", *backends))

    assert Counter(closed=5) == wired.counted(5)


def test_the_oldest_of_several_routes_serves(wired: Wired) -> None:
    """All are accepted and counted; when the oldest goes the next takes over, and no open connection ends."""
    wired.server.put("old", route("z-old", "one", created=OLD))
    wired.server.apply("young", route("a-young", "two", created=YOUNG))
    assert Counter(one=10) == wired.counted(10)
    assert 2 == wired.server.listener("edge", "first")["attachedRoutes"]
    for name in ("z-old", "a-young"):
        (parent,) = wired.server.status("TCPRoute", name, "default")["parents"]
        assert {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"} == summary(parent["conditions"])

    with stream(wired.port) as before:
        wired.server.remove("old")
        assert Counter(two=10) == wired.counted(10)
        assert "still here" == before.says("still here")


def test_open_connections_outlive_every_change_of_their_route(wired: Wired) -> None:
    """Backends and weights change for new connections; an open one stays with its backend, longer than Envoy drains."""
    wired.server.put("other", route("other", "three", section="second"))
    wired.server.apply("routes", route("flips", "one"))
    with stream(wired.port) as opened, stream(wired.other) as neighbour:
        for backends, expected in ((("two",), {"two"}), (("two", "three"), {"two", "three"}), (("three=1", "one=0"), {"three"})):
            wired.server.apply("routes", route("flips", *backends))
            assert expected == set(wired.counted(20))
            assert ["one", "here"] == [opened.backend, opened.says("here")]
        time.sleep(DRAIN_SECONDS * 1.4)
        assert ("here", "here") == (opened.says("here"), neighbour.says("here"))


def test_a_control_plane_that_is_killed_ends_no_connection(server: Serving) -> None:
    """Streams go on after it was killed, and what was changed in between takes effect when it is back."""
    port = free_port()
    with StreamBackend("one") as one, StreamBackend("two") as two:
        server.put("gateway", GATEWAY_CLASS, gateway("edge", f"- {{name: first, protocol: TCP, port: {port}}}"))
        server.put("services", service("one", one.port), service("two", two.port))
        server.put("routes", route("all", "one"))
        server.start()
        with stream(port) as opened:
            server.stop(signal.SIGKILL)
            assert ("one", "away") == (reached(port), opened.says("away"))
            server.put("routes", route("all", "two"))
            server.start()
            assert ("two", "back") == (reached(port), opened.says("back"))
