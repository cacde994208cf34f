"""While the configuration changes, every request is answered, and by who should answer it at the time."""

import threading
import time
from collections import Counter
from contextlib import closing
from http.client import HTTPException

from tests.e2e.edge import Edge
from tests.support.clients import Connection, answers, ask
from tests.support.load import Load
from tests.support.objects import gateway, route, service, to
from tests.support.ports import free_port

ADDED = 50


def test_a_route_flips_between_backends(edge: Edge) -> None:
    """Each flip takes effect, and none costs a request."""
    flips = {name: route("flip", to(name)) for name in ("one", "two")}
    edge.server.apply("flip", flips["one"])
    chosen = []
    with Load(edge.port, "flip.test") as load:
        for _ in range(15):
            for name in ("two", "one"):
                edge.server.apply("flip", flips[name])
                chosen.append(edge.chosen("flip.test"))
        load.wait_for(50)
    assert ["two", "one"] * 15 == chosen
    assert {"200": load.total} == load.answers
    assert {"one", "two"} == load.backends.keys()


def test_rules_are_inserted_in_front(edge: Edge) -> None:
    """What other rules serve does not move when rules are put before them and taken away again."""
    last = "- {matches: [{path: {value: /}}], backendRefs: [{name: one, port: 80}]}\n"
    texts = [
        "".join(f"- {{matches: [{{path: {{value: /{n}}}}}], backendRefs: [{{name: two, port: 80}}]}}\n" for n in range(count))
        + last
        for count in (*range(10), *range(9, -1, -1))
    ]
    edge.server.apply("front", route("front", texts[0]))
    with Load(edge.port, "front.test", "/path") as load:
        for text in texts:
            edge.server.apply("front", route("front", text))
        load.wait_for(50)
    assert {"200": load.total} == load.answers
    assert {"one": load.total} == load.backends


def test_endpoints_are_replaced(edge: Edge) -> None:
    """A Service whose endpoints are all replaced, again and again, goes on being served."""
    edge.server.apply(
        "replaced",
        service("replaced", edge.backends["one"].port),
        route("replaced", to("replaced")),
    )
    with Load(edge.port, "replaced.test") as load:
        for turn in range(20):
            name = ("two", "one")[turn % 2]
            edge.server.apply(
                "replaced",
                service("replaced", edge.backends[name].port),
                route("replaced", to("replaced")),
            )
            assert name == edge.chosen("replaced.test")
        load.wait_for(50)
    assert {"200": load.total} == load.answers


def test_a_host_moves_between_routes(edge: Edge) -> None:
    """A host leaves one route and joins another in one edit: somebody has it at every moment."""

    def split(first: list[str], second: list[str]) -> tuple[str, str]:
        rules = (to(name) for name in ("one", "two"))
        hosts = (["left.test", *first], ["right.test", *second])
        left, right = (
            route(name, rule, hostnames=given) for name, rule, given in zip(("left", "right"), rules, hosts, strict=True)
        )
        return left, right

    edge.server.apply("moves", *split(["moved.test"], []))
    chosen = []
    with Load(edge.port, "moved.test") as load:
        for _ in range(10):
            edge.server.apply("moves", *split([], ["moved.test"]))
            chosen.append(edge.chosen("moved.test"))
            edge.server.apply("moves", *split(["moved.test"], []))
            chosen.append(edge.chosen("moved.test"))
        load.wait_for(50)
    assert ["two", "one"] * 10 == chosen
    assert {"200": load.total} == load.answers


def test_listeners_come_and_go_on_other_ports(edge: Edge) -> None:
    """A Gateway that gets a listener more, or one fewer, serves the others throughout."""
    ports = [free_port() for _ in range(4)]

    def listeners(count: int) -> str:
        return "\n".join(f"- {{name: l{n}, protocol: HTTP, port: {port}}}" for n, port in enumerate(ports[:count]))

    edge.server.apply(
        "ports",
        gateway("ports", listeners(1)),
        route("ports", to("one"), parents="- name: ports"),
    )
    answers(lambda: ask(ports[0], "ports.test"), 200)
    with Load(ports[0], "ports.test") as load:
        for count in (2, 3, 4, 3, 2, 1, 4, 1):
            edge.server.apply(
                "ports",
                gateway("ports", listeners(count)),
                route("ports", to("one"), parents="- name: ports"),
            )
            assert 200 == ask(ports[count - 1], "ports.test").status
        load.wait_for(50)
    assert {"200": load.total} == load.answers
    edge.server.remove("ports")


def test_routes_that_appear(edge: Edge) -> None:
    """A host that is polled while its route is made, each with a Service of its own, is 404 and then 200 for good; never 5xx."""
    seen: dict[str, list[int | str]] = {f"added-{number}.test": [] for number in range(ADDED)}
    done = threading.Event()

    def poll() -> None:
        with closing(Connection(edge.port)) as connection:
            while not done.is_set():
                for host, statuses in seen.items():
                    try:
                        status: int | str = connection.ask(host).status
                    except (OSError, HTTPException) as error:
                        status = repr(error)
                    if statuses[-1:] != [status]:
                        statuses.append(status)

    poller = threading.Thread(target=poll)
    poller.start()
    try:
        for number in range(ADDED):
            name = f"added-{number}"
            edge.server.put(name, service(name, edge.backends["one"].port), route(name, to(name)))
            time.sleep(0.01)
        edge.server.sync()
        time.sleep(0.3)
    finally:
        done.set()
        poller.join()
    # One that was served before it was first asked for has no 404.
    assert {(404, 200)} == {tuple(statuses) for statuses in seen.values()} - {(200,)}
    edge.server.remove(*(f"added-{number}" for number in range(ADDED)))


def test_routes_that_leave_take_nothing_with_them(edge: Edge) -> None:
    """A route that goes with its Service is 200 and then 404: it never points at what is gone already."""
    counted: Counter[tuple[str, ...]] = Counter()
    for turn in range(10):
        name = f"leaving-{turn}"
        edge.server.apply(name, service(name, edge.backends["one"].port), route(name, to(name)))
        with Load(edge.port, f"{name}.test") as load:
            load.wait_for(10)
            edge.server.remove(name)
            load.wait_for(10)
        counted[tuple(sorted(load.answers))] += 1
    assert {("200", "404"): 10} == counted
