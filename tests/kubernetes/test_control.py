"""What a user installs, in a real cluster: two replicas of the control plane, Envoys as Pods, requests to the load balancer.

Everything runs under the permissions of `gatewright install`. The tests build on each other's objects as little as they can: each
has a Gateway of its own.
"""

import base64
import json
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.cluster import measured
from tests.kubernetes.conftest import missing
from tests.kubernetes.installed import SYSTEM, Installed, backend, eventually, gateway, route

AUDIENCE = f"envoy-gateway.{SYSTEM}.svc.cluster.local"
CONTROL_PLANE = "control-plane=envoy-gateway"
CLIENT = Path(__file__).with_name("xds_client.py")
Json = Any


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A cluster with Gatewright in it, and an echo server."""
    if reason := missing():
        pytest.fail(reason)
    arguments = ("--gateway-class", "eg", "--replicas", "2")
    with Installed.up(tmp_path_factory.mktemp("c"), f"gw-c-{os.getpid()}", *arguments) as cluster:
        cluster.apply(backend("echo"))
        cluster.kubectl("rollout", "status", "-n", SYSTEM, "deployment/gatewright", "--timeout=60s")
        yield cluster


def owning(name: str) -> tuple[str, ...]:
    """Labels of a Gateway's proxy."""
    prefix = "gateway.envoyproxy.io/owning-gateway"
    return f"{prefix}-name={name}", f"{prefix}-namespace=default"


def parents(cluster: Installed, name: str) -> list[Json]:
    """What an HTTPRoute's status says."""
    found: list[Json] = cluster.get("httproute", name).get("status", {}).get("parents", [])
    return found


def test_a_request_through_an_envoy_in_a_pod(cluster: Installed, capsys: pytest.CaptureFixture[str]) -> None:
    """A Gateway is programmed once its Service has an address and Envoy serves there; nothing is left of one that is deleted."""
    began = time.monotonic()
    cluster.apply(gateway("one") + route("one", "one", "echo"))
    address = cluster.programmed("one")
    measured(capsys, f"from apply to Programmed: {time.monotonic() - began:.1f} s")
    assert "200" == cluster.ask(f"http://{address}/")

    cluster.kubectl("delete", "gateway", "one")
    selector = ",".join(owning("one"))
    left = "serviceaccounts,configmaps,services,deployments"
    eventually(lambda: cluster.kubectl("get", left, "-n", SYSTEM, "-l", selector, "-o", "name"), lambda names: names == "")


def test_the_address_answers_as_soon_as_the_status_says_so(cluster: Installed) -> None:
    """A status never runs ahead: a route that is accepted, of a Gateway that is programmed, is served."""
    cluster.apply(gateway("two"))
    address = cluster.programmed("two")
    assert "404" == cluster.ask(f"http://{address}/late")
    for number in range(5):
        cluster.apply(route(f"two-{number}", "two", "echo", f"/late/{number}"))
        eventually(partial(parents, cluster, f"two-{number}"), bool)
        assert "200" == cluster.ask(f"http://{address}/late/{number}")


def test_an_idle_cluster_costs_nothing(cluster: Installed) -> None:
    """With proxies connected and nothing new, a control plane settles only when its clock ticks."""
    cluster.apply(gateway("idle") + route("idle", "idle", "echo"))
    cluster.programmed("idle")
    time.sleep(3)
    addresses = [pod["status"]["podIP"] for pod in cluster.pods(CONTROL_PLANE)]
    before = [_settles(cluster, address) for address in addresses]
    time.sleep(3)
    assert [True] * 2 == [_settles(cluster, address) - count <= 5 for address, count in zip(addresses, before, strict=True)]


def _settles(cluster: Installed, address: str) -> float:
    """How often a control plane has settled."""
    metrics = cluster.inside("curl", "-s", f"http://{address}:19001/metrics").stdout
    (found,) = (line for line in metrics.splitlines() if line.startswith("gatewright_settle_duration_seconds_count"))
    return float(found.rpartition(" ")[2])


