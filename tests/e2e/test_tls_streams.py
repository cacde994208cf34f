"""TLS listeners at the edge: connections told apart by SNI, passed through as they are or rid of their TLS."""

import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress

import pytest

from tests.support.backends import http_backend
from tests.support.certificates import names, shared
from tests.support.clients import Tls, ask
from tests.support.objects import GATEWAY_CLASS, gateway, https, service, stream_route, to
from tests.support.objects import route as http_route
from tests.support.ports import LOOPBACK, free_port
from tests.support.serving import DRAIN_SECONDS, Serving, serving, summary
from tests.support.streams import StreamBackend, reached, stream
from tests.support.waiting import eventually

OLD, YOUNG = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"
GRANT = """
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: routes, namespace: elsewhere}
spec:
  from: [{group: gateway.networking.k8s.io, kind: TLSRoute, namespace: default}]
  to: [{group: "", kind: Service}]
"""


def tls(name: str, port: int, hostname: str = "", *, secret: str = "") -> str:
    """A TLS listener: it passes through, or terminates with a Secret."""
    host = f", hostname: {hostname!r}" if hostname else ""
    mode = f"{{mode: Terminate, certificateRefs: [{{name: {secret}}}]}}" if secret else "{mode: Passthrough}"
    return f"- {{name: {name}, protocol: TLS, port: {port}{host}, tls: {mode}}}\n"


class Named:
    """A Gateway with TLS listeners of all kinds on one port, and backends of which `s-…` speak TLS themselves."""

    def __init__(self, server: Serving, port: int, other: int, secured: StreamBackend) -> None:
        self.server = server
        self.port = port
        self.other = other
        self.secured = secured

    def reached(self, server_name: str | None, port: int | None = None) -> str:
        """The backend that a client of this name gets to, or `closed`."""
        return reached(port or self.port, Tls(server_name).context(), server_name)

    def shown(self, server_name: str) -> str:
        """The first name of the certificate that a client of this name is shown."""
        with stream(self.port, Tls(server_name).context(), server_name) as opened:
            return names(opened.certificate)[0]


@pytest.fixture(scope="module")
def named() -> Iterator[Named]:
    with ExitStack() as stack:
        backends = [stack.enter_context(StreamBackend(name)) for name in ("plain", "other")]
        backends += [stack.enter_context(StreamBackend(name, shared("backend.test"))) for name in ("s-one", "s-two", "s-three")]
        web = stack.enter_context(http_backend("web"))
        server = stack.enter_context(serving())
        port, other = free_port(), free_port()
        server.put(
            "gateway",
            GATEWAY_CLASS,
            gateway(
                "edge",
                tls("exact", port, "a.pass.test")
                + tls("wild", port, "*.pass.test")
                + tls("ends", port, "*.ends.test", secret="edge")
                + https("web", port, "edge", hostname="web.test")
                + tls("any", other),
            ),
            shared("*.ends.test", "web.test").secret("edge"),
            *(service(backend.name, backend.port) for backend in backends),
            service("web", web.port),
            service("far", backends[0].port, namespace="elsewhere"),
            http_route("web", to("web"), hostnames=["web.test"], parents="- {name: edge, sectionName: web}"),
        )
        server.start()
        yield Named(server, port, other, next(each for each in backends if each.name == "s-one"))


@pytest.fixture(autouse=True)
def _no_routes(named: Named) -> Iterator[None]:
    yield
    named.server.tidy("gateway")


def route(name: str, *backends: str, hostnames: Sequence[str], section: str = "", created: str = "") -> str:
    """A TLSRoute on the Gateway, or one listener of it."""
    where = f", sectionName: {section}" if section else ""
    return stream_route("TLSRoute", name, *backends, hostnames=hostnames, parents=f"- {{name: edge{where}}}", created=created)


