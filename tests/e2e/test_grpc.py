"""GRPCRoutes at the edge: calls by the real gRPC library, over Envoy, to backends of the same library."""

import asyncio
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from functools import partial
from typing import NamedTuple

import grpc
import pytest

from gatewright.fleet.admin import AdminClient
from tests.support.backends import Backend, http_backend
from tests.support.calls import CallBackend, Caller, Calls, begun, chat, outcome_of
from tests.support.certificates import shared
from tests.support.clients import Connection, ask
from tests.support.objects import GATEWAY_CLASS, documents, gateway, https, service, to
from tests.support.objects import route as any_route
from tests.support.ports import free_port
from tests.support.serving import Serving, serving
from tests.support.waiting import eventually

grpc_route = partial(any_route, kind="GRPCRoute")
SECURE = "secure.test"


class Edge(NamedTuple):
    """A server with a plain and a TLS listener; Services `one`, `two` and `three` answer calls, `pages` requests of HTTP/1.1."""

    server: Serving
    port: int
    secure_port: int
    calls: Mapping[str, CallBackend]
    pages: Backend

    def caller(self, host: str) -> Caller:
        return Caller(self.port, host)

    def chosen(self, host: str, method: str, **metadata: str) -> str:
        """The backend that answers a call; else the status."""
        return self.caller(host).call(method, b"hello", metadata=tuple(metadata.items())).backend


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with ExitStack() as stack:
        calls = {name: stack.enter_context(CallBackend(name)) for name in ("one", "two", "three")}
        pages = stack.enter_context(http_backend("pages"))
        server = stack.enter_context(serving())
        port, secure_port = free_port(), free_port()
        ports = {**{name: backend.port for name, backend in calls.items()}, "pages": pages.port}
        listeners = (
            f"- {{name: http, protocol: HTTP, port: {port}}}\n{https('https', secure_port, 'certificate', hostname=SECURE)}"
        )
        server.put(
            "edge",
            GATEWAY_CLASS,
            gateway("edge", listeners),
            shared(SECURE).secret("certificate"),
            documents(*(service(*each) for each in ports.items())),
            service("empty"),
            grpc_route("base", to("one")),
        )
        server.start()
        yield Edge(server, port, secure_port, calls, pages)


@pytest.mark.parametrize(
    ("method", "sent", "received"),
    [
        ("/demo.Echo/Say", [b"hello"], (b"hello",)),
        ("/demo.Echo/Say", [b""], (b"",)),
        ("/demo.Echo/Say", [b"x" * 1_000_000], (b"x" * 1_000_000,)),
        ("/demo.Echo/Expand", [b"a b c"], (b"a", b"b", b"c")),
        ("/demo.Echo/Collect", [b"a", b"b", b"c"], (b"a b c",)),
        ("/demo.Echo/Collect", [], (b"",)),
        ("/demo.Echo/Chat", [b"a", b"b", b"c"], (b"a", b"b", b"c")),
    ],
)
def test_all_four_kinds_of_calls(edge: Edge, method: str, sent: list[bytes], received: tuple[bytes, ...]) -> None:
    """One message or a stream of them, either way; the trailers arrive."""
    outcome = edge.caller("base.test").call(method, *sent)
    assert (grpc.StatusCode.OK, received, "one") == (outcome.code, outcome.messages, outcome.trailers["x-backend"])


def test_a_conversation(edge: Edge) -> None:
    """Each message of a two-way stream is answered before the next one is sent: nothing is held back on the way."""

    async def converse() -> list[bytes]:
        async with edge.caller("base.test").channel() as channel:
            call = chat(channel, "/demo.Echo/Chat")
            heard = []
            for word in (b"how", b"do", b"you", b"do"):
                await call.write(word)
                heard.append(await call.read())
            await call.done_writing()
            return heard

    assert [b"how", b"do", b"you", b"do"] == asyncio.run(converse())


