"""Credentials that the proxy adds: which requests get which, what becomes of a client's own, and that rotations travel alone."""

from typing import Final

import pytest

from tests.e2e.edge import Edge
from tests.support.clients import Answer
from tests.support.objects import documents, route
from tests.support.waiting import eventually

EXTENSION: Final = "{type: ExtensionRef, extensionRef: {group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: %s}}"
RULES: Final = f"""
- matches: [{{path: {{value: /keep}}}}]
  filters: [{EXTENSION % "keep"}]
  backendRefs: [{{name: one, port: 80}}]
- matches: [{{path: {{value: /replace}}}}]
  filters: [{EXTENSION % "replace"}]
  backendRefs: [{{name: one, port: 80}}]
- matches: [{{path: {{value: /one-backend}}}}]
  backendRefs:
  - {{name: one, port: 80, filters: [{EXTENSION % "keep"}]}}
  - {{name: two, port: 80}}
- {{matches: [{{path: {{value: /open}}}}], backendRefs: [{{name: one, port: 80}}]}}
- matches: [{{path: {{value: /later}}}}]
  filters: [{EXTENSION % "later"}]
  backendRefs: [{{name: one, port: 80}}]
"""

NEW: Final = f"- {{filters: [{EXTENSION % 'new'}], backendRefs: [{{name: one, port: 80}}]}}"


def secret(name: str, credential: str) -> str:
    return f"{{apiVersion: v1, kind: Secret, metadata: {{name: {name}}}, stringData: {{credential: {credential!r}}}}}"


def injecting(name: str, settings: str) -> str:
    """An HTTPRouteFilter that sends the credential of the Secret of the same name."""
    return f"""
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: HTTPRouteFilter
metadata: {{name: {name}}}
spec: {{credentialInjection: {{credential: {{valueRef: {{name: {name}}}}}, {settings}}}}}
"""


@pytest.fixture(scope="module")
def trusted(edge: Edge) -> Edge:
    filters = (injecting("keep", ""), injecting("replace", "header: x-key, overwrite: true"), injecting("later", ""))
    edge.server.apply("credentials", documents(secret("keep", "Basic a2VlcA=="), secret("replace", "key of the edge")))
    edge.server.apply("trusted", route("trusted", RULES), *filters)
    return edge


def seen(edge: Edge, path: str, name: str, headers: dict[str, str] | None = None) -> str | None:
    """The header as the backend sees it."""
    answer = edge.ask("trusted.test", path, headers=headers or {})
    assert 200 == answer.status
    value: str | None = answer.seen["headers"].get(name)
    return value


def test_backends_are_sent_the_credential(trusted: Edge) -> None:
    """Each route its own, in Authorization unless another header is named; other routes nothing."""
    assert "Basic a2VlcA==" == seen(trusted, "/keep", "authorization")
    assert "key of the edge" == seen(trusted, "/replace", "x-key")
    assert seen(trusted, "/replace", "authorization") is None
    assert seen(trusted, "/open", "authorization") is None


def test_a_clients_own_is_kept_unless_it_is_to_be_replaced(trusted: Edge) -> None:
    assert "mine" == seen(trusted, "/keep", "authorization", {"authorization": "mine"})
    assert "key of the edge" == seen(trusted, "/replace", "x-key", {"x-key": "mine"})


def test_one_backend_may_get_what_another_does_not(trusted: Edge) -> None:
    answers = [trusted.ask("trusted.test", "/one-backend") for _ in range(40)]

    assert {("one", "Basic a2VlcA=="), ("two", None)} == {
        (each.backend, each.seen["headers"].get("authorization")) for each in answers
    }


def test_a_rotated_credential_is_sent(trusted: Edge) -> None:
    """It is a resource of its own, so no request fails meanwhile."""
    trusted.server.apply("credentials", documents(secret("keep", "Basic bmV3"), secret("replace", "key of the edge")))

    eventually(lambda: seen(trusted, "/keep", "authorization"), lambda got: got == "Basic bmV3")


def test_no_request_is_refused_while_a_filter_comes(trusted: Edge) -> None:
    """Envoy has the credential before it is told of the filter."""
    plain, sent = route("new", "- backendRefs: [{name: one, port: 80}]"), route("new", NEW)
    trusted.server.apply("new", plain, secret("new", "Basic bmV3"), injecting("new", ""))
    trusted.server.put("new", sent, secret("new", "Basic bmV3"), injecting("new", ""))
    answers: list[Answer] = []

    def asked() -> str | None:
        answers.append(trusted.ask("new.test"))
        value: str | None = answers[-1].seen["headers"].get("authorization")
        return value

    eventually(asked, lambda got: got is not None)
    assert {200} == {each.status for each in answers}


def test_nothing_passes_without_the_credential(trusted: Edge) -> None:
    """Until its Secret is there the rule answers 500."""
    assert 500 == trusted.ask("trusted.test", "/later").status

    trusted.server.apply("later", secret("later", "Basic bGF0ZXI="))

    assert "Basic bGF0ZXI=" == seen(trusted, "/later", "authorization")
