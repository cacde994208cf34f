"""`gatewright translate` as a process: YAML in, statuses and config dumps out."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatewright.api.kinds import KINDS
from gatewright.cli.translate import list_name

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: eg}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: eg
  listeners: [{name: http, protocol: HTTP, port: 8080}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: demo}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: 3000}}]}
"""
ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, labels: {app: shop}}
spec:
  parentRefs: [{name: web}]
  hostnames: [shop.example.com]
  rules:
  - backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: demo}]
"""
BROKEN = ROUTE.replace("name: shop,", "name: broken,").replace("hostnames:", "hostnamen:")


def translate(*arguments: str, text: str | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gatewright", "translate", *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gateway.yaml").write_text(GATEWAY)
    (tmp_path / "route.yaml").write_text(ROUTE)
    return tmp_path


def test_objects_come_out_with_their_status(folder: Path) -> None:
    """As written, with the namespace that they are in, under a list for each kind."""
    code, out, err = translate("-f", str(folder), "--to", "gateway-api")
    assert (0, "") == (code, err)
    shown = yaml.safe_load(out)
    assert ["gatewayClass", "gateways", "httpRoutes", "backends"] == list(shown)
    (route,) = shown["httpRoutes"]
    assert {"name": "shop", "namespace": "default", "labels": {"app": "shop"}} == route["metadata"]
    assert ["shop.example.com"] == route["spec"]["hostnames"]
    (parent,) = route["status"]["parents"]
    assert {"Accepted": "True", "ResolvedRefs": "True"} == {each["type"]: each["status"] for each in parent["conditions"]}


def test_every_proxy_has_a_config_dump(folder: Path) -> None:
    """Under xds, by proxy: the dumps that Envoy's admin interface would show, which name the route's host and the backend."""
    code, out, _ = translate("-f", str(folder / "gateway.yaml"), "-f", str(folder / "route.yaml"), "-o", "json")
    dumps: list[dict[str, Any]] = json.loads(out)["xds"]["default/web"]["configs"]
    kinds = [dump["@type"].rpartition(".")[2].removesuffix("ConfigDump") for dump in dumps]
    assert (0, ["Bootstrap", "Endpoints", "Clusters", "Listeners", "Routes"]) == (code, kinds)
    routes = next(dump for dump in dumps if "dynamicRouteConfigs" in dump)["dynamicRouteConfigs"]
    assert "shop.example.com" in routes[0]["routeConfig"]["virtualHosts"][0]["domains"]
    listener = next(dump for dump in dumps if "dynamicListeners" in dump)["dynamicListeners"][0]["activeState"]["listener"]
    assert 8080 == listener["address"]["socketAddress"]["portValue"]


@pytest.mark.parametrize(
    ("part", "dump"),
    [
        ("bootstrap", "BootstrapConfigDump"),
        ("listener", "ListenersConfigDump"),
        ("route", "RoutesConfigDump"),
        ("cluster", "ClustersConfigDump"),
        ("endpoint", "EndpointsConfigDump"),
    ],
)
def test_one_type_alone(folder: Path, part: str, dump: str) -> None:
    """-t chooses one dump; there are no statuses with --to xds."""
    shown = yaml.safe_load(translate("-f", str(folder), "--to", "xds", "-t", part)[1])
    assert ["xds"] == list(shown)
    assert [f"type.googleapis.com/envoy.admin.v3.{dump}"] == [each["@type"] for each in shown["xds"]["default/web"]["configs"]]


def test_a_refused_document_does_not_cost_the_others(folder: Path) -> None:
    """Its problems go to stderr with file and line, the rest is translated, the exit code is 1."""
    (folder / "route.yaml").write_text(f"{ROUTE}---\n{BROKEN}")
    code, out, err = translate("-f", str(folder / "gateway.yaml"), "-f", str(folder / "route.yaml"))
    assert 1 == code
    assert err.startswith(f"{folder}/route.yaml:15: HTTPRoute broken: spec.hostnamen: ")
    assert ["shop"] == [route["metadata"]["name"] for route in yaml.safe_load(out)["httpRoutes"]]


def test_broken_yaml_is_a_problem_too(folder: Path) -> None:
    """The file and the line at which the parser stopped."""
    (folder / "route.yaml").write_text("a: [")
    code, _, err = translate("-f", str(folder / "route.yaml"))
    assert (1, True) == (code, err.startswith(f"{folder}/route.yaml:"))


def test_standard_input_and_a_later_document_of_the_same_object() -> None:
    """'-' reads a pipe; as with `kubectl apply`, the later document counts, and a note says so."""
    later = ROUTE.replace("shop.example.com", "new.example.com")
    code, out, err = translate("-f", "-", "--to", "gateway-api", text=f"{ROUTE}---\n{later}")
    assert (0, "-:10: HTTPRoute shop was there before; this one counts\n") == (code, err)
    assert [["new.example.com"]] == [route["spec"]["hostnames"] for route in yaml.safe_load(out)["httpRoutes"]]


def test_the_order_of_the_input_does_not_show(folder: Path) -> None:
    """Same bytes, so that outputs can be compared."""
    forwards = translate("-f", str(folder / "gateway.yaml"), "-f", str(folder / "route.yaml"))
    assert forwards == translate("-f", str(folder / "route.yaml"), "-f", str(folder / "gateway.yaml"))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["-f", "/nope.yaml"], "Path '/nope.yaml' does not exist."),
        (["--to", "ir"], "'ir' is not one of gateway-api, xds"),
        ([], "name files with -f, or a cluster with --kubeconfig, --context, -n or -A"),
    ],
)
def test_wrong_usage(arguments: list[str], error: str) -> None:
    """Exit code 2 and one line."""
    code, out, err = translate(*arguments)
    assert (2, "", True, 1) == (code, out, error in err, err.count("\n"))


def test_list_names() -> None:
    """Those of Envoy Gateway's own translation where it has them."""
    names = {kind.name: list_name(kind.name, kind.plural) for kind in KINDS}
    assert {
        "GatewayClass": "gatewayClass",
        "Gateway": "gateways",
        "HTTPRoute": "httpRoutes",
        "TLSRoute": "tlsRoutes",
        "BackendTLSPolicy": "backendTLSPolicies",
        "EnvoyProxy": "envoyProxies",
        "ListenerSet": "listenerSets",
    }.items() <= names.items()