def test_the_status_of_a_backend_comes_through(edge: Edge) -> None:
    """Its code, words and trailers are those of the backend."""
    outcome = edge.caller("base.test").call("/demo.Echo/Fail", b"")
    assert (grpc.StatusCode.NOT_FOUND, "there is none", "test") == (outcome.code, outcome.details, outcome.trailers["x-why"])


def test_a_call_over_tls(edge: Edge) -> None:
    """A TLS listener speaks HTTP/2 by ALPN."""
    edge.server.apply("secured", grpc_route("secured", to("two"), hostnames=[SECURE]))
    outcome = Caller(edge.secure_port, SECURE, shared(SECURE).certificate).call("/demo.Echo/Say", b"hello")
    assert "two" == outcome.backend


def test_a_backend_with_tls(edge: Edge) -> None:
    """A BackendTLSPolicy has the Gateway speak TLS, and HTTP/2 within, to the Service of a GRPCRoute."""
    certificate = shared("inner.test")
    with CallBackend("inner", certificate) as backend:
        edge.server.apply(
            "inner",
            service("inner", backend.port),
            grpc_route("inner", to("inner")),
            certificate.config_map("inner"),
            """
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: inner}
spec:
  targetRefs: [{group: "", kind: Service, name: inner}]
  validation: {hostname: inner.test, caCertificateRefs: [{group: "", kind: ConfigMap, name: inner}]}
""",
        )
        assert "inner" == edge.chosen("inner.test", "/demo.Echo/Say")


def test_matching(edge: Edge) -> None:
    """Service and method, either alone, by regular expression, and metadata; the match that says most is tried first."""
    edge.server.apply(
        "matching",
        grpc_route(
            "matching",
            """
            - matches: [{method: {service: shop.Orders, method: Get}}, {method: {method: Ping}}]
              backendRefs: [{name: one, port: 80}]
            - matches:
              - {method: {service: shop.Orders}}
              - {method: {type: RegularExpression, service: "v[0-9]+[.].*", method: "Do.+"}}
              backendRefs: [{name: two, port: 80}]
            - matches:
              - headers: [{name: Version, value: three}]
              - headers: [{name: color, type: RegularExpression, value: "re.*"}, {name: size, value: xl}]
              backendRefs: [{name: three, port: 80}]
            """,
        ),
    )
    asked = {
        "/shop.Orders/Get": "one",
        "/shop.Orders/List": "two",
        "/shop.OrdersOfOthers/List": "UNIMPLEMENTED",
        "/any.Thing/Ping": "one",
        "/shop.Orders/Ping": "two",
        "/v12.Jobs/DoIt": "two",
        "/v.Jobs/DoIt": "UNIMPLEMENTED",
        "/other.Service/Get": "UNIMPLEMENTED",
    }
    assert asked == {method: edge.chosen("matching.test", method) for method in asked}
    assert "three" == edge.chosen("matching.test", "/other.Service/Get", version="three")
    assert "UNIMPLEMENTED" == edge.chosen("matching.test", "/other.Service/Get", color="red")
    assert "three" == edge.chosen("matching.test", "/other.Service/Get", color="red", size="xl")
    assert "UNIMPLEMENTED" == edge.chosen("nowhere.test", "/shop.Orders/Get")


def test_weights(edge: Edge) -> None:
    """Calls are divided by weight, not connections; a weight of 0 gets none."""
    rule = "- backendRefs: [{name: one, port: 80, weight: 3}, {name: two, port: 80}, {name: three, port: 80, weight: 0}]"
    edge.server.apply("weights", grpc_route("weights", rule))

    async def many() -> Counter[str]:
        async with edge.caller("weights.test").channel() as channel:
            return Counter([(await outcome_of(begun(channel, "/demo.Echo/Say", b"hello"))).backend for _ in range(400)])

    counts = asyncio.run(many())
    assert {"one", "two"} == set(counts)
    assert 260 < counts["one"] < 340  # 300, give or take more than four standard deviations


