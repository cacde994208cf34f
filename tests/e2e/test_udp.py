"""UDP listeners at the edge: which backend a client's datagrams get to, and that a client keeps it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.objects import GATEWAY_CLASS, gateway, service, stream_route
from tests.support.ports import free_port
from tests.support.serving import Serving, serving, summary
from tests.support.streams import DatagramBackend, Datagrams, datagram

OLD, YOUNG = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"
LONG_ENOUGH = 0.3  # seconds in which a datagram that is not dropped has come back


class Sent:
    """A Gateway with a UDP listener, beside one for HTTP on a port of the same number, and three backends."""

    def __init__(self, server: Serving, port: int) -> None:
        self.server = server
        self.port = port

    def counted(self, clients: int, seconds: float = 2.0) -> Counter[str]:
        """Who answers so many clients."""
        return Counter(datagram(self.port, seconds) for _ in range(clients))


@pytest.fixture(scope="module")
def sent() -> Iterator[Sent]:
    with ExitStack() as stack:
        backends = {name: stack.enter_context(DatagramBackend(name)) for name in ("one", "two", "three")}
        server = stack.enter_context(serving())
        port = free_port()
        server.put(
            "gateway",
            GATEWAY_CLASS,
            gateway("edge", f"- {{name: dns, protocol: UDP, port: {port}}}\n- {{name: web, protocol: HTTP, port: {port}}}"),
            *(service(name, backend.port, transport="UDP") for name, backend in backends.items()),
            service("empty", transport="UDP"),
            service("tcp-only", free_port()),
        )
        server.start()
        yield Sent(server, port)


@pytest.fixture(autouse=True)
def _no_routes(sent: Sent) -> Iterator[None]:
    yield
    sent.server.tidy("gateway")


def route(name: str, *backends: str, created: str = "") -> str:
    """A UDPRoute on the listener."""
    return stream_route("UDPRoute", name, *backends, created=created)


def test_datagrams_get_there_and_back(sent: Sent) -> None:
    """A client hears what its backend gives back, and always has the same one; without a route nothing comes back."""
    assert "dropped" == datagram(sent.port, LONG_ENOUGH)
    sent.server.apply("routes", route("all", "one", "two", "three"))

    with Datagrams(sent.port) as client:
        assert 1 == len({client.asked(text) for text in "abcdefgh"} - {"dropped"})
    assert 1 == sent.server.listener("edge", "dns")["attachedRoutes"]


def test_weights_divide_clients(sent: Sent) -> None:
    """A weight is a share of the clients; none is none."""
    sent.server.apply("routes", route("split", "one=7", "two=3", "three=0"))

    found = sent.counted(300)

    assert {"one", "two"} == set(found)
    assert 70 <= found["two"] <= 110


@pytest.mark.parametrize(("other", "reason"), [("nobody", "-BackendNotFound"), ("tcp-only", "-BackendNotFound"), ("empty", "")])
def test_the_share_of_a_backend_that_is_not_there_is_dropped(sent: Sent, other: str, reason: str) -> None:
    """A Service that is unknown, or has no such port for UDP, or no endpoints, keeps its share."""
    sent.server.apply("routes", route("half", "one", other))

    found = sent.counted(24, LONG_ENOUGH)

    assert {"one", "dropped"} == set(found)
    assert 6 <= found["one"] <= 18
    (parent,) = sent.server.status("UDPRoute", "half", "default")["parents"]
    assert {"Accepted": "Accepted", "ResolvedRefs": reason or "ResolvedRefs"} == summary(parent["conditions"])


def test_a_route_without_weights_drops(sent: Sent) -> None:
    """Nothing to send to."""
    sent.server.apply("routes", route("nowhere", "one=0"))

    assert Counter(dropped=3) == sent.counted(3, LONG_ENOUGH)


def test_the_oldest_of_several_routes_serves(sent: Sent) -> None:
    """All are accepted and counted; when the oldest goes, the next takes over."""
    sent.server.put("old", route("z-old", "one", created=OLD))
    sent.server.apply("young", route("a-young", "two", created=YOUNG))
    assert Counter(one=10) == sent.counted(10)
    assert 2 == sent.server.listener("edge", "dns")["attachedRoutes"]

    sent.server.remove("old")

    assert Counter(two=10) == sent.counted(10)


def test_clients_keep_their_backend_while_routes_and_weights_change(sent: Sent) -> None:
    """No change of what a listener serves touches the sessions of endpoints that stay; no datagram of theirs is lost."""
    sent.server.apply("routes", route("flips", "one", "two=0"))
    with ExitStack() as stack:
        clients = [stack.enter_context(Datagrams(sent.port)) for _ in range(5)]
        assert {"one"} == {client.asked() for client in clients}
        for backends, expected in ((("one=1", "two=9"), {"one", "two"}), (("one=1", "two=1000", "three=1000"), {"two", "three"})):
            sent.server.apply("routes", route("flips", *backends))
            assert expected <= set(sent.counted(40))
            assert ["one"] * 5 == [client.asked() for client in clients]


def test_the_same_number_serves_http(sent: Sent) -> None:
    """UDP and TCP ports are not the same: both listeners are accepted."""
    conditions = {name: summary(sent.server.listener("edge", name)["conditions"]) for name in ("dns", "web")}
    assert {"dns": "Programmed", "web": "Programmed"} == {name: each["Programmed"] for name, each in conditions.items()}
