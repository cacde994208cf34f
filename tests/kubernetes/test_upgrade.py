"""Installing, upgrading and removing, as docs/kubernetes.md says: by what `gatewright install` prints, and by Helm.

Requests come in all the while, and none is lost. In the end there is what there was before, and what is the users' own.
The version before is the commit before. Helm is not a part of this project: without `helm` on the PATH, its test says so.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.kubernetes.cluster import measured
from tests.kubernetes.conftest import missing
from tests.kubernetes.installed import EARLIER, ROOT, SYSTEM, Installed, backend, eventually, gateway, printed, route

CLIENT = Path(__file__).with_name("load_client.py")
HELM = os.environ.get("HELM") or shutil.which("helm")
PROXIES = "app.kubernetes.io/managed-by=envoy-gateway"
KINDS = (
    *("namespaces", "clusterroles", "clusterrolebindings", "mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
    *("roles", "rolebindings", "leases", "secrets", "configmaps", "serviceaccounts", "services", "deployments", "daemonsets"),
    *("pods", "horizontalpodautoscalers", "poddisruptionbudgets", "gatewayclasses"),
)
"""Whatever an installation could leave behind, except for CRDs: with those the objects of users would go."""


@pytest.fixture
def before_this(tmp_path: Path) -> Path:
    """The working copy of the version before; where there is no history (an archive, a shallow clone), this one once more."""
    command = [shutil.which("git") or "false", "-C", str(ROOT), "archive", "HEAD~1", "src"]
    archived = subprocess.run(command, capture_output=True, check=False)
    if archived.returncode:
        return ROOT
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as archive:
        archive.extractall(tmp_path / "before", filter="data")
    return tmp_path / "before"


@pytest.fixture
def cluster(tmp_path: Path, before_this: Path) -> Iterator[Installed]:
    """A cluster without Gatewright."""
    if reason := missing():
        pytest.fail(reason)
    with Installed.bare(tmp_path, f"gw-u-{os.getpid()}", before_this) as cluster:
        cluster.kubectl("rollout", "status", "-n", "kube-system", "deployment/coredns", "--timeout=60s")
        yield cluster


def everything(cluster: Installed) -> set[str]:
    """The objects that there are, in every namespace but that of the tests."""
    template = "{range .items[*]}{.kind} {.metadata.namespace} {.metadata.name}{'\\n'}{end}".replace("'", '"')
    found = cluster.kubectl("get", ",".join(KINDS), "-A", "-o", f"jsonpath={template}").splitlines()
    return {each for each in found if each.split(" ")[1] != "default"}


@contextmanager
def nothing_lost(address: str, cluster: Installed, log: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Requests come in while the block runs, and all of them are answered."""
    with cluster.running(sys.executable, str(CLIENT), address, "/", "/?delay=1s", log=log):
        time.sleep(1)
        yield
        time.sleep(1)
    found = json.loads(log.read_text())
    measured(capsys, f"{log.name}: {sum(found['outcomes'].values())} requests, {len(found['lost'])} of them lost")
    assert ({"200"}, []) == (set(found["outcomes"]), found["lost"])


def serve(cluster: Installed) -> str:
    """What a user has: a Gateway, a route, a backend. Returns the Gateway's address once it serves."""
    cluster.apply(backend("echo") + gateway("kept") + route("kept", "kept", "echo"))
    address = cluster.programmed("kept")
    eventually(lambda: cluster.ask(f"http://{address}/"), lambda code: code == "200")
    return address


def remove_gateways(cluster: Installed) -> None:
    """The control plane removes their proxies; returns when these have drained."""
    cluster.kubectl("delete", "gateways", "--all", "-A")
    cluster.kubectl("wait", "pods", "-A", "-l", PROXIES, "--for=delete", "--timeout=120s")
    assert "" == cluster.kubectl("get", "deployments,services", "-A", "-l", PROXIES, "-o", "name")