def test_filters(edge: Edge) -> None:
    """Metadata is changed both ways, on a rule and on a backend, and a copy of the call goes to a mirror."""
    edge.server.apply(
        "filters",
        grpc_route(
            "filters",
            """
            - filters:
              - type: RequestHeaderModifier
                requestHeaderModifier: {set: [{name: x-set, value: new}], add: [{name: x-add, value: second}], remove: [x-gone]}
              - type: ResponseHeaderModifier
                responseHeaderModifier: {set: [{name: x-backend, value: hidden}]}
              - type: RequestMirror
                requestMirror: {backendRef: {name: two, port: 80}}
              backendRefs:
              - name: one
                port: 80
                filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-backend-set, value: one}]}}]
            """,
        ),
    )
    metadata = (("x-set", "old"), ("x-add", "first"), ("x-gone", "gone"), ("x-kept", "kept"))
    before = len(edge.calls["two"].received)
    outcome = edge.caller("filters.test").call("/demo.Echo/Filtered", b"hello", metadata=metadata)
    assert (b"hello",) == outcome.messages
    assert "hidden" == outcome.headers["x-backend"]
    seen = edge.calls["one"].received[-1]
    expected = {"x-set": "new", "x-add": "first,second", "x-gone": None, "x-kept": "kept", "x-backend-set": "one"}
    assert expected == {name: seen.metadata.get(name) for name in expected}
    mirrored = eventually(lambda: edge.calls["two"].received[before:], bool, seconds=5)
    assert "/demo.Echo/Filtered" == mirrored[-1].method


def test_beside_an_http_route(edge: Edge) -> None:
    """On one host, calls go by the GRPCRoute and all else by the HTTPRoute, though that is older and matches everything."""
    old = any_route("pages", to("pages"), hostnames=["both.test"]).replace(
        "namespace: default", "namespace: default, creationTimestamp: '2020-01-01T00:00:00Z'"
    )
    edge.server.apply("both", old, grpc_route("both", to("one")))
    assert "one" == edge.chosen("both.test", "/demo.Echo/Say")
    assert "pages" == ask(edge.port, "both.test", "/demo.Echo/Say", method="POST").backend
    assert "pages" == ask(edge.port, "both.test").backend
    assert {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"} == edge.server.conditions("both", kind="GRPCRoute")
    assert {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"} == edge.server.conditions("pages")


def test_what_is_no_call_is_not_for_a_grpc_route(edge: Edge) -> None:
    """Without an HTTPRoute, a page that is asked for is not there."""
    assert 404 == ask(edge.port, "base.test", "/demo.Echo/Say", method="POST").status


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ("- matches: [{method: {service: demo.Echo}}]", "UNAVAILABLE"),
        (to("absent"), "UNAVAILABLE"),
        (to("empty"), "UNAVAILABLE"),
        ("- backendRefs: [{name: one, port: 80, weight: 0}]", "UNAVAILABLE"),
        (
            "- filters: [{type: ExtensionRef, extensionRef: {group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: x}}]",
            "UNAVAILABLE",
        ),
        ("- {matches: [{method: {service: other}}], backendRefs: [{name: one, port: 80}]}", "UNIMPLEMENTED"),
    ],
)
def test_errors_are_statuses_of_grpc(edge: Edge, rule: str, status: str) -> None:
    """Nobody to answer is UNAVAILABLE; nothing that matches is UNIMPLEMENTED."""
    edge.server.apply("errors", grpc_route("errors", rule))
    assert status == edge.chosen("errors.test", "/demo.Echo/Say")


def test_a_filter_answers(edge: Edge) -> None:
    """A direct response of an HTTPRouteFilter is a status and words to a caller."""
    edge.server.apply(
        "answering",
        grpc_route(
            "answering",
            """
            - filters:
              - {type: ExtensionRef, extensionRef: {group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: answering}}
            """,
        ),
        """
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: HTTPRouteFilter
metadata: {name: answering}
spec: {directResponse: {statusCode: 403, body: {type: Inline, inline: not for you}}}
""",
    )
    outcome = edge.caller("answering.test").call("/demo.Echo/Say", b"hello")
    assert (grpc.StatusCode.PERMISSION_DENIED, "not for you") == (outcome.code, outcome.details)


