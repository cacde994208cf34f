"""What is read from the objects of a cluster: addresses, replicas, problems."""

from typing import Any

import pytest

from gatewright.fleet.kube.observed import (
    Address,
    NodeAddresses,
    Replicas,
    addresses_of,
    node_addresses,
    replicas_of,
    state_of,
)
from gatewright.fleet.spec import Phase

NODES = NodeAddresses(("192.168.0.1",), ("fd00::1",))


def service(kind: str, ingress: list[dict[str, str]] | None = None, **spec: list[str]) -> dict[str, Any]:
    return {"spec": {"type": kind, **spec}, "status": {"loadBalancer": {"ingress": ingress or []}}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (service("LoadBalancer", [{"ip": "1.2.3.4"}, {"hostname": "lb.example.com"}]), ["1.2.3.4", "lb.example.com"]),
        (service("LoadBalancer", [{}]), []),
        (service("LoadBalancer", externalIPs=["9.9.9.9"]), ["9.9.9.9"]),
        (service("ClusterIP", clusterIPs=["10.96.0.1", "fd00::9"]), ["10.96.0.1", "fd00::9"]),
        (service("ClusterIP", clusterIPs=["None"]), []),
        (service("NodePort", ipFamilies=["IPv4"]), ["192.168.0.1"]),
        (service("NodePort", ipFamilies=["IPv6", "IPv4"]), ["192.168.0.1", "fd00::1"]),
        (None, []),
    ],
)
def test_addresses_by_the_type_of_the_service(found: dict[str, Any] | None, expected: list[str]) -> None:
    """Those at which clients can come in."""
    assert expected == [address.value for address in addresses_of(found, NODES)]


def test_host_names_are_told_apart() -> None:
    """Some load balancers have a name and no address."""
    found = service("LoadBalancer", [{"hostname": "lb.example.com"}])

    assert (Address("Hostname", "lb.example.com"),) == addresses_of(found, NODES)


def test_addresses_that_were_asked_for() -> None:
    """They are told apart from those that a Service has by its type; without a Service there is nothing yet."""
    found = service("LoadBalancer", [{"ip": "1.2.3.4"}], externalIPs=["10.0.0.1"])
    state = state_of("p", found, None)

    assert ((Address("IPAddress", "1.2.3.4"),), ("10.0.0.1",), True) == (state.addresses, state.static, state.exposed)
    state = state_of("p", None, None, refused="no such address")
    assert ((), (), False, "no such address") == (state.addresses, state.static, state.exposed, state.refused)


def test_at_most_sixteen() -> None:
    """A Gateway's status takes no more."""
    assert 16 == len(addresses_of(service("LoadBalancer", [{"ip": f"10.0.0.{i}"} for i in range(20)]), NODES))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, Replicas()),
        ({"kind": "Deployment", "spec": {"replicas": 3}}, Replicas(0, 3)),
        ({"kind": "Deployment", "status": {"replicas": 3, "availableReplicas": 2}}, Replicas(2, 3)),
        ({"kind": "DaemonSet", "status": {"desiredNumberScheduled": 4, "numberAvailable": 1}}, Replicas(1, 4)),
    ],
)
def test_replicas(found: dict[str, Any] | None, expected: Replicas) -> None:
    """Pods that can serve, of those that should."""
    assert expected == replicas_of(found)


def test_why_there_are_no_pods() -> None:
    """What the Deployment's controller says (a quota, a policy) is said of the proxy; a rollout that is stuck is as well."""
    failing = {"type": "ReplicaFailure", "status": "True", "message": 'pods "x" is forbidden: exceeded quota'}
    found: dict[str, Any] = {"kind": "Deployment", "spec": {"replicas": 1}, "status": {"conditions": [failing]}}

    state = state_of("p", None, found)
    assert (Phase.FAILED, '0/1 envoy replicas available: pods "x" is forbidden: exceeded quota') == (state.phase, state.message)
    found["status"] |= {"availableReplicas": 1, "replicas": 1}
    assert Phase.RUNNING == state_of("p", None, found).phase


def test_addresses_of_nodes() -> None:
    """External ones if a node has any, else internal ones; a node that is not ready serves nobody."""

    def node(ready: str, **addresses: str) -> dict[str, Any]:
        found = [{"type": kind, "address": address} for kind, address in addresses.items()]
        return {"status": {"conditions": [{"type": "Ready", "status": ready}], "addresses": found}}

    nodes = [
        node("True", InternalIP="10.0.0.1", ExternalIP="1.1.1.1"),
        node("True", InternalIP="fd00::1"),
        node("False", ExternalIP="2.2.2.2"),
    ]
    assert NodeAddresses(("1.1.1.1",), ("fd00::1",)) == node_addresses(nodes)
