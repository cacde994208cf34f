"""Ports that somebody else has: told in the status, and taken when they are free."""

import socket
import time

from tests.e2e.edge import Edge
from tests.support.clients import answers, ask
from tests.support.objects import gateway, route, to
from tests.support.ports import free_port
from tests.support.serving import summary
from tests.support.waiting import eventually


def busy(port: int, other: int) -> tuple[str, str]:
    """A Gateway with a listener on each port, and a route."""
    listeners = f"- {{name: taken, protocol: HTTP, port: {port}}}\n- {{name: free, protocol: HTTP, port: {other}}}"
    return gateway("busy", listeners), route("busy", to("one"), parents="- name: busy")


def test_a_port_in_use(edge: Edge) -> None:
    """Its listener says so in Envoy's words, in status and log, and the others of the Gateway serve."""
    server, port, other = edge.server, free_port(), free_port()
    with socket.create_server(("0.0.0.0", port)):
        server.apply("busy", *busy(port, other))
        answers(lambda: ask(other, "busy.test"), 200)
        eventually(lambda: summary(server.listener("busy", "free")["conditions"])["Programmed"], lambda now: now == "Programmed")
        taken = server.listener("busy", "taken")["conditions"]
        assert "-Invalid" == summary(taken)["Programmed"]
        assert any("Address already in use" in each["message"] for each in taken if each["type"] == "Programmed")
        assert any("Address already in use" in str(each) for each in server.logged() if each["level"] == "warning")
        assert "-Invalid" == summary(server.status("Gateway", "busy")["conditions"])["Programmed"]
    server.remove("busy")


def test_a_port_that_becomes_free(edge: Edge) -> None:
    """It is taken without being asked again, and the status follows."""
    server, port, other = edge.server, free_port(), free_port()
    with socket.create_server(("0.0.0.0", port)):
        server.apply("busy", *busy(port, other))
        answers(lambda: ask(other, "busy.test"), 200)
    assert "one" == answers(lambda: ask(port, "busy.test"), 200, seconds=20).backend
    eventually(lambda: summary(server.status("Gateway", "busy")["conditions"])["Programmed"], lambda now: now == "Programmed")
    server.remove("busy")


def test_two_gateways_on_one_port(edge: Edge) -> None:
    """A port of a machine belongs to one Gateway: the other one's listener is not programmed, and nobody gets its requests."""
    server = edge.server
    server.apply("here", route("here", to("one")))
    other = free_port()
    server.apply(
        "rival",
        gateway("rival", f"- {{name: same, protocol: HTTP, port: {edge.port}}}\n- {{name: own, protocol: HTTP, port: {other}}}"),
        route("rival", to("two"), parents="- name: rival"),
    )
    answers(lambda: ask(other, "rival.test"), 200)
    time.sleep(0.3)
    assert {"one"} == {edge.chosen("here.test") for _ in range(50)}
    assert "Programmed" == summary(server.listener("edge", "http")["conditions"])["Programmed"]
    assert summary(server.listener("rival", "same")["conditions"])["Programmed"].startswith("-")
    server.remove("rival")
