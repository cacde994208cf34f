"""From objects to the workloads of a cluster: owners, ports and addresses."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from gatewright.api.admission import Admitted, admit
from gatewright.control.workloads import workloads
from gatewright.fleet.kube.workload import Owner, Workload
from gatewright.graph.settings import GraphSettings
from gatewright.settings import ClusterSettings, Settings
from gatewright.status import tables as s
from gatewright.world import BY_KIND, build

CLASSES: Final = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: eg, uid: uid-class}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: merged, uid: uid-merged}
spec:
  controllerName: gateway.envoyproxy.io/gatewayclass-controller
  parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: merged, namespace: default}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: merged, namespace: default}
spec: {mergeGateways: true}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: plain-ports, namespace: default}
spec: {provider: {type: Kubernetes, kubernetes: {useListenerPortAsContainerPort: true}}}
"""


def gateway(name: str, *ports: int, gateway_class: str = "eg", **spec: object) -> dict[str, Any]:
    listeners = [{"name": f"p{port}", "port": port, "protocol": "HTTP", "hostname": f"{name}.example.com"} for port in ports]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
        "spec": {"gatewayClassName": gateway_class, "listeners": listeners, **spec},
    }


def found(*gateways: dict[str, Any], mode: str = "ControllerNamespace") -> tuple[dict[str, Workload], dict[str, Any]]:
    """The workloads, and the conditions of each Gateway as reason by type."""
    beside = mode == "GatewayNamespace"
    cluster = ClusterSettings(namespace="system", identity="me", gateway_namespace_mode=beside)
    settings = Settings(paths=(), state_dir=Path("/state"), socket_dir=Path("/state"), cluster=cluster)
    started_with = {"static_resources": {"clusters": [{"name": "xds_cluster"}]}, "dynamic_resources": {}}
    world = build(GraphSettings(shift_low_ports=True, host_addresses=None, gateway_namespace_mode=beside, bootstrap=started_with))
    for document in [*yaml.safe_load_all(CLASSES), *gateways]:
        verdict = admit(document)
        assert isinstance(verdict, Admitted)
        world.put(BY_KIND[verdict.kind.name], verdict.key, verdict.object)
    world.settle()
    statuses = {
        key.name: {each["type"]: each["reason"] for each in status.body["conditions"]}
        for key, status in world.rows(s.GATEWAY_STATUS).items()
    }
    return workloads(world, settings), statuses


@pytest.mark.parametrize(
    ("mode", "gateway_class", "expected"),
    [
        ("ControllerNamespace", "eg", Owner("GatewayClass", "eg", "uid-class")),
        ("GatewayNamespace", "eg", Owner("Gateway", "one", "uid-one")),
        ("ControllerNamespace", "merged", Owner("GatewayClass", "merged", "uid-merged")),
    ],
)
def test_with_whom_the_objects_go(mode: str, gateway_class: str, expected: Owner) -> None:
    """An owner must be in the same namespace as what it owns, or in none; a merged fleet is the class's."""
    ((_, workload),) = found(gateway("one", 80, gateway_class=gateway_class), mode=mode)[0].items()

    assert expected == workload.owner
    assert (gateway_class == "merged") == (workload.gateway is None)


def test_ports_in_a_container() -> None:
    """Low ones are 10000 higher, and no two the same: the one in the way moves, and so does one that the Pod itself needs."""
    ((_, workload),) = found(gateway("one", 80, 443, 10080, 8080, 19001, 20080))[0].items()

    assert {80: 10080, 443: 10443, 10080: 20081, 8080: 8080, 19001: 29001, 20080: 20080} == {
        each.port: each.target for each in workload.ports
    }


def test_ports_as_they_are() -> None:
    """An EnvoyProxy may say that its containers can bind low ports."""
    reference = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": "plain-ports"}
    ((_, workload),) = found(gateway("one", 80, 10080, infrastructure={"parametersRef": reference}))[0].items()

    assert [(80, 80), (10080, 10080)] == [(each.port, each.target) for each in workload.ports]


def test_addresses_of_merged_gateways() -> None:
    """Their one Service gets all of them, each once; host names are nothing that it could be given."""
    addresses = [{"value": "10.0.0.1"}, {"type": "Hostname", "value": "a.example.com"}, {"type": "IPAddress"}]
    one = gateway("one", 80, gateway_class="merged", addresses=addresses)
    two = gateway("two", 80, gateway_class="merged", addresses=[{"value": "10.0.0.2"}, {"value": "10.0.0.1"}])
    ((name, workload),) = found(one, two)[0].items()

    assert ("merged", ("10.0.0.1", "10.0.0.2")) == (name, workload.addresses)


def test_what_merged_gateways_may_not() -> None:
    """Shape the proxy that they share, each its own way; be where each Gateway has its own namespace."""
    reference = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": "plain-ports"}
    one = gateway("one", 80, gateway_class="merged", infrastructure={"parametersRef": reference})
    wanted, statuses = found(one, gateway("two", 80, gateway_class="merged"))

    assert ["merged"] == list(wanted)
    assert "InvalidParameters" == statuses["one"]["Accepted"]
    assert "Accepted" == statuses["two"]["Accepted"]
    wanted, statuses = found(gateway("two", 80, gateway_class="merged"), mode="GatewayNamespace")
    assert ({}, "Invalid") == (wanted, statuses["two"]["Accepted"])


def envoy_proxy(name: str, **spec: object) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyProxy", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    ("bootstrap", "reason"),
    [
        ({"type": "Merge", "value": "stats_flush_interval: 1s"}, "Accepted"),
        ({"type": "Merge", "value": "a: ["}, "InvalidParameters"),
        ({"type": "JSONPatch", "jsonPatches": [{"op": "remove", "path": "/admin"}]}, "InvalidParameters"),
    ],
)
def test_a_bootstrap_that_cannot_be_had(bootstrap: dict[str, Any], reason: str) -> None:
    """It is said, and the proxy, which may be serving, goes on without it."""
    reference = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": "own"}
    wanted, statuses = found(
        gateway("one", 80, infrastructure={"parametersRef": reference}), envoy_proxy("own", bootstrap=bootstrap, concurrency=3)
    )
    proxy = wanted["default/one"].proxy

    assert (3, reason == "Accepted") == (proxy.concurrency, proxy.bootstrap is not None)
    assert "Accepted" == statuses["one"]["Accepted"]
    assert ("" if reason == "Accepted" else reason) == statuses["one"].get("ResolvedRefs", "")


def test_metadata_of_the_infrastructure() -> None:
    """Labels and annotations of a Gateway are those of everything that is made for it."""
    metadata = {"labels": {"team": "blue"}, "annotations": {"example.com/cost": "42"}}
    ((_, workload),) = found(gateway("one", 80, infrastructure=metadata))[0].items()

    assert metadata == {"labels": workload.labels, "annotations": workload.annotations}
