"""backendRefs at the edge: weights, what is missing, permissions, endpoints as they come and go, protocols and timeouts."""

import asyncio
import time
from collections import Counter

import aiohttp
import pytest
from aiohttp import web

from tests.e2e.edge import Edge
from tests.support.backends import h2c_backend, http_backend
from tests.support.objects import route, service, to
from tests.support.ports import LOOPBACK

SHARES = 400
GRANT = """
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: routes, namespace: vault}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]
  to: [{group: "", kind: Service}]
"""


def shares(edge: Edge, host: str, requests: int = SHARES) -> Counter[str]:
    """Who answered, how often."""
    return Counter(edge.chosen(host) for _ in range(requests))


def test_weights(edge: Edge) -> None:
    """Backends get requests in proportion to their weights; 1 is the default, and 0 means none at all."""
    edge.server.apply(
        "weights",
        route(
            "weights",
            """
            - backendRefs:
              - {name: one, port: 80, weight: 3}
              - {name: two, port: 80}
              - {name: three, port: 80, weight: 0}
            """,
        ),
    )
    counted = shares(edge, "weights.test")
    assert {"one", "two"} == counted.keys()
    assert 0.65 < counted["one"] / SHARES < 0.85


def test_weights_that_are_all_zero(edge: Edge) -> None:
    """A rule that sends nothing anywhere answers 500."""
    edge.server.apply("weightless", route("weightless", "- backendRefs: [{name: one, port: 80, weight: 0}]"))
    assert "500" == edge.chosen("weightless.test")


@pytest.mark.parametrize(
    ("name", "reference", "reason"),
    [
        ("missing-service", "{name: nobody, port: 80}", "BackendNotFound"),
        ("missing-port", "{name: one, port: 81}", "BackendNotFound"),
        ("missing-backend", "{name: nobody, kind: Backend, group: gateway.envoyproxy.io}", "BackendNotFound"),
        ("unknown-kind", "{name: one, port: 80, kind: Bucket, group: storage.example.com}", "InvalidKind"),
    ],
)
def test_a_backend_that_cannot_be_used(edge: Edge, name: str, reference: str, reason: str) -> None:
    """Its requests are answered 500, and the route's status says why, naming the field."""
    edge.server.apply(name, route(name, f"- backendRefs: [{reference}]"))
    assert "500" == edge.chosen(f"{name}.test")
    assert {"Accepted": "Accepted", "ResolvedRefs": f"-{reason}"} == edge.server.conditions(name)
    (message,) = (
        each["message"]
        for each in edge.server.status("HTTPRoute", name)["parents"][0]["conditions"]
        if each["type"] == "ResolvedRefs"
    )
    assert "spec.rules[0].backendRefs[0]" in message


