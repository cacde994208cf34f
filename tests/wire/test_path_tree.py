"""The tree chooses what the linear form would: random rules in both forms are asked the same questions on one real Envoy."""

import http.client
import itertools
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.json_format import MessageToDict

from gatewright.api.admission import Admitted, admit
from gatewright.fleet.envoy_binary import find
from gatewright.graph.settings import CONTROLLER_NAME, GraphSettings
from gatewright.translation import translate
from gatewright.wire.resource import ROUTES
from tests.support.ports import LOOPBACK, free_port, listens
from tests.support.waiting import eventually

API: Final = "gateway.networking.k8s.io/v1"
HOSTS: Final = 40
RULES: Final = 14
PATHS: Final = ("/", "/a", "/ab", "/a/b", "/a/bc", "/a/b/c", "/b", "/b/a", "/a.b")
PATTERNS: Final = ("/a.*", "/[ab]", ".*/c", "/b/?.*")
ENDINGS: Final = ("", "/", "x", "/x", "?q=1", "/c?q=1")
HEADERS: Final[tuple[dict[str, str], ...]] = ({}, {"one": "1"}, {"one": "1", "two": "2"})
METHODS: Final = ("GET", "PUT")
MOVED: Final = {302}


def _match(choose: random.Random) -> dict[str, Any]:
    kind = choose.choices(("Exact", "PathPrefix", "RegularExpression"), (4, 8, 1))[0]
    path = {"type": kind, "value": choose.choice(PATTERNS if kind == "RegularExpression" else PATHS)}
    names = choose.choices(((), ("one",), ("one", "two")), (4, 1, 1))[0]
    headers = [{"name": name, "value": "12"[name == "two"]} for name in names]
    method = choose.choices((None, *METHODS), (6, 1, 1))[0]
    return {"path": path, "headers": headers} | ({"method": method} if method else {})


def _route(host: int, choose: random.Random) -> dict[str, Any]:
    """An HTTPRoute of random rules; each redirects to a host that says which rule it was."""
    rules = [
        {"matches": [_match(choose)], "filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": f"rule-{i}"}}]}
        for i in range(RULES)
    ]
    spec = {"parentRefs": [{"name": "edge"}], "hostnames": [f"host-{host}.test"], "rules": rules}
    return {"kind": "HTTPRoute", "apiVersion": API, "metadata": {"name": f"host-{host}"}, "spec": spec}


def _hosts(tree_from: int) -> list[dict[str, Any]]:
    """The virtual hosts of all random routes, as trees from so many routes on."""
    choose = random.Random(7)  # noqa: S311 - no secret
    settings = GraphSettings(tree_from=tree_from)
    gateway_class = {
        "kind": "GatewayClass",
        "apiVersion": API,
        "metadata": {"name": "c"},
        "spec": {"controllerName": CONTROLLER_NAME},
    }
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    spec = {"gatewayClassName": "c", "listeners": [listener]}
    gateway = {"kind": "Gateway", "apiVersion": API, "metadata": {"name": "edge"}, "spec": spec}
    verdicts = [admit(each) for each in (gateway_class, gateway, *(_route(host, choose) for host in range(HOSTS)))]
    translation = translate([each for each in verdicts if isinstance(each, Admitted)], settings, 0)
    (routes,) = [each for each in translation.resources["default/edge"] if each.type_url == ROUTES]
    hosts: list[dict[str, Any]] = MessageToDict(RouteConfiguration.FromString(routes.body))["virtualHosts"]
    return hosts


def _both_forms() -> Iterator[dict[str, Any]]:
    for form, tree_from in (("linear", RULES + 1), ("tree", RULES)):
        for host in _hosts(tree_from):
            assert ("matcher" in host) == (form == "tree")
            yield host | {"name": f"{form} {host['name']}", "domains": [f"{form}.{domain}" for domain in host["domains"]]}


def _bootstrap(port: int) -> dict[str, Any]:
    extension = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "router", "typedConfig": {"@type": f"{extension}.http.router.v3.Router"}}
    manager = {
        "@type": f"{extension}.network.http_connection_manager.v3.HttpConnectionManager",
        "statPrefix": "tree",
        "httpFilters": [router],
        "routeConfig": {"virtualHosts": list(_both_forms())},
    }
    chain = {"filters": [{"name": "http", "typedConfig": manager}]}
    address = {"socketAddress": {"address": LOOPBACK, "portValue": port}}
    return {"staticResources": {"listeners": [{"address": address, "filterChains": [chain]}]}}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real Envoy with every host in both forms."""
    binary = find()
    assert isinstance(binary, Path)
    listening = free_port()
    config = tmp_path_factory.mktemp("tree") / "envoy.json"
    config.write_text(json.dumps(_bootstrap(listening)))
    command = [str(binary), "-c", str(config), "--disable-hot-restart", "--concurrency", "1", "-l", "critical"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as envoy:
        try:
            eventually(lambda: envoy.poll() is not None or listens(listening), bool)
            assert envoy.poll() is None, envoy.communicate()[1]
            yield listening
        finally:
            envoy.kill()


@pytest.mark.parametrize("host", range(HOSTS))
def test_the_tree_answers_as_the_linear_form(port: int, host: int) -> None:
    """Whatever path, query, headers and method: both forms give the same rule's answer, or both 404."""
    connection = http.client.HTTPConnection(LOOPBACK, port)
    questions = itertools.product(dict.fromkeys(path + end for path in PATHS for end in ENDINGS), HEADERS, METHODS)

    def ask(form: str, path: str, headers: dict[str, str], method: str) -> tuple[int, str | None]:
        connection.request(method, path, headers={"host": f"{form}.host-{host}.test", **headers})
        response = connection.getresponse()
        response.read()
        return response.status, response.headers["location"]

    answers = [(question, ask("linear", *question), ask("tree", *question)) for question in questions]
    connection.close()
    assert [] == [question for question, linear, by_tree in answers if linear != by_tree]
    assert MOVED <= {status for _, (status, _), _ in answers} <= {*MOVED, 404}
