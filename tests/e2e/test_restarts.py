"""A control plane that is killed while much changes, and started again to a folder that has changed meanwhile."""

import random
import signal
import time

import pytest

from tests.e2e.edge import Edge
from tests.support.load import Load
from tests.support.objects import route, service, to

KILLS = 8


@pytest.mark.timeout(180)  # eight starts, each a second on a machine that does nothing else
def test_a_control_plane_is_killed_amid_changes(edge: Edge) -> None:
    """What the next one finds other than Envoy has it is made first and removed last, as always: nobody is without an answer."""
    server, ports = edge.server, [edge.backends[name].port for name in ("one", "two")]
    pauses = random.Random(1)  # noqa: S311 - the same history each time

    def write(turn: int) -> None:
        target = f"target-{turn % 3}"  # each is a cluster only while the route points to it
        server.put("changing", service(target, ports[turn % 2]), route("changing", to(target)))

    write(0)
    server.sync()
    turn = 0
    with Load(edge.port, "changing.test") as load:
        for _ in range(KILLS):
            for _ in range(pauses.randrange(1, 12)):
                turn += 1
                write(turn)
                time.sleep(pauses.choice((0, 0.003, 0.01)))
            server.stop(signal.SIGKILL)
            for _ in range(pauses.randrange(1, 4)):
                turn += 1
                write(turn)
            server.start()
        load.wait_for(50)
    assert {"200": load.total} == load.answers
