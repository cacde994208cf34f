"""Faults against a whole installation, with traffic running: no request is lost, statuses are right, nothing is removed.

Two replicas and an Envoy in a Pod, as a user installs them. Each fault is followed by a change, whose status and whose requests
must be right; and what one replica's proxies refuse is told by the other.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.bed import BED, CRDS
from tests.kubernetes.cluster import measured
from tests.kubernetes.conftest import missing
from tests.kubernetes.installed import SYSTEM, Installed, backend, eventually, gateway, route

CONTROL_PLANE = "control-plane=envoy-gateway"
LEASE = "5b9825d2.gateway.envoyproxy.io"
TRAFFIC = Path(__file__).with_name("traffic.py")
ROUTES = 20
Json = Any


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A cluster with Gatewright in it, a Gateway, and routes."""
    if reason := missing():
        pytest.fail(reason)
    arguments = ("--gateway-class", "eg", "--replicas", "2")
    with Installed.up(tmp_path_factory.mktemp("f"), f"gw-f-{os.getpid()}", *arguments) as cluster:
        cluster.apply(backend("echo") + gateway("web"))
        cluster.apply("".join(route(f"steady{number}", "web", "echo", f"/steady/{number}") for number in range(ROUTES)))
        cluster.kubectl("rollout", "status", "-n", SYSTEM, "deployment/gatewright", "--timeout=60s")
        cluster.kubectl("rollout", "status", "deployment/echo", "--timeout=60s")
        address = cluster.programmed("web")
        eventually(lambda: cluster.ask(f"http://{address}/steady/{ROUTES - 1}"), lambda code: code == "200")
        yield cluster


@contextlib.contextmanager
def traffic(cluster: Installed, address: str, capsys: pytest.CaptureFixture[str], name: str) -> Iterator[None]:
    """Requests to all steady routes as long as the block lasts: every answer is 200."""
    urls = [f"http://{address}/steady/{number}" for number in range(ROUTES)]
    command = [str(BED), "exec", "--name", cluster.name, "--", sys.executable, str(TRAFFIC), "110", *urls]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            time.sleep(1)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            answers = json.loads(process.communicate(timeout=20)[0] or "{}")
    measured(capsys, f"{name}: {sum(answers.values())} requests, {answers}")
    assert {"200"} == set(answers)


def accepted(found: Json) -> bool:
    """Whether a route's newest generation is accepted."""
    generation = found["metadata"]["generation"]
    told = [each for parent in found.get("status", {}).get("parents", ()) for each in parent["conditions"]]
    return {("Accepted", "True", generation), ("ResolvedRefs", "True", generation)} <= {
        (each["type"], each["status"], each.get("observedGeneration")) for each in told
    }


def is_right(cluster: Installed, address: str, name: str) -> None:
    """A new route after a fault: its status, its requests, and all that there was before."""
    cluster.apply(route(name, "web", "echo", f"/{name}"))
    eventually(partial(cluster.get, "httproute", name), accepted)
    eventually(lambda: cluster.ask(f"http://{address}/{name}"), lambda code: code == "200")
    listed = json.loads(cluster.kubectl("get", "httproutes", "-n", "default", "-o", "json"))["items"]
    assert [] == [each["metadata"]["name"] for each in listed if not accepted(each)]
    web = cluster.get("gateway", "web")
    assert len(listed) == web["status"]["listeners"][0]["attachedRoutes"]


def proxies(cluster: Installed) -> list[str]:
    """The identities of the objects that the fleet has made."""
    kinds = "deployments,services,configmaps,serviceaccounts"
    selector = "gateway.envoyproxy.io/owning-gateway-name=web"
    items = json.loads(cluster.kubectl("get", kinds, "-n", SYSTEM, "-l", selector, "-o", "json"))["items"]
    return sorted(each["metadata"]["uid"] for each in items)


