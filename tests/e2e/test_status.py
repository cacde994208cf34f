"""What the server tells of what it serves: statuses, the status command, files of statuses, metrics and health."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml

from tests.e2e.edge import Edge
from tests.support.clients import answers, ask
from tests.support.objects import GATEWAY_CLASS, gateway, route, service, to
from tests.support.ports import free_port, listens
from tests.support.serving import JSON, Serving, summary
from tests.support.waiting import eventually

ROUTE_KINDS = [{"group": "gateway.networking.k8s.io", "kind": kind} for kind in ("HTTPRoute", "GRPCRoute")]


@pytest.fixture(autouse=True)
def tidy(edge: Edge) -> Iterator[None]:
    """Each test finds the folder as it was made."""
    yield
    edge.server.tidy("edge")


def true(kind: str, message: str) -> JSON:
    """A condition of generation 1 that is True, as it is told but for its time."""
    return {"type": kind, "status": "True", "reason": kind, "message": message, "observedGeneration": 1}


def without_times(conditions: list[JSON]) -> list[JSON]:
    """Conditions whose times are left out."""
    return [{name: value for name, value in each.items() if name != "lastTransitionTime"} for each in conditions]


def test_the_whole_status_of_a_gateway(edge: Edge) -> None:
    """Every field, as a cluster would show it."""
    expected = {
        "addresses": [{"type": "IPAddress", "value": "127.0.0.1"}],
        "conditions": [
            true("Accepted", "The Gateway has been scheduled by Gatewright"),
            true("Programmed", "Envoy has accepted the configuration"),
            true("ResolvedRefs", "Resolved all the Object references of the Gateway's TLS"),
        ],
        "listeners": [
            {
                "name": "http",
                "supportedKinds": ROUTE_KINDS,
                "attachedRoutes": 1,
                "conditions": [
                    true("Accepted", "Listener has been successfully translated"),
                    true("Programmed", "Envoy has accepted the listener"),
                    true("ResolvedRefs", "Listener references have been resolved"),
                ],
            }
        ],
    }
    found = edge.server.status("Gateway", "edge")
    for holder in (found, *found["listeners"]):
        holder["conditions"] = without_times(holder["conditions"])
    assert expected == found


def test_the_whole_status_of_a_route(edge: Edge) -> None:
    """One entry for each parent of ours, in the route's order, with the parentRef and its defaults."""
    edge.server.apply("told", route("told", to("one"), parents="- {name: edge, sectionName: http}\n- {name: nobody}"))
    expected = [
        {
            "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge", "sectionName": "http"},
            "controllerName": "gateway.envoyproxy.io/gatewayclass-controller",
            "conditions": [
                true("Accepted", "Route is accepted"),
                true("ResolvedRefs", "Resolved all the Object references for the Route"),
            ],
        }
    ]
    parents = edge.server.status("HTTPRoute", "told")["parents"]
    for parent in parents:
        parent["conditions"] = without_times(parent["conditions"])
    assert expected == parents


def test_generations(edge: Edge) -> None:
    """An edit of the spec counts as a generation and is observed as such; one of labels, or of comments, is none."""
    server = edge.server

    def observed() -> tuple[int, set[int]]:
        (found,) = server.statuses("HTTPRoute", "aged")
        return found["metadata"]["generation"], {
            each["observedGeneration"] for each in found["status"]["parents"][0]["conditions"]
        }

    text = route("aged", to("one"))
    server.apply("aged", text)
    assert (1, {1}) == observed()
    server.apply("aged", route("aged", to("two")))
    assert (2, {2}) == observed()
    server.apply("aged", "# A comment.", route("aged", to("two")).replace("{name: aged, ", "{name: aged, labels: {a: b}, ", 1))
    assert (2, {2}) == observed()
    server.apply("aged", text)
    assert (3, {3}) == observed()


def test_a_transition_time_tells_when_the_verdict_changed(edge: Edge) -> None:
    """Another message or generation leaves it; another verdict moves it."""
    server = edge.server

    def resolved() -> tuple[str, str]:
        (parent,) = server.status("HTTPRoute", "timed")["parents"]
        (found,) = (each for each in parent["conditions"] if each["type"] == "ResolvedRefs")
        return found["status"], found["lastTransitionTime"]

    server.apply("timed", route("timed", to("one")))
    first = resolved()
    server.apply("timed", route("timed", to("two")))
    assert first == resolved()

    def broken() -> tuple[str, str]:
        server.apply("timed", route("timed", to("nobody")))
        moved = resolved()
        server.apply("timed", route("timed", to("one")))
        return moved

    status, when = eventually(broken, lambda told: told[1] > first[1])  # times are in whole seconds
    assert ("False", True) == (status, when > first[1])


