"""Changes that come faster than Envoy can confirm them: still every request is answered by somebody who should."""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import pytest

from tests.e2e.edge import Edge
from tests.support.load import Load
from tests.support.objects import route, service, to

TURNS = 150

Write = Callable[[int], Sequence[str]]


def flipping(edge: Edge) -> Write:
    """A route that points to one backend and then to the other; each is a cluster only while it is pointed at."""
    del edge
    return lambda turn: (route("changing", to(("one", "two")[turn % 2])),)


def replaced(edge: Edge) -> Write:
    """A Service whose endpoints are others each time."""
    ports = [edge.backends[name].port for name in ("one", "two")]
    return lambda turn: (service("target", ports[turn % 2]), route("changing", to("target")))


def renamed(edge: Edge) -> Write:
    """A route with a Service of its own that is called something else each time."""
    port = edge.backends["one"].port
    return lambda turn: (service(f"target-{turn % 3}", port), route("changing", to(f"target-{turn % 3}")))


def moved(edge: Edge) -> Write:
    """A host that belongs to one route and then to another."""
    del edge
    hosts = (["changing.test"], ["elsewhere.test"])
    return lambda turn: (
        route("left", to("one"), hostnames=hosts[turn % 2]),
        route("right", to("two"), hostnames=hosts[1 - turn % 2]),
    )


def shifted(edge: Edge) -> Write:
    """Weights that wander from one backend to the other, and rules that come and go in front."""
    del edge
    front = "- {matches: [{path: {value: /front}}], backendRefs: [{name: three, port: 80}]}\n"
    return lambda turn: (
        route(
            "changing",
            front * (turn % 3)
            + f"- backendRefs: [{{name: one, port: 80, weight: {turn % 5}}}, {{name: two, port: 80, weight: {4 - turn % 5}}}]",
        ),
    )


@pytest.mark.parametrize("how", [flipping, replaced, renamed, moved, shifted])
def test_nothing_is_lost_however_quick_the_changes(edge: Edge, how: Callable[[Edge], Write]) -> None:
    """Written every few milliseconds, some at once, and not waited for."""
    texts, pauses = how(edge), random.Random(how.__name__)  # noqa: S311 - the same pauses each time
    edge.server.apply("changing", *texts(0))
    edge.server.apply("steady", route("steady", to("three")))
    with ExitStack() as stack:
        loads = [stack.enter_context(Load(edge.port, host)) for host in ("changing.test", "steady.test")]
        for turn in range(TURNS):
            edge.server.put("changing", *texts(turn))
            time.sleep(pauses.choice((0, 0, 0.002, 0.005, 0.01, 0.02)))
        edge.server.apply("changing", *texts(0))
        for load in loads:
            load.wait_for(50)
    assert [{"200": load.total} for load in loads] == [load.answers for load in loads]
    assert {"three"} == loads[1].backends.keys()
    edge.server.tidy("edge")
