"""`gatewright status`, `validate` and `translate` of a cluster: what kubectl's users expect, in the words of a folder."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from gatewright.api.meta import NamespacedName
from gatewright.sources.kube.client import Client
from tests.kubernetes.bed import Bed
from tests.kubernetes.cluster import CONTROLLER, Objects, route_spec

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Client]]


@pytest.fixture
def shop(connect: Connect, namespace: str) -> str:
    """A namespace with a Gateway and two routes, of which one is said to be wrong."""

    async def prepare() -> None:
        async with connect() as client:
            objects = Objects(client)
            await objects.namespace(namespace)
            await objects.create("GatewayClass", NamespacedName("", namespace), spec={"controllerName": CONTROLLER})
            listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
            key = NamespacedName(namespace, "gw")
            await objects.create("Gateway", key, spec={"gatewayClassName": namespace, "listeners": listeners})
            address = {"addresses": [{"type": "IPAddress", "value": "192.0.2.7"}]}
            await objects.merge("Gateway", key, {"status": address}, "status")
            ports = {"ports": [{"port": 80}], "selector": {"app": "one"}}
            await objects.create("Service", NamespacedName(namespace, "one"), spec=ports)
            await objects.create("HTTPRoute", NamespacedName(namespace, "good"), spec=route_spec("one"))
            await objects.create("HTTPRoute", NamespacedName(namespace, "bad"), spec=route_spec("missing"))
            for name, status, reason in (("good", "True", "ResolvedRefs"), ("bad", "False", "BackendNotFound")):
                body = {"status": {"parents": [parent(status, reason)]}}
                await objects.merge("HTTPRoute", NamespacedName(namespace, name), body, "status")

    asyncio.run(prepare())
    return namespace


def parent(status: str, reason: str) -> dict[str, Any]:
    """What a control plane has said of a route."""
    told = {"observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    accepted = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", **told}
    resolved = {"type": "ResolvedRefs", "status": status, "reason": reason, "message": "Service missing not found", **told}
    reference = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}
    return {"parentRef": reference, "controllerName": CONTROLLER, "conditions": [accepted, resolved]}


def run(bed: Bed, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of ours about the cluster."""
    command = [sys.executable, "-m", "gatewright", *arguments, "--kubeconfig", str(bed.kubeconfig)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_status(bed: Bed, shop: str) -> None:
    """What stands in the objects, what is wrong first; a namespace is the context's unless it is named."""
    done = run(bed, "status", "-n", shop)
    assert (1, "") == (done.returncode, done.stderr)
    assert (
        f"HTTPRoute {shop}/bad, Gateway {shop}/gw\n  ResolvedRefs=False BackendNotFound: Service missing not found" in done.stdout
    )
    assert (0, "") == ((done := run(bed, "status", "httproute/good", "-n", shop)).returncode, done.stderr)
    found = json.loads(run(bed, "status", "hr/bad", "-n", shop, "-o", "json").stdout)
    assert ("BackendNotFound", 1) == (found["status"]["parents"][0]["conditions"][1]["reason"], found["metadata"]["generation"])
    assert f"HTTPRoute {shop}/bad" not in run(bed, "status").stdout
    assert f"HTTPRoute {shop}/bad" in run(bed, "status", "-A").stdout


def test_status_goes_on(bed: Bed, connect: Connect, shop: str) -> None:
    """With --watch, every object, and then each change."""
    command = [sys.executable, "-m", "gatewright", "status", "httproute", "-n", shop, "-w", "-o", "json"]
    with subprocess.Popen([*command, "--kubeconfig", str(bed.kubeconfig)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None

        def told() -> tuple[str, str]:
            event = json.loads(process.stdout.readline()) if process.stdout else {}
            return event["type"], event["object"]["metadata"]["name"]

        assert {("ADDED", "bad"), ("ADDED", "good")} == {told(), told()}

        async def change() -> None:
            async with connect() as client:
                body = {"status": {"parents": [parent("True", "ResolvedRefs")]}}
                await Objects(client).merge("HTTPRoute", NamespacedName(shop, "bad"), body, "status")
                await Objects(client).delete("HTTPRoute", NamespacedName(shop, "good"))

        asyncio.run(change())
        assert [("MODIFIED", "bad"), ("DELETED", "good")] == [told(), told()]
        process.terminate()


def test_translate(bed: Bed, shop: str) -> None:
    """The same document as for files: what the objects become, with the addresses that the cluster has given."""
    done = run(bed, "translate", "-n", shop)
    assert (0, "") == (done.returncode, done.stderr)
    found = yaml.safe_load(done.stdout)
    gateway, (bad, good) = found["gateways"][0], found["httpRoutes"]
    assert [{"type": "IPAddress", "value": "192.0.2.7"}] == gateway["status"]["addresses"]
    assert ["BackendNotFound", "ResolvedRefs"] == [
        each["status"]["parents"][0]["conditions"][1]["reason"] for each in (bad, good)
    ]
    assert {"apiVersion", "kind", "metadata", "spec", "status"} == set(good)
    assert {"name": "good", "namespace": shop} == good["metadata"]
    assert [f"{shop}/gw"] == list(found["xds"])
    clusters = run(bed, "translate", "-n", shop, "--to", "xds", "-t", "cluster").stdout
    assert f"service/{shop}/one/80" in clusters


def test_validate(bed: Bed, shop: str) -> None:
    """Objects of a cluster by the rules of this version."""
    done = run(bed, "validate", "-n", shop)
    assert (0, "") == (done.returncode, done.stdout)
    assert re.fullmatch(r"no problems in \d+ objects\n", done.stderr)  # GatewayClasses of other tests among them


def test_a_cluster_that_does_not_answer(tmp_path: Path) -> None:
    """One line, and exit code 3."""
    config = tmp_path / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    users = [{"name": "u", "user": {"token": "none"}}]
    config.write_text(yaml.safe_dump({"clusters": [cluster], "contexts": [context], "users": users, "current-context": "c"}))
    for command in ("status", "translate", "validate"):
        done = run(Bed("none", config), command, "-A")
        assert (3, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
        assert done.stderr.startswith("error: the cluster cannot be read: ")


def test_rights_that_are_missing(bed: Bed, connect: Connect, namespace: str, tmp_path: Path) -> None:
    """A user who may not list says so at once, and does not wait."""

    async def token() -> str:
        async with connect() as client:
            await Objects(client).namespace(namespace)
            await Objects(client).ask("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "poor"}})
            path = f"/api/v1/namespaces/{namespace}/serviceaccounts/poor/token"
            found: str = (await Objects(client).ask("POST", path, {"spec": {}}))["status"]["token"]
            return found

    config = yaml.safe_load(bed.kubeconfig.read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": asyncio.run(token())}}]
    own = tmp_path / "kubeconfig"
    own.write_text(yaml.safe_dump(config))
    done = run(Bed("none", own), "status", "-A")
    assert 3 == done.returncode
    assert "is forbidden" in done.stderr
