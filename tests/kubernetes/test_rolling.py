"""Proxies are replaced, added and taken away while requests come in: none of them is lost.

One load of clients goes on through everything that changes the Pods of a Gateway: an EnvoyProxy with other labels, another image,
other resources; more replicas and fewer; a Pod that is deleted; and a restart of the Deployment, as `kubectl rollout restart`
makes it.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.kubernetes.cluster import measured
from tests.kubernetes.conftest import missing
from tests.kubernetes.installed import SYSTEM, Installed, backend, eventually, gateway, route

CLIENT = Path(__file__).with_name("load_client.py")
Json = Any

PROXY = """
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {{name: rolling, namespace: default}}
spec:
  shutdown: {{drainTimeout: 15s, minDrainDuration: 5s}}
  provider:
    type: Kubernetes
    kubernetes:
      envoyDeployment:
        name: rolling
        replicas: {replicas}
        container: {{image: "docker.io/envoyproxy/envoy:{tag}", resources: {{requests: {{cpu: {cpu}m, memory: 64Mi}}}}}}
        pod: {{labels: {{generation: "{label}"}}}}
---
"""
FIRST: dict[str, object] = {"replicas": 2, "tag": "one", "cpu": 50, "label": 1}
SECOND: dict[str, object] = {"replicas": 2, "tag": "two", "cpu": 60, "label": 2}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A cluster with Gatewright in it, a Gateway with two Envoys, and an echo server."""
    if reason := missing():
        pytest.fail(reason)
    with Installed.up(tmp_path_factory.mktemp("r"), f"gw-r-{os.getpid()}", "--gateway-class", "eg", "--replicas", "1") as cluster:
        parameters = "infrastructure: {parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: rolling}}, listeners"
        shaped = gateway("rolling").replace("listeners", parameters)
        cluster.apply(backend("echo") + PROXY.format(**FIRST) + shaped + route("rolling", "rolling", "echo"))
        cluster.kubectl("rollout", "status", "deployment/echo", "--timeout=60s")
        cluster.programmed("rolling")
        _are(cluster, 2, generation=1)
        yield cluster


@contextmanager
def load(cluster: Installed, log: Path) -> Iterator[Json]:
    """Requests for as long as the block takes; what came of them is in the value that it gives, afterwards."""
    found: Json = {}
    address = cluster.programmed("rolling")
    with cluster.running(sys.executable, str(CLIENT), address, "/", "/?delay=2s", log=log):
        time.sleep(1)
        yield found
        time.sleep(1)
    found.update(json.loads(log.read_text()))


class Pod(NamedTuple):
    """A Pod of the Gateway, as far as it matters here."""

    name: str
    uid: str
    leaving: bool
    ready: bool
    generation: str


def _pods(cluster: Installed) -> list[Pod]:
    """All Pods of the Gateway, leaving ones among them."""
    selector = "gateway.envoyproxy.io/owning-gateway-name=rolling"
    items = json.loads(cluster.kubectl("get", "pods", "-n", SYSTEM, "-l", selector, "-o", "json"))["items"]
    return [
        Pod(
            name=each["metadata"]["name"],
            uid=each["metadata"]["uid"],
            leaving="deletionTimestamp" in each["metadata"],
            ready=any((c["type"], c["status"]) == ("Ready", "True") for c in each["status"].get("conditions", ())),
            generation=each["metadata"]["labels"]["generation"],
        )
        for each in items
    ]


def _are(cluster: Installed, replicas: int, generation: int = 2, without: Iterable[Pod] = ()) -> list[Pod]:
    """Wait until these are the Pods that there are, and the ones before have gone."""
    gone = {pod.uid for pod in without}

    def holds(pods: list[Pod]) -> bool:
        good = (pod.ready and not pod.leaving and pod.generation == str(generation) and pod.uid not in gone for pod in pods)
        return len(pods) == replicas and all(good)

    found: list[Pod] = eventually(partial(_pods, cluster), holds, 120)
    return found


@pytest.mark.timeout(400)
def test_nothing_is_lost(cluster: Installed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not one request, whether it needs a new connection, keeps one, or takes two seconds."""
    began = time.monotonic()
    with load(cluster, tmp_path / "load") as found:
        cluster.apply(PROXY.format(**SECOND))
        _are(cluster, 2)
        cluster.apply(PROXY.format(**SECOND | {"replicas": 4}))
        _are(cluster, 4)
        cluster.apply(PROXY.format(**SECOND | {"replicas": 1}))
        (pod,) = _are(cluster, 1)
        cluster.apply(PROXY.format(**SECOND))
        _are(cluster, 2)
        cluster.kubectl("delete", "pod", "-n", SYSTEM, pod.name, "--wait=false")
        before = _are(cluster, 2, without=[pod])
        cluster.kubectl("rollout", "restart", "-n", SYSTEM, "deployment/rolling")
        _are(cluster, 2, without=before)
    total = sum(found["outcomes"].values())
    lost = total - found["outcomes"].get("200", 0)
    seconds = time.monotonic() - began
    measured(capsys, f"six changes of the Pods in {seconds:.0f} s: {lost} of {total} requests lost")
    assert (0, []) == (lost, found["lost"])
    assert total > 5000


@pytest.mark.timeout(400)
def test_a_pod_that_is_deleted_while_it_starts_ends_soon(cluster: Installed, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever of it runs by then: it has no clients to wait for, and does not hold on until the end of its grace period."""
    slowest = 0.0
    for tenths in (0, 1, 2, 3, 5, 8, 12):
        cluster.kubectl("delete", "pod", "-n", SYSTEM, "-l", "generation", "--wait=false")
        leaving = {pod.uid for pod in _pods(cluster) if pod.leaving}
        (young, *_) = eventually(partial(_new_pods, cluster, leaving), bool)
        time.sleep(tenths / 10)
        began = time.monotonic()
        cluster.kubectl("delete", "pod", "-n", SYSTEM, young.name, "--wait=false")
        eventually(partial(_pods, cluster), partial(_without, young.uid), 60)
        slowest = max(slowest, time.monotonic() - began)
    measured(capsys, f"Pods deleted 0 to 1.2 s after their birth were gone within {slowest:.1f} s")
    assert slowest < 20


def _new_pods(cluster: Installed, known: set[str]) -> list[Pod]:
    return [pod for pod in _pods(cluster) if pod.uid not in known and not pod.leaving]


def _without(uid: str, pods: list[Pod]) -> bool:
    return uid not in {pod.uid for pod in pods}