def test_a_proxy_gets_its_own_resources_and_nobody_elses(cluster: Installed, tmp_path: Path) -> None:
    """The token of a proxy's ServiceAccount is good for that proxy; for another, or without any, there is nothing."""
    cluster.apply(gateway("mine") + gateway("theirs") + route("mine", "mine", "echo") + route("theirs", "theirs", "echo"))
    for name in ("mine", "theirs"):
        cluster.programmed(name)
    (pod,) = cluster.pods(*owning("mine"))
    account, node = pod["spec"]["serviceAccountName"], pod["metadata"]["name"]
    bound = ("--bound-object-kind", "Pod", "--bound-object-name", node)
    token = cluster.kubectl("create", "token", account, "-n", SYSTEM, "--audience", AUDIENCE, *bound).strip()
    elsewhere = cluster.kubectl("create", "token", account, "-n", SYSTEM).strip()
    for name, text in cluster.get("secret", "envoy", SYSTEM)["data"].items():
        (tmp_path / name).write_bytes(base64.b64decode(text))
    service = cluster.get("service", "envoy-gateway", SYSTEM)["spec"]["clusterIP"]

    def ask(token: str, proxy: str, node: str) -> str:
        arguments = (f"{service}:18000", token, proxy, node, str(tmp_path))
        done = cluster.inside(sys.executable, str(CLIENT), *arguments)
        return done.stdout.strip() or done.stderr

    assert "1 resources" == ask(token, "default/mine", node)
    refused = "PERMISSION_DENIED: not authorised for proxy 'default/theirs'"
    assert refused == ask(token, "default/theirs", node)
    assert refused == ask("", "default/theirs", node)
    assert refused == ask(elsewhere, "default/theirs", node)
    assert "PERMISSION_DENIED: not authorised for proxy 'default/mine'" == ask(elsewhere, "default/mine", node)
    assert ask(token, "default/mine", "another-pod").startswith("PERMISSION_DENIED: the token is of Pod ")


def test_both_replicas_serve_and_either_may_die(cluster: Installed, capsys: pytest.CaptureFixture[str]) -> None:
    """The leader's Pod is killed: the other one leads, no status falls back meanwhile, and new routes are served."""
    cluster.apply(gateway("kept") + route("kept", "kept", "echo"))
    address = cluster.programmed("kept")
    before = cluster.get("gateway", "kept")["status"]
    leader = cluster.lease_holder()
    began = time.monotonic()
    cluster.kubectl("delete", "pod", "-n", SYSTEM, leader, "--grace-period=0", "--force")
    statuses: list[Json] = []
    while cluster.lease_holder() == leader:
        assert time.monotonic() < began + 40
        statuses.append(cluster.get("gateway", "kept")["status"])
        assert "200" == cluster.ask(f"http://{address}/")
    measured(capsys, f"another replica leads after {time.monotonic() - began:.1f} s")
    cluster.apply(route("new", "kept", "echo", "/new"))
    eventually(partial(parents, cluster, "new"), bool)
    eventually(lambda: cluster.ask(f"http://{address}/new"), lambda code: code == "200")
    statuses.append(cluster.get("gateway", "kept")["status"])
    assert [_conditions(before)] * len(statuses) == [_conditions(each) for each in statuses]


def _conditions(status: Json) -> str:
    """What does not change when only a route comes."""
    return json.dumps([status["conditions"], status["addresses"]])


SLICE = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: outside, namespace: envoy-gateway-system, labels: {kubernetes.io/service-name: envoy-gateway}}
addressType: IPv4
ports: [{name: grpc, port: 18000}]
endpoints: [{addresses: [10.244.0.1], conditions: {ready: true}}]
"""
CONFIGURATION = """
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyGateway
provider: {type: Kubernetes}
extensionApis: {enableBackend: true}
"""


def test_a_control_plane_outside_the_cluster(cluster: Installed, tmp_path: Path) -> None:
    """With a kubeconfig, it is a process like any other: proxies that are there connect to it and get what is new."""
    cluster.apply(gateway("out") + route("out", "out", "echo"))
    address = cluster.programmed("out")
    cluster.kubectl("scale", "-n", SYSTEM, "deployment/gatewright", "--replicas=0")
    eventually(lambda: cluster.pods(CONTROL_PLANE), lambda pods: pods == [])
    remove = json.dumps([{"op": "remove", "path": "/spec/selector"}])
    cluster.kubectl("patch", "service", "envoy-gateway", "-n", SYSTEM, "--type=json", "-p", remove)
    cluster.apply(SLICE)
    config = tmp_path / "envoy-gateway.yaml"
    config.write_text(CONFIGURATION)
    off = ("--admin-address=off", "--metrics-address=off", "--health-address=off", f"--state-dir={tmp_path / 'state'}")
    command = ("-m", "gatewright", "serve", f"--config={config}", f"--kubeconfig={cluster.kubeconfig}", *off)
    with cluster.running(sys.executable, *command, log=tmp_path / "log"):
        cluster.apply(route("outside", "out", "echo", "/outside") + gateway("further") + route("further", "further", "echo"))
        further = cluster.programmed("further")
        eventually(lambda: cluster.ask(f"http://{address}/outside"), lambda code: code == "200")
        assert "200" == cluster.ask(f"http://{further}/")