def test_a_share_of_errors(edge: Edge) -> None:
    """A backend that cannot be had keeps its share."""
    edge.server.apply("shares", grpc_route("shares", "- backendRefs: [{name: one, port: 80}, {name: absent, port: 80}]"))
    counts = Counter(edge.chosen("shares.test", "/demo.Echo/Say") for _ in range(40))
    assert {"one", "UNAVAILABLE"} == set(counts)
    assert {"Accepted": "Accepted", "ResolvedRefs": "-BackendNotFound"} == edge.server.conditions("shares", kind="GRPCRoute")


def test_a_deadline_is_the_callers(edge: Edge) -> None:
    """The backend learns how long it has; Envoy sets no limit of its own."""
    outcome = edge.caller("base.test").call("/demo.Echo/Wait", b"5", seconds=0.3)
    assert grpc.StatusCode.DEADLINE_EXCEEDED == outcome.code
    seconds = edge.calls["one"].received[-1].seconds
    assert seconds is not None
    assert seconds < 1


def test_browsers(edge: Edge) -> None:
    """gRPC-Web over HTTP/1.1 reaches a backend that knows nothing of it; the trailers are the last frame of the body."""
    sent = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    framed = struct.pack("!BI", 0, len(b"hello")) + b"hello"
    with closing(Connection(edge.port)) as connection:
        answer = connection.ask("base.test", "/demo.Echo/Say", method="POST", headers=sent, body=framed)
    assert b"\0\0\0\0\x05hello" == answer.body[:10]
    assert 0x80 == answer.body[10]
    assert b"grpc-status:0" in answer.body[11:]
    assert b"x-backend:one" in answer.body[11:]
    assert "application/grpc" == edge.calls["one"].received[-1].metadata.get("content-type", "application/grpc")


def test_calls_are_counted(edge: Edge) -> None:
    """Envoy's statistics have them by service, method and status (5 is NOT_FOUND)."""
    edge.caller("base.test").call("/counted.Service/Fail", b"")
    socket = next(edge.server.state.resolve().rglob("*.admin.sock"))
    said = asyncio.run(AdminClient(socket).prometheus()).decode()
    counted = [
        line for line in said.splitlines() if line.startswith("envoy_cluster_grpc_Fail_5{") and 'service="counted"' in line
    ]
    assert 1 == len(counted)
    assert 'envoy_cluster_name="service/default/one/80/grpc"} 1' in counted[0]


def test_nothing_is_lost_while_a_route_flips(edge: Edge) -> None:
    """Each backend is a cluster only while it is pointed at; calls go on, and so does a stream that began before."""
    edge.server.apply("flips", grpc_route("flips", to("one")))
    caller = edge.caller("flips.test")

    async def stream_through(turns: int) -> int:
        async with caller.channel() as channel:
            call = chat(channel, "/demo.Echo/Chat")
            heard = 0
            for turn in range(turns):
                edge.server.put("flips", grpc_route("flips", to(("two", "one")[turn % 2])))
                await call.write(b"still there?")
                heard += await call.read() == b"still there?"
                await asyncio.sleep(0.03)
            await call.done_writing()
            return heard

    with Calls(caller, "/demo.Echo/Say") as calls:
        heard = asyncio.run(stream_through(60))
        edge.server.sync()
    assert 60 == heard
    assert {"OK"} == set(calls.outcomes)
    assert calls.total > 200


def test_who_is_attached(edge: Edge) -> None:
    """A listener counts routes of both kinds and says that it takes them; `gatewright status` knows the kind by its names."""
    listener = edge.server.listener("edge", "https")
    assert ["HTTPRoute", "GRPCRoute"] == [each["kind"] for each in listener["supportedKinds"]]
    said = edge.server.command("status", "grpcroute/base")
    assert (0, "") == (said.returncode, said.stderr)
    assert "base" in said.stdout