@pytest.mark.timeout(300)
def test_upgrade_and_removal(cluster: Installed, before_this: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the version before to this one, without a request lost and without an object orphaned; then back to nothing."""
    before = everything(cluster)
    earlier = printed("--gateway-class", "eg", "--image", f"docker.io/{EARLIER}", source=before_this)
    cluster.apply(earlier)
    address = serve(cluster)

    with nothing_lost(address, cluster, tmp_path / "upgrade", capsys):
        cluster.apply(printed("--gateway-class", "eg"))
        cluster.kubectl("rollout", "status", "-n", SYSTEM, "deployment/gatewright", "--timeout=90s")
        selector = ("control-plane=envoy-gateway",)
        eventually(lambda: cluster.pods(*selector), lambda pods: len(pods) == 2)
        cluster.apply(route("new", "kept", "echo", "/new"))
        eventually(lambda: cluster.ask(f"http://{address}/new"), lambda code: code == "200")
    ours = {(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(printed("--gateway-class", "eg"))}
    assert {(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(earlier)} <= ours

    began = time.monotonic()
    remove_gateways(cluster)
    drained = time.monotonic()
    cluster.kubectl("delete", "-f", "-", given=printed("--gateway-class", "eg", "--no-crds"))
    assert before == eventually(partial(everything, cluster), lambda left: left == before)
    measured(capsys, f"removal: proxies {drained - began:.0f} s, all else {time.monotonic() - drained:.0f} s")
    assert "kept" == cluster.get("httproute", "kept")["metadata"]["name"]
    cluster.get("customresourcedefinition", "backends.gateway.envoyproxy.io")


@pytest.mark.skipif(HELM is None, reason="there is no `helm` on the PATH (nor does HELM say where it is): https://helm.sh/docs")
@pytest.mark.timeout(300)
def test_the_chart(cluster: Installed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It installs, upgrades with other values, and goes."""
    before = everything(cluster)
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "HOME": str(tmp_path)}

    def helm(*arguments: str) -> None:
        done = subprocess.run([str(HELM), *arguments], env=environment, capture_output=True, text=True, check=False)
        assert (0, "") == (done.returncode, done.stderr)

    chart = ("gatewright", str(ROOT / "charts/gatewright"), "--namespace", SYSTEM, "--set", "gatewayClass=eg", "--wait")
    helm("install", *chart, "--create-namespace", "--set", "replicas=1")
    address = serve(cluster)
    with nothing_lost(address, cluster, tmp_path / "helm-upgrade", capsys):
        helm("upgrade", *chart, "--set", "replicas=2", "--set", "config.logging.level.default=debug")
        cluster.apply(route("new", "kept", "echo", "/new"))
        eventually(lambda: cluster.ask(f"http://{address}/new"), lambda code: code == "200")
    remove_gateways(cluster)
    helm("uninstall", "gatewright", "--namespace", SYSTEM, "--wait")
    cluster.kubectl("delete", "namespace", SYSTEM)
    assert before == eventually(partial(everything, cluster), lambda left: left == before)
    assert "kept" == cluster.get("httproute", "kept")["metadata"]["name"]


def test_the_control_plane_has_no_rights_on_its_machine(cluster: Installed) -> None:
    """It is nobody in particular, its root cannot be written to, and it serves all the same."""
    cluster.apply(printed("--gateway-class", "eg", "--replicas", "1"))
    serve(cluster)
    (pod,) = cluster.pods("control-plane=envoy-gateway")

    def inside(command: str) -> str:
        return cluster.kubectl("exec", "-n", SYSTEM, pod["metadata"]["name"], "--", "sh", "-c", f"{command} 2>&1 || true")

    assert "65532" == inside("id -u").strip()
    assert "Read-only file system" in inside("touch /opt/gatewright/x /var/x /x")
    assert "" == inside("touch /var/run/gatewright/x /tmp/x")
