"""Processes that die, and a server that is told to stop: what clients notice of it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from tests.e2e.edge import Edge, edge_with_backends
from tests.support.clients import Answer, answers
from tests.support.load import Load
from tests.support.objects import route, to
from tests.support.ports import listens
from tests.support.serving import DRAIN_SECONDS
from tests.support.waiting import eventually

RULE = to("one")


@pytest.fixture
def own_edge() -> Iterator[Edge]:
    """A server that a test may do anything to."""
    with edge_with_backends() as made:
        made.server.apply("here", route("here", RULE))
        yield made


def test_a_killed_control_plane_is_not_missed(own_edge: Edge) -> None:
    """Envoy serves on while nobody controls it; the next control plane adopts it as it is, with what changed meanwhile."""
    server = own_edge.server
    (envoy,) = server.envoys()
    with Load(own_edge.port, "here.test") as load:
        for turn in range(2):
            load.wait_for(50)
            assert -signal.SIGKILL == server.stop(signal.SIGKILL)
            load.wait_for(50)
            server.put("meanwhile", route("meanwhile", RULE, hostnames=[f"meanwhile-{turn}.test"]))
            server.start()
            assert "one" == own_edge.chosen(f"meanwhile-{turn}.test")
            server.apply("after", route("after", RULE, hostnames=[f"after-{turn}.test"]))
            assert "one" == own_edge.chosen(f"after-{turn}.test")
        load.wait_for(50)
    assert {"200": load.total} == load.answers
    assert [envoy] == server.envoys()
    assert "404" == own_edge.chosen("meanwhile-0.test")


def test_a_killed_envoy_is_back_at_once(own_edge: Edge) -> None:
    """It is started again with all its configuration; the metric counts it, and the state says so in the end."""
    server = own_edge.server
    (first,) = server.envoys()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: first in server.envoys(), lambda there: not there)
    began = time.monotonic()
    answers(lambda: own_edge.ask("here.test"), 200, seconds=5)
    assert time.monotonic() - began < 3
    (second,) = eventually(server.envoys, lambda found: len(found) == 1)
    assert first != second
    eventually(server.is_ready, bool)
    (proxy,) = server.json("/api/proxies")
    assert ("Running", second) == (proxy["phase"], proxy["pid"])
    assert 1 == server.metric("gatewright_proxy_restarts_total")
    server.apply("after", route("after", RULE))
    assert "one" == own_edge.chosen("after.test")


def test_a_clean_stop_finishes_what_was_begun(own_edge: Edge) -> None:
    """Requests under way when the server is told to stop are answered; then it ends with 0, and with it its Envoys."""
    under_way: list[Answer] = []
    clients = [
        threading.Thread(target=lambda: under_way.append(own_edge.ask("here.test", "/slow/1.5")), daemon=True) for _ in range(4)
    ]
    for client in clients:
        client.start()
    eventually(lambda: len(own_edge.backends["one"].seen), lambda arrived: arrived == len(clients))
    assert 0 == own_edge.server.stop()
    for client in clients:
        client.join(5)
    assert [HTTPStatus.OK] * len(clients) == [answer.status for answer in under_way]
    assert [] == own_edge.server.envoys()
    assert not listens(own_edge.port)


def test_a_stop_does_not_wait_for_ever(own_edge: Edge) -> None:
    """What takes longer than --drain-seconds is broken off, and the server ends all the same."""
    began = stop_with_a_request_under_way(own_edge)
    assert 0 == own_edge.server.wait()
    assert DRAIN_SECONDS - 1 < time.monotonic() - began < DRAIN_SECONDS + 4
    assert [] == own_edge.server.envoys()


def test_told_twice_the_server_stops_at_once(own_edge: Edge) -> None:
    """A second signal says not to wait for anybody."""
    began = stop_with_a_request_under_way(own_edge)
    time.sleep(0.5)
    assert 0 == own_edge.server.stop()
    assert time.monotonic() - began < DRAIN_SECONDS - 1
    assert [] == own_edge.server.envoys()


def stop_with_a_request_under_way(edge: Edge) -> float:
    """Tell the server to stop while a backend takes its time; returns when that was."""
    client = threading.Thread(target=ask_in_vain, args=(edge,), daemon=True)
    client.start()
    eventually(lambda: len(edge.backends["one"].seen), lambda arrived: arrived == 1)
    edge.server.send(signal.SIGTERM)
    return time.monotonic()


def ask_in_vain(edge: Edge) -> None:
    """A request that is broken off."""
    with pytest.raises(OSError, match=r"reset|closed|aborted"):
        edge.ask("here.test", "/slow/20")


def test_the_same_folder_is_served_again_after_a_stop(own_edge: Edge) -> None:
    """Stopped and started, the server serves as before, with new Envoys."""
    before = own_edge.server.envoys()
    assert 0 == own_edge.server.stop(signal.SIGINT)
    own_edge.server.start()
    assert "one" == own_edge.chosen("here.test")
    assert not set(before) & set(own_edge.server.envoys())


def test_two_servers_do_not_share_a_state_folder(own_edge: Edge) -> None:
    """The second one ends with one line that says why; the first goes on."""
    other = own_edge.server.command("serve", str(own_edge.server.folder))
    assert (3, 1) == (other.returncode, other.stderr.count("\n")), other.stderr
    assert "error:" in other.stderr
    assert str(own_edge.server.state) in other.stderr
    assert "one" == own_edge.chosen("here.test")