def test_attached_routes(edge: Edge) -> None:
    """A listener counts the routes that it takes, whether their backends exist or not, and no others."""
    server = edge.server
    server.apply(
        "counted",
        route("counted-1", to("one")),
        route("counted-2", to("nobody")),
        route("counted-3", to("one"), parents="- {name: edge, sectionName: https}"),
        route("counted-4", to("one"), parents="- {name: edge, namespace: default}", namespace="elsewhere"),
    )
    assert 3 == server.listener("edge", "http")["attachedRoutes"]
    server.remove("counted")
    assert 1 == server.listener("edge", "http")["attachedRoutes"]


def test_programmed_is_true_when_the_port_answers(edge: Edge) -> None:
    """A new Gateway, watched closely, is never called programmed before its port takes connections."""
    port = free_port()
    listener = f"- {{name: http, protocol: HTTP, port: {port}}}"
    edge.server.put("late", gateway("late", listener), route("late", to("one"), parents="- name: late"))

    def programmed() -> bool:
        found = edge.server.statuses("Gateway", "late")
        return bool(found and found[0]["status"]) and summary(found[0]["status"]["conditions"])["Programmed"] == "Programmed"

    eventually(programmed, bool)
    assert 200 == ask(port, "late.test").status
    edge.server.remove("late")
    eventually(lambda: listens(port), lambda there: not there)
    assert [] == edge.server.statuses("Gateway", "late")


def test_a_gateway_without_routes(server: Serving) -> None:
    """It is ready at once, and answers 404 to everything."""
    port = free_port()
    server.put("all", GATEWAY_CLASS, gateway("bare", f"- {{name: http, protocol: HTTP, port: {port}}}"))
    server.start(seconds=10)
    assert 404 == ask(port, "any.test").status
    assert "Programmed" == summary(server.status("Gateway", "bare")["conditions"])["Programmed"]


def test_a_gateway_with_nothing_to_serve(server: Serving) -> None:
    """A Gateway whose listeners are all wrong is as ready as it can be, and says what is wrong; mended, it serves."""
    port = free_port()
    listener = f"- {{name: https, protocol: HTTPS, port: {port}, tls: {{certificateRefs: [{{name: nobody}}]}}}}"
    server.put("all", GATEWAY_CLASS, gateway("wrong", listener))
    server.start(seconds=10)
    assert "-Invalid" == summary(server.status("Gateway", "wrong")["conditions"])["Programmed"]
    assert not listens(port)
    server.put("all", GATEWAY_CLASS, gateway("wrong", f"- {{name: http, protocol: HTTP, port: {port}}}"))
    assert 404 == answers(lambda: ask(port, "any.test"), 404).status


def test_objects_of_others(edge: Edge) -> None:
    """A GatewayClass of another controller, its Gateways and their routes get no status from us."""
    other = GATEWAY_CLASS.replace("gatewright", "other").replace("gateway.envoyproxy.io/", "other.example.com/")
    gateway_of_other = gateway("other", f"- {{name: http, protocol: HTTP, port: {free_port()}}}").replace(
        "gatewayClassName: gatewright", "gatewayClassName: other"
    )
    edge.server.apply("other", other, gateway_of_other, route("other", to("one"), parents="- name: other"))
    assert [] == [
        each["status"]
        for kind in ("GatewayClass", "Gateway", "HTTPRoute")
        for each in edge.server.statuses(kind, "other")
        if each["status"]
    ]
    assert 1 == len(edge.server.envoys())


def test_the_status_command(edge: Edge) -> None:
    """Text for people with the reason first, JSON and YAML for programs; exit codes say whether all is well."""
    server = edge.server
    well = server.command("status")
    assert (0, True) == (well.returncode, well.stdout.startswith("All is well: ")), well.stdout
    server.apply("wrong", route("wrong", to("nobody")))
    text = server.command("status")
    assert 1 == text.returncode
    places = [text.stdout.index(words) for words in ("HTTPRoute default/wrong", "Service default/nobody not found", "KIND")]
    assert sorted(places) == places
    one = server.command("status", "httproute/wrong", "-o", "json")
    assert (1, server.status("HTTPRoute", "wrong")) == (one.returncode, json.loads(one.stdout)["status"])
    fine = server.command("status", "hr/base", "-o", "yaml")
    assert (0, server.status("HTTPRoute", "base")) == (fine.returncode, yaml.safe_load(fine.stdout)["status"])
    everything = json.loads(server.command("status", "-o", "json").stdout)
    assert {"Gateway", "GatewayClass", "HTTPRoute"} <= {each["kind"] for each in everything["items"]}
    nobody = server.command("status", "httproute/nobody")
    assert (1, "") == (nobody.returncode, nobody.stdout)


