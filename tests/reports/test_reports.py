"""Reports on the example of two teams, and on what goes wrong in it."""

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from gatewright.api.admission import Admitted, admit
from gatewright.flow import World
from gatewright.graph.settings import GraphSettings
from gatewright.reports import REPORTS
from gatewright.translation import settled

TEAMS: Final = Path(__file__).resolve().parents[2] / "examples" / "teams"
NOW: Final = 1_780_000_000


def world(*texts: str) -> World:
    """The example, with these documents besides or in place of its own."""
    files = [path.read_text() for path in sorted(TEAMS.glob("*.yaml"))]
    found: dict[tuple[str, str, str], Admitted] = {}
    for document in (each for text in (*files, *texts) for each in yaml.safe_load_all(text)):
        admitted = admit(document)
        assert isinstance(admitted, Admitted), admitted
        found[admitted.kind.name, *admitted.key] = admitted
    return settled(found.values(), GraphSettings(), NOW)


def report(which: str, of: World, /, **query: str) -> Any:  # noqa: ANN401 - JSON
    """A report as its readers get it."""
    return msgspec.json.decode(msgspec.json.encode(REPORTS[which](of, query)))


def route(name: str, parent: str, *, namespace: str = "blue", hostname: str = "blue.apps.example.com", to: str = "two") -> str:
    """An HTTPRoute with one rule."""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: "2026-01-01T00:00:00Z"}}
spec:
  parentRefs: [{parent}]
  hostnames: [{hostname!r}]
  rules: [{{backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: {to}}}]}}]
"""


def test_what_each_namespace_may_attach_to() -> None:
    """A listener lists the namespaces that its allowedRoutes come to; for one of a set, `Same` is the set's."""
    listeners = report("access", world())["listeners"]
    told = ("declaredBy", "chosen", "namespaces", "attachedRoutes")
    assert {
        "apps": ("Gateway infra/shared", "Selector gateway=shared", ["blue", "red"], 1),
        "http": ("ListenerSet red/red", "Same", ["red"], 1),
        "internal": ("ListenerSet red/red", "Same", ["red"], 1),
    } == {each["listener"]: tuple(each[name] for name in told) for each in listeners}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"namespace": "red"}, ["apps", "http", "internal"]),
        ({"namespace": "blue"}, ["apps"]),
        ({"namespace": "infra"}, []),
        ({"kind": "GRPCRoute"}, ["http", "internal"]),
        ({"kind": "Service"}, []),
    ],
)
def test_a_report_is_narrowed(query: dict[str, str], expected: list[str]) -> None:
    """To the listeners that routes of one namespace, or of one kind, may attach to."""
    assert expected == [each["listener"] for each in report("access", world(), **query)["listeners"]]


def test_whose_listener_sets_a_gateway_takes() -> None:
    """By its allowedListeners, with the sets that it has and those that it refuses."""
    stranger = """
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: grey, namespace: grey}
spec: {parentRef: {name: shared, namespace: infra}, listeners: [{name: http, port: 8890, protocol: HTTP}]}
"""
    (gateway,) = report("access", world(stranger))["gateways"]
    assert {
        "gateway": "infra/shared",
        "chosen": "Selector gateway=shared",
        "namespaces": ["blue", "red"],
        "taken": ["red/red"],
        "refused": ["grey/grey"],
    } == gateway


def test_grants_and_who_uses_them() -> None:
    """Every reference into another namespace is found wherever it stands, with the grant that allows it, or among the refused."""
    objects = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: borrows, namespace: blue}
spec:
  parentRefs: [{name: shared, namespace: infra}]
  rules:
  - backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: one, namespace: red}]
    filters: [{type: RequestMirror, requestMirror: {backendRef: {name: stats, namespace: infra, port: 80}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: for-blue, namespace: red}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: blue}]
  to: [{group: gateway.envoyproxy.io, kind: Backend, name: one}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: for-nobody, namespace: red}