def test_what_passes_through_is_the_backends_tls(named: Named) -> None:
    """The server name chooses, the certificate is the backend's own, and what is said inside is between the two."""
    named.server.apply(
        "routes", route("one", "s-one", hostnames=["a.pass.test"]), route("two", "s-two", hostnames=["b.pass.test"])
    )

    assert {"s-one": "a.pass.test", "s-two": "b.pass.test"} == {
        named.reached(each): each for each in ("a.pass.test", "b.pass.test")
    }
    assert "backend.test" == named.shown("a.pass.test")
    with stream(named.port, Tls("b.pass.test").context(), "b.pass.test") as opened:
        assert "secret" == opened.says("secret")


def test_names_that_nobody_serves_are_refused(named: Named) -> None:
    """A name of no route, of no listener, and none at all; a more specific listener without a route is not passed over."""
    named.server.apply("routes", route("wild", "s-two", hostnames=["*.pass.test"], section="wild"))

    found = {each: named.reached(each) for each in ("b.pass.test", "a.pass.test", "pass.test", "x.nowhere.test")}

    assert {"b.pass.test": "s-two", "a.pass.test": "closed", "pass.test": "closed", "x.nowhere.test": "closed"} == found
    assert "closed" == named.reached(None)


def test_the_most_specific_name_serves(named: Named) -> None:
    """Exact before longer wildcards before shorter ones before none, whoever is older."""
    named.server.apply(
        "routes",
        stream_route("TLSRoute", "a", "s-one", hostnames=["x.y.test"], parents="- {name: edge, sectionName: any}", created=YOUNG),
        stream_route("TLSRoute", "b", "s-two", hostnames=["*.y.test"], parents="- {name: edge, sectionName: any}", created=OLD),
        stream_route("TLSRoute", "c", "s-three", hostnames=["*.test"], parents="- {name: edge, sectionName: any}", created=OLD),
    )
    expected = {"x.y.test": "s-one", "z.y.test": "s-two", "u.v.y.test": "s-two", "z.test": "s-three", "z.example": "closed"}

    assert expected == {name: named.reached(name, named.other) for name in expected}


def test_tls_that_ends_here_goes_on_in_the_clear(named: Named) -> None:
    """The listener's certificate is shown, and the backend gets the plain stream."""
    named.server.apply("routes", route("ends", "plain", hostnames=["a.ends.test"]))

    assert ("plain", "closed") == (named.reached("a.ends.test"), named.reached("b.ends.test"))
    assert "*.ends.test" == named.shown("a.ends.test")
    with stream(named.port, Tls("a.ends.test").context(), "a.ends.test") as opened:
        assert "hello" == opened.says("hello")


def test_a_tcp_route_takes_what_comes_out_of_tls(named: Named) -> None:
    """A TCPRoute on a listener that terminates TLS gets every name of it that no TLSRoute has."""
    named.server.apply(
        "routes",
        stream_route("TCPRoute", "rest", "plain", parents="- {name: edge, sectionName: ends}"),
        route("one", "other", hostnames=["a.ends.test"]),
    )
    assert ("other", "plain") == (named.reached("a.ends.test"), named.reached("b.ends.test"))


def test_https_shares_the_port(named: Named) -> None:
    """Requests, streams and what passes through come in by one port, told apart by their names."""
    named.server.apply(
        "routes", route("one", "s-one", hostnames=["a.pass.test"]), route("ends", "plain", hostnames=["a.ends.test"])
    )

    answer = ask(named.port, "web.test", tls=Tls("web.test"))

    assert (200, "web") == (answer.status, answer.backend)
    assert ("s-one", "plain") == (named.reached("a.pass.test"), named.reached("a.ends.test"))


def test_kinds_and_counts(named: Named) -> None:
    """A listener says what it takes, and counts the routes whose names it shares."""
    named.server.apply("routes", route("all", "s-one", hostnames=["a.pass.test", "x.ends.test"]))

    listeners = {name: named.server.listener("edge", name) for name in ("exact", "wild", "ends", "web")}

    kinds = {name: [each["kind"] for each in found["supportedKinds"]] for name, found in listeners.items()}
    assert ["TLSRoute"] == kinds["exact"] == kinds["wild"]
    assert ["TCPRoute", "TLSRoute"] == kinds["ends"]
    assert [1, 1, 1, 1] == [found["attachedRoutes"] for found in listeners.values()]


