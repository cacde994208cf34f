"""ExternalAuth at the edge: real authorizers over HTTP and gRPC decide, see what they may, and nothing passes without them."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Final

import pytest

from tests.e2e.edge import Edge
from tests.support.authorizers import GRPCAuthorizer, HTTPAuthorizer
from tests.support.clients import Connection, answers
from tests.support.objects import route, service
from tests.support.waiting import eventually

GOOD: Final = {"authorization": "good", "x-user": "ada", "x-secret": "mine"}


class Guarded:
    """The edge with two authorizers behind Services, `http-auth` and `grpc-auth`."""

    def __init__(self, edge: Edge, http: HTTPAuthorizer, grpc: GRPCAuthorizer) -> None:
        self.edge = edge
        self.http = http
        self.grpc = grpc


@pytest.fixture(scope="module")
def guarded(edge: Edge) -> Iterator[Guarded]:
    with ExitStack() as stack:
        http, grpc = stack.enter_context(HTTPAuthorizer()), stack.enter_context(GRPCAuthorizer())
        edge.server.apply("authorizers", service("http-auth", http.port), service("grpc-auth", grpc.port))
        edge.server.apply("guarded", route("guarded", RULES))
        yield Guarded(edge, http, grpc)


RULES: Final = """
- matches: [{path: {value: /http}}]
  filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: http-auth, port: 80}, http: {}}}]
  backendRefs: [{name: one, port: 80}]
- matches: [{path: {value: /http-some}}]
  filters:
  - type: ExternalAuth
    externalAuth:
      protocol: HTTP
      backendRef: {name: http-auth, port: 80}
      http: {path: /check, allowedHeaders: [X-User], allowedResponseHeaders: [X-Tenant]}
      forwardBody: {maxSize: 65536}
  backendRefs: [{name: two, port: 80}]
- matches: [{path: {value: /grpc}}]
  filters: [{type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: grpc-auth, port: 80}, grpc: {}}}]
  backendRefs: [{name: one, port: 80}]
- matches: [{path: {value: /grpc-some}}]
  filters:
  - type: ExternalAuth
    externalAuth:
      protocol: GRPC
      backendRef: {name: grpc-auth, port: 80}
      grpc: {allowedHeaders: [authorization]}
      forwardBody: {maxSize: 5}
  backendRefs: [{name: one, port: 80}]
- {matches: [{path: {value: /open}}], backendRefs: [{name: one, port: 80}]}
- matches: [{path: {value: /nobody-there}}]
  filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: nobody, port: 80}, http: {}}}]
  backendRefs: [{name: one, port: 80}]
- matches: [{path: {value: /on-one-backend}}]
  backendRefs:
  - name: one
    port: 80
    filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: http-auth, port: 80}, http: {}}}]
  - {name: two, port: 80}