spec: {from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: blue}], to: [{group: "", kind: Service}]}
"""
    found = report("access", world(objects))
    used = {"referrer": "HTTPRoute blue/borrows", "path": "spec.rules[0].backendRefs[0]", "target": "Backend red/one"}
    mirror = "spec.rules[0].filters[0].requestMirror.backendRef"
    assert [
        {"grant": "red/for-blue", "source": ["HTTPRoutes of blue"], "target": ["Backend one"], "usedBy": [used]},
        {"grant": "red/for-nobody", "source": ["GRPCRoutes of blue"], "target": ["every Service"], "usedBy": []},
    ] == found["grants"]
    assert [{"referrer": "HTTPRoute blue/borrows", "path": mirror, "target": "Service infra/stats"}] == found["refused"]


def test_every_obstacle_of_a_listener_is_named() -> None:
    """With the object and the field that it stands in: kind, namespace, hostname; none for a listener that takes the route."""
    (attempt,) = report(
        "attachable", world(), kind="GRPCRoute", namespace="grey", hostnames="grey.example.com", to="infra/shared/apps"
    )
    assert ["allowedRoutes.kinds", "allowedRoutes.namespaces", "hostname"] == [
        each["path"].removeprefix("spec.listeners[0].") for each in attempt["obstacles"]
    ]
    taking = report("attachable", world(), kind="HTTPRoute", namespace="red", hostnames="x.apps.example.com,red.example.com")
    assert {
        "apps": ["x.apps.example.com"],
        "http": ["red.example.com"],
        "internal": ["x.apps.example.com", "red.example.com"],
    } == {each["listener"]: each["hosts"] for each in taking if not each["obstacles"]}


def test_a_route_that_works() -> None:
    """Says through which listeners, and has no advice."""
    found = report("route", world(), kind="HTTPRoute", namespace="red", name="red")
    (parent,) = found["parents"]
    assert {"http": ["red.example.com"], "internal": ["*"]} == {each["listener"]: each["hosts"] for each in parent["listeners"]}
    assert (True, []) == (found["works"], found["advice"])


@pytest.mark.parametrize(
    ("parent", "problem"),
    [
        ("{name: shared}", "there is no Gateway blue/shared; one of that name is in namespace infra"),
        ("{name: shard, namespace: infra}", "there is no Gateway infra/shard; there is infra/shared"),
        ("{kind: ListenerSet, name: red}", "there is no ListenerSet blue/red; one of that name is in namespace red"),
        ("{group: '', kind: Service, name: web}", "takes no routes; use Gateway or ListenerSet"),
        ("{name: shared, namespace: infra, sectionName: http}", "has no listener named http; it has apps (8888)"),
    ],
)
def test_a_parent_that_is_not_there(parent: str, problem: str) -> None:
    """What was meant is guessed, and a listener that would take the route is proposed."""
    found = report("route", world(route("lost", parent)), kind="HTTPRoute", namespace="blue", name="lost")
    assert problem in found["parents"][0]["problem"]
    proposal = "It could attach to {name: shared, namespace: infra, sectionName: apps} (port 8888, HTTP)."
    assert (False, [proposal]) == (found["works"], found["advice"])


def test_a_host_of_a_more_specific_listener() -> None:
    """Who has it is said by name."""
    taken = route("wide", "{kind: ListenerSet, name: red, sectionName: internal}", namespace="red", to="one")
    narrow = """
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: narrow, namespace: red}
spec:
  parentRef: {name: shared, namespace: infra}
  listeners: [{name: exact, port: 8889, protocol: HTTP, hostname: blue.apps.example.com}]
"""
    found = report("route", world(taken, narrow), kind="HTTPRoute", namespace="red", name="wide")
    (listener,) = found["parents"][0]["listeners"]
    assert [] == listener["hosts"]
    assert listener["taken"] == [
        "blue.apps.example.com belongs to listener exact of ListenerSet red/narrow, which is for blue.apps.example.com"
    ]


def test_a_match_that_an_older_route_has() -> None:
    """The younger route is told whose it is; the older one has no such problem."""
    older = route("older", "{name: shared, namespace: infra}")
    younger = older.replace("older", "younger").replace("2026-01", "2026-02")
    of = world(older, younger)
    told = report("route", of, kind="HTTPRoute", namespace="blue", name="younger")["rules"][0]["problems"]
    expected = "any path on blue.apps.example.com is taken by spec.rules[0] of HTTPRoute blue/older, which comes first"
    assert expected in told
    blue = report("route", of, kind="HTTPRoute", namespace="blue", name="older")["rules"][0]["problems"]
    assert not any("younger" in each for each in blue)


def test_backends_that_cannot_answer() -> None:
    """A Service without ready endpoints is no fault of the route's, so no condition tells; the report does."""
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: empty, namespace: blue}\nspec: {ports: [{port: 80}]}\n"
    rule = route("empty", "{name: shared, namespace: infra}").replace(
        "{group: gateway.envoyproxy.io, kind: Backend, name: two}", "{name: empty, port: 80}"
    )
    found = report("route", world(service, rule), kind="HTTPRoute", namespace="blue", name="empty")
    assert "Service blue/empty has no ready endpoints: its share of the requests is answered 503" in found["rules"][0]["problems"]


def test_a_route_that_nobody_declares() -> None:
    """Has no report."""
    assert report("route", world(), kind="HTTPRoute", namespace="blue", name="none") is None


def test_routes_of_streams() -> None:
    """A TCP listener has one route, the oldest; the others are told whose it is, and what the rule takes is every connection."""
    tcp = """
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: tcp, namespace: red}
spec: {parentRef: {name: shared, namespace: infra}, listeners: [{name: tcp, port: 5432, protocol: TCP}]}
"""
    older = """
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: older, namespace: red, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  parentRefs: [{kind: ListenerSet, name: tcp}]
  rules: [{backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: one}]}]
"""
    of = world(tcp, older, older.replace("older", "younger").replace("2026-01", "2026-02"))
    (rule,) = report("route", of, kind="TCPRoute", namespace="red", name="younger")["rules"]
    assert (["every connection"], ["Backend red/one"]) == (rule["matches"], rule["leadsTo"])
    assert ["a listener has one TCPRoute, and TCPRoute red/older is older"] == rule["problems"]
    assert report("route", of, kind="TCPRoute", namespace="red", name="older")["works"]