def test_status_follows_changes(edge: Edge) -> None:
    """`status --watch -o json` prints what there is, then each change as it is published, one JSON object a line."""
    command = (
        sys.executable,
        "-m",
        "gatewright",
        "status",
        "hr/seen",
        "--watch",
        "-o",
        "json",
        "--state-dir",
        str(edge.server.state),
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        try:
            edge.server.apply("seen", route("seen", to("one")))
            events = [json.loads(watching.stdout.readline())]
            edge.server.apply("seen", route("seen", to("nobody")))
            events.append(json.loads(watching.stdout.readline()))
            edge.server.remove("seen")
            events.append(json.loads(watching.stdout.readline()))
        finally:
            watching.terminate()
    reasons = [summary(each["object"]["status"]["parents"][0]["conditions"])["ResolvedRefs"] for each in events]
    assert ["ADDED", "MODIFIED", "DELETED"] == [each["type"] for each in events]
    assert ["ResolvedRefs", "-BackendNotFound", "-BackendNotFound"] == reasons


def fetched(port: int, path: str) -> tuple[int, str]:
    """Status and text of one of the server's own addresses."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@contextmanager
def observed(server: Serving) -> Iterator[dict[str, int]]:
    """The server with ports for admin, metrics and health, and with files of statuses; with a Gateway and a route."""
    ports = {name: free_port() for name in ("admin", "metrics", "health", "gateway")}
    addresses = (argument for name in ("admin", "metrics", "health") for argument in (f"--{name}-address", str(ports[name])))
    server.arguments = (*addresses, "--status-dir", str(server.folder.with_name("statuses")))
    server.put(
        "all",
        GATEWAY_CLASS,
        gateway("edge", f"- {{name: http, protocol: HTTP, port: {ports['gateway']}}}"),
        service("nobody"),
        route("kept", to("nobody")),
    )
    server.start()
    yield ports


def test_metrics_health_and_admin_addresses(server: Serving) -> None:
    """Each has an address of its own; readyz says why it is not ready; metrics count what there is."""
    with observed(server) as ports:
        assert (200, "ok\n") == fetched(ports["health"], "/healthz")
        assert (200, "ok\n") == fetched(ports["health"], "/readyz")
        assert 404 == fetched(ports["health"], "/metrics")[0]
        (told,) = json.loads(fetched(ports["admin"], "/api/status?kind=HTTPRoute")[1])
        assert "kept" == told["metadata"]["name"]
        samples = fetched(ports["metrics"], "/metrics")[1]
        assert all(
            line in samples
            for line in (
                'gatewright_objects{kind="HTTPRoute"} 1.0',
                'gatewright_proxies{phase="Running"} 1.0',
                "gatewright_ready 1.0",
                "gatewright_source_problems 0.0",
                'gatewright_proxy_connected{proxy="default/edge"} 1.0',
            )
        )


def test_files_of_statuses(server: Serving) -> None:
    """--status-dir holds what the admin interface tells, a file for each object, gone with it; a restart keeps them."""
    with observed(server):
        path = server.folder.with_name("statuses") / "httproute" / "default" / "kept.yaml"
        eventually(path.exists, bool)
        written = yaml.safe_load(path.read_text())
        assert ("HTTPRoute", "kept", server.status("HTTPRoute", "kept")) == (
            written["kind"],
            written["metadata"]["name"],
            written["status"],
        )
        assert 0 == server.stop()
        assert path.exists()
        server.start()
        server.put("all", GATEWAY_CLASS)
        eventually(path.exists, lambda there: not there)


def test_readiness_before_envoy_serves(server: Serving) -> None:
    """While an Envoy cannot start, readyz is 503 and names the proxy and the reason; healthz is 200 all the same."""
    broken = server.folder.with_name("no-envoy")
    broken.write_text("#!/bin/sh\necho 'out of order' >&2\nexit 1\n")
    broken.chmod(0o755)
    server.arguments = ("--envoy", str(broken))
    server.put("all", GATEWAY_CLASS, gateway("edge", f"- {{name: http, protocol: HTTP, port: {free_port()}}}"))
    server.start(ready=False)
    status, reasons = eventually(lambda: server.get("/readyz"), lambda answer: "out of order" in answer[1])
    assert (503, True) == (status, "proxy default/edge" in reasons)
    assert (200, "ok\n") == server.get("/healthz")
    eventually(
        lambda: [each["message"] for each in server.status("Gateway", "edge").get("conditions", ())],
        lambda messages: any("out of order" in message for message in messages),
    )
