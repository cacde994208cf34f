"""Sessions at the edge: who comes back with the cookie or header gets the endpoint of the first time, over three endpoints."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Final

import pytest

from tests.e2e.edge import Edge
from tests.support.backends import http_backend
from tests.support.objects import route, service
from tests.support.waiting import eventually

SAME, OTHERS = ("a", "b", "c"), ("d", "e")


class Pods:
    """The edge with Services `same` of three endpoints and `others` of two, each with a name of its own."""

    def __init__(self, edge: Edge, ports: Mapping[str, int]) -> None:
        self.edge = edge
        self.ports = ports

    def serve(self, name: str, *pods: str) -> None:
        """Let a Service have these endpoints."""
        self.edge.server.apply(f"pods-{name}", service(name, *(self.ports[pod] for pod in pods)))


@pytest.fixture
def pods(edge: Edge) -> Iterator[Pods]:
    with ExitStack() as stack:
        backends = {name: stack.enter_context(http_backend(name)) for name in (*SAME, *OTHERS)}
        made = Pods(edge, {name: backend.port for name, backend in backends.items()})
        made.serve("same", *SAME)
        made.serve("others", *OTHERS)
        edge.server.apply("sessions", route("sessions", RULES))
        yield made


RULES: Final = """
- {matches: [{path: {value: /cookie}}], sessionPersistence: {cookie: {name: sid}}, backendRefs: [{name: same, port: 80}]}
- {matches: [{path: {value: /unnamed}}], sessionPersistence: {}, backendRefs: [{name: same, port: 80}]}
- matches: [{path: {value: /permanent}}]
  sessionPersistence: {cookie: {lifetimeType: Permanent}, absoluteTimeout: 5m}
  backendRefs: [{name: same, port: 80}]
- matches: [{path: {value: /header}}]
  sessionPersistence: {type: Header, header: {name: x-session}}
  backendRefs: [{name: same, port: 80}]
- matches: [{path: {value: /split}}]
  sessionPersistence: {cookie: {name: split}}
  backendRefs: [{name: same, port: 80, weight: 70}, {name: others, port: 80, weight: 30}]
"""


def cookie(answer_headers: Mapping[str, str]) -> str:
    """The cookie that an answer sets, as a request sends it."""
    return answer_headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize("path", ["/cookie", "/unnamed", "/permanent"])
def test_a_cookie_pins_the_endpoint(pods: Pods, path: str) -> None:
    """Without one, every endpoint gets its share; with one, the same endpoint serves all."""
    firsts = [pods.edge.ask("sessions.test", path) for _ in range(30)]
    assert set(SAME) == {first.backend for first in firsts}

    for first in firsts[:6]:
        sent = {"cookie": cookie(first.headers)}
        assert {first.backend} == {pods.edge.chosen("sessions.test", path, headers=sent) for _ in range(10)}


def test_what_cookies_say(pods: Pods) -> None:
    """One for the browser's session says nothing of its age, a permanent one does; the path is / and no script sees them."""
    session = pods.edge.ask("sessions.test", "/cookie").headers["set-cookie"]
    permanent = pods.edge.ask("sessions.test", "/permanent").headers["set-cookie"]

    attributes = [part.strip().lower() for part in session.split(";")[1:]]
    assert session.startswith("sid=")
    assert {"path=/", "httponly", "samesite=strict"} == set(attributes)
    assert re.search(r"(?i)max-age=300\b", permanent)


def test_rules_do_not_share_sessions(pods: Pods) -> None:
    names = {pods.edge.ask("sessions.test", path).headers["set-cookie"].partition("=")[0] for path in ("/unnamed", "/permanent")}
    assert 2 == len(names)


def test_a_header_pins_the_endpoint(pods: Pods) -> None:
    first = pods.edge.ask("sessions.test", "/header")
    sent = {"x-session": first.headers["x-session"]}
    assert {first.backend} == {pods.edge.chosen("sessions.test", "/header", headers=sent) for _ in range(20)}


def test_sessions_outlive_changes_of_endpoints(pods: Pods) -> None:
    """While its endpoint is there a session stays; when it goes, the session moves on, and stays there."""
    first = next(each for each in (pods.edge.ask("sessions.test", "/cookie") for _ in range(50)) if each.backend == "a")
    sent = {"cookie": cookie(first.headers)}

    pods.serve("same", "a", "b")
    assert {"a"} == {pods.edge.chosen("sessions.test", "/cookie", headers=sent) for _ in range(10)}

    pods.serve("same", "b", "c")
    eventually(lambda: pods.edge.chosen("sessions.test", "/cookie", headers=sent), lambda chosen: chosen in {"b", "c"})
    moved = pods.edge.ask("sessions.test", "/cookie", headers=sent)
    assert moved.backend in {"b", "c"}
    after = {"cookie": cookie(moved.headers)}
    assert {moved.backend} == {pods.edge.chosen("sessions.test", "/cookie", headers=after) for _ in range(10)}


def test_weights_choose_for_new_sessions_only(pods: Pods) -> None:
    """Who has no session is divided 70 to 30; a session stays with its endpoint, even at a weight of 0."""
    firsts = [pods.edge.ask("sessions.test", "/split") for _ in range(300)]
    by_service = Counter(each.backend in SAME for each in firsts)
    assert 160 <= by_service[True] <= 260
    of_each = {each.backend: {"cookie": cookie(each.headers)} for each in firsts}
    assert {*SAME, *OTHERS} == of_each.keys()
    for backend, sent in of_each.items():
        assert {backend} == {pods.edge.chosen("sessions.test", "/split", headers=sent) for _ in range(5)}

    pods.edge.server.apply("sessions", route("sessions", RULES.replace("weight: 70", "weight: 0")))

    new = eventually(lambda: {pods.edge.chosen("sessions.test", "/split") for _ in range(30)}, lambda seen: seen <= set(OTHERS))
    assert set(OTHERS) == new
    for backend, sent in of_each.items():
        assert {backend} == {pods.edge.chosen("sessions.test", "/split", headers=sent) for _ in range(5)}