"""


@pytest.mark.parametrize("path", ["/http/x", "/http-some/x", "/grpc/x", "/grpc-some/x"])
def test_the_authorizer_decides(guarded: Guarded, path: str) -> None:
    """Routes of one listener have authorizers of their own, over either protocol."""
    assert 401 == guarded.edge.ask("guarded.test", path).status
    assert 401 == guarded.edge.ask("guarded.test", path, headers={"authorization": "bad"}).status

    passed = guarded.edge.ask("guarded.test", path, headers=GOOD)

    assert 200 == passed.status
    assert "acme" == passed.seen["headers"]["x-tenant"]


def test_other_routes_are_open(guarded: Guarded) -> None:
    assert 200 == guarded.edge.ask("guarded.test", "/open").status


def test_what_an_http_authorizer_is_told(guarded: Guarded) -> None:
    """Of itself method, path, host and Authorization, and no body; more where it is asked for."""
    guarded.edge.ask("guarded.test", "/http/x?q=1", method="POST", headers=GOOD, body=b"hello")
    guarded.edge.ask("guarded.test", "/http-some/x", method="POST", headers=GOOD, body=b"hello")
    plain, more = guarded.http.checks[-2:]

    assert ("POST", "/http/x?q=1", "guarded.test", b"") == (plain.method, plain.path, plain.host, plain.body)
    assert {"authorization": "good", "content-length": "0"}.items() <= plain.headers.items()
    assert not {"x-user", "x-secret"} & plain.headers.keys()
    assert ("POST", "/check/http-some/x", b"hello") == (more.method, more.path, more.body)
    assert {"authorization": "good", "content-length": "5", "x-user": "ada"}.items() <= more.headers.items()
    assert "x-secret" not in more.headers


def test_what_a_grpc_authorizer_is_told(guarded: Guarded) -> None:
    """All headers unless some are named; as much of the body as it may see, of which the backend gets the whole."""
    guarded.edge.ask("guarded.test", "/grpc/x?q=1", method="POST", headers=GOOD, body=b"hello")
    assert 200 == guarded.edge.ask("guarded.test", "/grpc-some/x", method="POST", headers=GOOD, body=b"hello world").status
    plain, some = guarded.grpc.checks[-2:]

    assert ("POST", "/grpc/x?q=1", "guarded.test", b"") == (plain.method, plain.path, plain.host, plain.body)
    assert GOOD.items() <= plain.headers.items()
    assert b"hello" == some.body
    assert not {"x-user", "x-secret"} & some.headers.keys()
    assert "11" == guarded.edge.backends["one"].seen[-1].headers["content-length"]


def test_bodies_beyond_what_a_connection_buffers_are_shown(guarded: Guarded) -> None:
    assert 200 == guarded.edge.ask("guarded.test", "/http-some/x", method="POST", headers=GOOD, body=b"a" * 60_000).status
    assert 60_000 == len(guarded.http.checks[-1].body)

    assert 200 == guarded.edge.ask("guarded.test", "/http-some/x", method="POST", headers=GOOD, body=b"a" * 200_000).status
    assert 65_536 == len(guarded.http.checks[-1].body)


def test_answers_of_the_authorizer_reach_the_backend(guarded: Guarded) -> None:
    """All headers but those about the answer itself; or those that are named."""
    everything = guarded.edge.ask("guarded.test", "/http", headers=GOOD).seen["headers"]
    named = guarded.edge.ask("guarded.test", "/http-some", headers=GOOD).seen["headers"]

    assert {"x-tenant": "acme", "x-other": "other"}.items() <= everything.items()
    assert "content-type" not in everything
    assert "acme" == named["x-tenant"]
    assert "x-other" not in named


def test_nothing_passes_without_an_authorizer(guarded: Guarded) -> None:
    """One that does not exist makes the rule an error; one that cannot be reached refuses."""
    assert 500 == guarded.edge.ask("guarded.test", "/nobody-there", headers=GOOD).status

    with HTTPAuthorizer() as gone:
        port = gone.port
    guarded.edge.server.apply("gone", service("gone-auth", port))
    auth = "{protocol: HTTP, backendRef: {name: gone-auth, port: 80}, http: {}}"
    rule = f"- filters: [{{type: ExternalAuth, externalAuth: {auth}}}]\n  backendRefs: [{{name: one, port: 80}}]"
    guarded.edge.server.apply("unreachable", route("unreachable", rule))
    assert 403 == guarded.edge.ask("unreachable.test", headers=GOOD).status


def test_a_backend_can_have_an_authorizer(guarded: Guarded) -> None:
    """Its share of the requests is checked, the others' is not."""
    statuses = [guarded.edge.ask("guarded.test", "/on-one-backend").status for _ in range(60)]
    assert {200, 401} == set(statuses)


def test_connections_that_are_there_are_checked_at_once(guarded: Guarded) -> None:
    """A filter that comes to a route holds for the connections that clients already have: no listener changes for it."""
    rule = "- backendRefs: [{name: one, port: 80}]"
    guarded.edge.server.apply("later", route("later", rule))
    with closing(Connection(guarded.edge.port)) as connection:
        assert 200 == connection.ask("later.test").status
        local = connection.sock.getsockname()

        auth = "{protocol: GRPC, backendRef: {name: grpc-auth, port: 80}, grpc: {}}"
        checked = f"- filters: [{{type: ExternalAuth, externalAuth: {auth}}}]\n  {rule[2:]}"
        guarded.edge.server.apply("later", route("later", checked))

        assert 401 == eventually(lambda: connection.ask("later.test").status, lambda status: status == 401)
        assert local == connection.sock.getsockname()
    answers(lambda: guarded.edge.ask("later.test", headers=GOOD), 200)