@pytest.mark.parametrize(
    "fault", [("apiserver-restart",), ("apiserver-pause", "5"), ("etcd-compact",), ("watch-cut",)], ids=lambda fault: fault[0]
)
def test_faults_of_the_api_server(cluster: Installed, fault: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """It is killed, stands still, forgets its history, or cuts everybody off."""
    address, before = cluster.programmed("web"), proxies(cluster)
    with traffic(cluster, address, capsys, " ".join(fault)):
        cluster.fault(*fault)
        began = time.monotonic()
        is_right(cluster, address, f"after-{fault[0]}")
        measured(capsys, f"right {time.monotonic() - began:.1f} s after it")
        time.sleep(2)
    assert before == proxies(cluster)


def test_the_leader_is_killed(cluster: Installed, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGKILL, and its Pod with it: the other replica goes on."""
    address, before, leader = cluster.programmed("web"), proxies(cluster), cluster.lease_holder()
    with traffic(cluster, address, capsys, "leader killed"):
        cluster.kubectl("delete", "pod", "-n", SYSTEM, leader, "--grace-period=0", "--force")
        is_right(cluster, address, "after-leader")
    assert before == proxies(cluster)


def test_a_kind_goes_and_comes(cluster: Installed, capsys: pytest.CaptureFixture[str]) -> None:
    """A CRD that nobody needs is removed, and installed again, while both replicas watch it."""
    name = "tcproutes.gateway.networking.k8s.io"
    address, before = cluster.programmed("web"), proxies(cluster)
    with traffic(cluster, address, capsys, "CRD removed and installed"):
        cluster.kubectl("delete", "crd", name)
        is_right(cluster, address, "without-tcp")
        cluster.apply((CRDS / "gateway.networking.k8s.io_tcproutes.yaml").read_text())
        is_right(cluster, address, "with-tcp")
    assert before == proxies(cluster)


def test_what_an_envoy_refuses_at_a_follower(cluster: Installed, capsys: pytest.CaptureFixture[str]) -> None:
    """The proxy is connected to the replica that does not lead: the leader's status has Envoy's words, and there is an Event."""
    connected = _connected(cluster)
    other = next(name for name in _replicas(cluster) if name != connected)
    _let_lead(cluster, other)
    with _port_taken(cluster, 8085):
        listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}, {"name": "taken", "port": 8085, "protocol": "HTTP"}]
        began = time.monotonic()
        cluster.kubectl("patch", "gateway", "web", "--type=merge", "-p", json.dumps({"spec": {"listeners": listeners}}))
        found = eventually(lambda: _programmed(cluster, "taken"), lambda condition: condition.get("status") == "False")
        measured(capsys, f"what Envoy refuses at a follower is in the status after {time.monotonic() - began:.1f} s")
        assert "Envoy refuses" in found["message"]
        assert "Address already in use" in found["message"]
        assert other == cluster.lease_holder()
        assert [True] == [connected.lower() in each for each in _reports(cluster)]
        events = eventually(lambda: _events(cluster), bool)
        assert "Address already in use" in events[0]["note"]
    eventually(lambda: _programmed(cluster, "taken"), lambda condition: condition.get("status") == "True")
    eventually(lambda: _reports(cluster), lambda names: names == [])


def _replicas(cluster: Installed) -> dict[str, str]:
    """Names and addresses of the control plane's Pods."""
    return {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in cluster.pods(CONTROL_PLANE) if "podIP" in pod["status"]}


def _connected(cluster: Installed) -> str:
    """The replica that the proxy of the Gateway is connected to."""

    def ask() -> list[str]:
        line = 'gatewright_proxy_connected{proxy="default/web"} 1.0'
        return [
            name
            for name, address in _replicas(cluster).items()
            if line in cluster.inside("curl", "-s", f"http://{address}:19001/metrics").stdout
        ]

    found: str = eventually(ask, bool)[0]
    return found


def _let_lead(cluster: Installed, replica: str) -> None:
    """Hand the Lease to a replica, as if its holder had given it back."""
    given = json.dumps({"spec": {"holderIdentity": replica}})
    cluster.kubectl("patch", "lease", LEASE, "-n", SYSTEM, "--type=merge", "-p", given)
    time.sleep(6)
    assert replica == cluster.lease_holder()


@contextlib.contextmanager
def _port_taken(cluster: Installed, port: int) -> Iterator[None]:
    """Somebody else listens on a port in the network of the proxy's Pod."""
    (pod,) = cluster.pods("gateway.envoyproxy.io/owning-gateway-name=web")
    envoy = next(pid for pid, words in _processes() if pod["metadata"]["name"] in words and "--service-cluster" in words)
    listen = f"import socket,time; s=socket.create_server(('0.0.0.0',{port})); print('listening',flush=True); time.sleep(300)"
    command = ["nsenter", "-t", envoy, "-n", sys.executable, "-c", listen]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "listening\n" == process.stdout.readline()
            yield
        finally:
            process.terminate()


def _processes() -> Iterator[tuple[str, list[str]]]:
    """Every process of this machine, and its command line."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended
                yield folder.name, (folder / "cmdline").read_text().split("\0")


def _programmed(cluster: Installed, listener: str) -> Json:
    """The condition Programmed of a listener."""
    listeners = cluster.get("gateway", "web").get("status", {}).get("listeners", ())
    conditions = [each for one in listeners if one["name"] == listener for each in one["conditions"]]
    return next((each for each in conditions if each["type"] == "Programmed"), {})


def _reports(cluster: Installed) -> list[str]:
    """The Leases by which replicas tell each other what is refused."""
    return cluster.kubectl("get", "leases", "-n", SYSTEM, "-l", "gatewright.dev/refusals", "-o", "name").split()


def _events(cluster: Installed) -> list[Json]:
    """Events of the Gateway about the listener."""
    found = json.loads(cluster.kubectl("get", "events.events.k8s.io", "-n", "default", "-o", "json"))["items"]
    return [each for each in found if each["regarding"]["name"] == "web" and "listener taken" in each.get("note", "")]