def test_a_name_has_the_oldest_route(named: Named) -> None:
    """Two routes for one name are both accepted and counted; the open connections of the older one outlive it."""
    named.server.put("old", route("z-old", "s-one", hostnames=["a.pass.test"], section="exact", created=OLD))
    named.server.apply("young", route("a-young", "s-two", hostnames=["a.pass.test"], section="exact", created=YOUNG))
    assert "s-one" == named.reached("a.pass.test")
    assert 2 == named.server.listener("edge", "exact")["attachedRoutes"]

    with stream(named.port, Tls("a.pass.test").context(), "a.pass.test") as opened:
        named.server.remove("old")
        eventually(lambda: named.reached("a.pass.test"), lambda reached: reached == "s-two")  # each worker hears of it by itself
        assert Counter({"s-two": 10}) == Counter(named.reached("a.pass.test") for _ in range(10))
        assert "still here" == opened.says("still here")


def test_other_routes_come_and_go_beside_an_open_connection(named: Named) -> None:
    """Names are added and removed on the same port, for longer than Envoy drains: nobody else's connection ends."""
    named.server.apply(
        "routes", route("one", "s-one", hostnames=["a.pass.test"]), route("ends", "plain", hostnames=["a.ends.test"])
    )
    with ExitStack() as stack:
        opened = [stack.enter_context(stream(named.port, Tls(name).context(), name)) for name in ("a.pass.test", "a.ends.test")]
        for number in range(3):
            named.server.apply(f"more-{number}", route(f"more-{number}", "s-two", hostnames=[f"{number}.pass.test"]))
            assert "s-two" == named.reached(f"{number}.pass.test")
        named.server.remove("more-0", "more-1")
        assert ("closed", "s-two") == (named.reached("0.pass.test"), named.reached("2.pass.test"))
        time.sleep(DRAIN_SECONDS * 1.4)
        assert ["here", "here"] == [each.says("here") for each in opened]


def test_backends_elsewhere_need_a_grant(named: Named) -> None:
    """Without a ReferenceGrant for TLSRoutes the connection is closed; taken back, it is closed again."""
    reference = route("far", "far", hostnames=["far.ends.test"]).replace(
        "{name: far, port", "{name: far, namespace: elsewhere, port"
    )
    named.server.apply("routes", reference)
    assert "closed" == named.reached("far.ends.test")
    (parent,) = named.server.status("TLSRoute", "far", "default")["parents"]
    assert "-RefNotPermitted" == summary(parent["conditions"])["ResolvedRefs"]

    named.server.apply("grant", GRANT)
    assert "plain" == named.reached("far.ends.test")

    named.server.remove("grant")
    assert "closed" == named.reached("far.ends.test")


def test_what_is_no_tls_is_closed(named: Named) -> None:
    """A client that does not speak TLS has no name, and is not passed on."""
    named.server.apply("routes", route("one", "s-one", hostnames=["a.pass.test"]))
    with socket.create_connection((LOOPBACK, named.port), timeout=20) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: a.pass.test\r\n\r\n")
        with suppress(ConnectionResetError):
            assert b"" == plain.recv(100)


def test_tls_is_made_anew_behind_a_listener_that_ends_it(named: Named) -> None:
    """A backend's TLS settings count for the plain stream that is left, and not for what passes through."""
    locked = f"""
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: locked, namespace: default}}
spec:
  endpoints: [{{ip: {{address: 127.0.0.1, port: {named.secured.port}}}}}]
  tls: {{insecureSkipVerify: true, sni: backend.test}}
"""
    both = route("both", "locked", hostnames=["a.ends.test", "a.pass.test"])
    both = both.replace("{name: locked, port: 80", "{group: gateway.envoyproxy.io, kind: Backend, name: locked")
    named.secured.names.clear()
    named.server.apply("routes", locked, both)

    assert ("s-one", "s-one") == (named.reached("a.ends.test"), named.reached("a.pass.test"))
    assert ("*.ends.test", "backend.test") == (named.shown("a.ends.test"), named.shown("a.pass.test"))
    assert {"backend.test", "a.pass.test"} == set(named.secured.names)