def test_the_share_of_a_missing_backend(edge: Edge) -> None:
    """Only the share of what is missing fails; it appears without the others noticing, and everything is answered."""
    share = route("share", "- backendRefs: [{name: one, port: 80, weight: 3}, {name: late, port: 80, weight: 1}]")
    edge.server.apply("share", share)
    counted = shares(edge, "share.test")
    assert {"one", "500"} == counted.keys()
    assert 0.65 < counted["one"] / SHARES < 0.85
    edge.server.apply("late", service("late", edge.backends["two"].port))
    assert {"one", "two"} == shares(edge, "share.test", 100).keys()
    assert {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"} == edge.server.conditions("share")


def test_reference_grants(edge: Edge) -> None:
    """A backend of another namespace is 500 until a ReferenceGrant there allows it, and again once it is revoked."""
    edge.server.apply("vault", service("gold", edge.backends["one"].port, namespace="vault"))
    edge.server.apply("granted", route("granted", "- backendRefs: [{name: gold, namespace: vault, port: 80}]"))
    assert ("500", "-RefNotPermitted") == (edge.chosen("granted.test"), edge.server.conditions("granted")["ResolvedRefs"])
    edge.server.apply("grant", GRANT)
    assert ("one", "ResolvedRefs") == (edge.chosen("granted.test"), edge.server.conditions("granted")["ResolvedRefs"])
    edge.server.apply("grant", GRANT.replace("kind: Service}", "kind: Service, name: silver}"))
    assert ("500", "-RefNotPermitted") == (edge.chosen("granted.test"), edge.server.conditions("granted")["ResolvedRefs"])
    edge.server.apply("grant", GRANT)
    assert "one" == edge.chosen("granted.test")
    edge.server.remove("grant")
    assert ("500", "-RefNotPermitted") == (edge.chosen("granted.test"), edge.server.conditions("granted")["ResolvedRefs"])


def test_endpoints_come_and_go(edge: Edge) -> None:
    """A Service without endpoints is 503, not 500; endpoints are used while they are ready, each of them."""
    edge.server.apply("moving", service("moving"), route("moving", to("moving")))
    assert ("503", "ResolvedRefs") == (edge.chosen("moving.test"), edge.server.conditions("moving")["ResolvedRefs"])
    both = service("moving", edge.backends["one"].port, edge.backends["two"].port)
    edge.server.apply("endpoints", both.partition("\n---\n")[2])
    assert {"one", "two"} == shares(edge, "moving.test", 40).keys()
    unready = both.replace("{addresses: [127.0.0.1]}", "{addresses: [127.0.0.1], conditions: {ready: false}}", 1)
    edge.server.apply("endpoints", unready.partition("\n---\n")[2])
    assert {"two"} == shares(edge, "moving.test", 40).keys()
    edge.server.remove("endpoints")
    assert "503" == edge.chosen("moving.test")


def test_backends_by_address(edge: Edge) -> None:
    """A Backend names addresses, or host names that Envoy resolves."""
    edge.server.apply(
        "addresses",
        f"""
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: address}}
spec: {{endpoints: [{{ip: {{address: {LOOPBACK}, port: {edge.backends["one"].port}}}}}]}}
""",
        f"""
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: name}}
spec: {{endpoints: [{{fqdn: {{hostname: localhost, port: {edge.backends["two"].port}}}}}]}}
""",
        route(
            "addresses",
            """
            - {matches: [{path: {value: /ip}}], backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: address}]}
            - {matches: [{path: {value: /name}}], backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: name}]}
            """,
        ),
    )
    assert ["one", "two"] == [edge.chosen("addresses.test", "/ip"), edge.chosen("addresses.test", "/name")]


def test_timeouts(edge: Edge) -> None:
    """A backend that is slower than the rule's timeout is answered 504 in its stead, when the timeout has passed."""
    edge.server.apply(
        "timeouts",
        route(
            "timeouts",
            """
            - matches: [{path: {value: /slow}}]
              timeouts: {request: 300ms}
              backendRefs: [{name: one, port: 80}]
            - matches: [{path: {value: /slow/0.7}}]
              timeouts: {request: 5s, backendRequest: 200ms}
              backendRefs: [{name: one, port: 80}]
            - matches: [{path: {value: /slow/0.5}}]
              timeouts: {request: 0s}
              backendRefs: [{name: one, port: 80}]
            """,
        ),
    )
    started = time.monotonic()
    assert "504" == edge.chosen("timeouts.test", "/slow/2")
    assert 0.25 < time.monotonic() - started < 1.5
    assert ["one", "504", "one"] == [edge.chosen("timeouts.test", f"/slow/{seconds}") for seconds in (0.05, 0.7, 0.5)]


def test_http2_to_a_backend(edge: Edge) -> None:
    """The appProtocol kubernetes.io/h2c of a Service's port makes Envoy speak HTTP/2 to its endpoints."""
    with h2c_backend("prior") as backend:
        edge.server.apply(
            "prior",
            service("prior", backend.port, app_protocol="kubernetes.io/h2c"),
            route("prior", to("prior")),
        )
        answer = edge.ask("prior.test", "/path")
        assert ("prior", "HTTP/2", "/path") == (answer.backend, answer.seen["protocol"], answer.seen["path"])
        edge.server.remove("prior")


def test_websockets(edge: Edge) -> None:
    """A client may upgrade to WebSocket; what either side says then reaches the other."""

    async def parrot(request: web.Request) -> web.WebSocketResponse:
        peer = web.WebSocketResponse()
        await peer.prepare(request)
        async for message in peer:
            await peer.send_str(f"{message.data}, {message.data}")
        return peer

    async def talk() -> list[str]:
        application = web.Application()
        application.add_routes([web.get("/parrot", parrot)])
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, 0).start()
        port: int = runner.addresses[0][1]
        documents = service("parrot", port), route("parrot", to("parrot"))
        await asyncio.to_thread(edge.server.apply, "parrot", *documents)
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"http://{LOOPBACK}:{edge.port}/parrot", headers={"Host": "parrot.test"}) as socket,
            ):
                heard = []
                for word in ("hello", "goodbye"):
                    await socket.send_str(word)
                    heard.append(await socket.receive_str(timeout=5))
                return heard
        finally:
            await runner.cleanup()

    assert ["hello, hello", "goodbye, goodbye"] == asyncio.run(talk())


def test_mirrors(edge: Edge) -> None:
    """A mirror gets a copy of each request, whatever becomes of it; the client hears the backend alone."""
    with http_backend("mirror") as mirror:
        edge.server.apply(
            "mirrored",
            service("mirror", mirror.port),
            route(
                "mirrored",
                """
                - filters: [{type: RequestMirror, requestMirror: {backendRef: {name: mirror, port: 80}}}]
                  backendRefs: [{name: one, port: 80}]
                """,
            ),
        )
        assert ["one"] * 10 == [edge.chosen("mirrored.test", f"/copied/{number}") for number in range(10)]
        deadline = time.monotonic() + 5
        while len(mirror.seen) < 10 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert {f"/copied/{number}" for number in range(10)} == {seen.path for seen in mirror.seen}
        edge.server.remove("mirrored")
