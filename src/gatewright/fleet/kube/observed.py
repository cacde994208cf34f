"""What became of a proxy in the cluster, read from its Service and its Deployment or DaemonSet.

Addresses are those at which clients reach the Gateway, by the type of the Service; replicas are the Pods that serve. Source:
Gateway API, `Gateway.status.addresses` and the condition Programmed.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

import msgspec

from gatewright.fleet.spec import Phase

MOST_ADDRESSES: Final = 16  # that a Gateway's status takes

_NOTHING: Final[Mapping[str, Any]] = {}


class Address(NamedTuple):
    """Where a Gateway can be reached; the fields of the Gateway API's status."""

    type: Literal["IPAddress", "Hostname"]
    value: str


class Replicas(NamedTuple):
    """Pods that can serve, of those that should; `problem` is what the cluster says is wrong."""

    available: int = 0
    wanted: int = 0
    problem: str = ""


class FleetState(msgspec.Struct, frozen=True, kw_only=True):
    """One proxy as it is; `message` is for people.

    `addresses` are those that the cluster gives the Service by its type, `static` those that it was given to have as well.
    `exposed` once the Service is there; `refused` is why the API server does not take it.
    """

    proxy: str
    phase: Phase
    message: str = ""
    available: int = 0
    wanted: int = 0
    addresses: tuple[Address, ...] = ()
    static: tuple[str, ...] = ()
    exposed: bool = False
    refused: str = ""


class NodeAddresses(NamedTuple):
    """Addresses of the nodes by family, at which NodePort Services are reached."""

    ipv4: tuple[str, ...] = ()
    ipv6: tuple[str, ...] = ()


def state_of(
    proxy: str,
    service: Mapping[str, Any] | None,
    workload: Mapping[str, Any] | None,
    *,
    problem: str = "",
    refused: str = "",
    nodes: NodeAddresses | None = None,
) -> FleetState:
    """The state of a proxy with these live objects; `problem` keeps its objects from being applied, `refused` its Service."""
    replicas = replicas_of(workload)
    trouble = problem or replicas.problem
    phase = Phase.RUNNING if replicas.available else Phase.FAILED if trouble else Phase.STARTING
    count = f"{replicas.available}/{replicas.wanted} envoy replicas available"
    return FleetState(
        proxy=proxy,
        phase=phase,
        message=f"{count}: {trouble}" if trouble else count,
        available=replicas.available,
        wanted=replicas.wanted,
        addresses=addresses_of(service, nodes or NodeAddresses()),
        static=tuple(service.get("spec", _NOTHING).get("externalIPs", ())) if service else (),
        exposed=service is not None,
        refused=refused,
    )


def replicas_of(workload: Mapping[str, Any] | None) -> Replicas:
    """The Pods of a Deployment or DaemonSet, as far as it has seen its own newest generation."""
    if workload is None:
        return Replicas()
    spec, status = workload.get("spec", _NOTHING), workload.get("status", _NOTHING)
    if workload.get("kind") == "DaemonSet":
        return Replicas(status.get("numberAvailable", 0), status.get("desiredNumberScheduled", 0))
    wanted = status.get("replicas", 0) or spec.get("replicas", 1)
    return Replicas(status.get("availableReplicas", 0), wanted, _problem(status.get("conditions", ())))


def _problem(conditions: Iterable[Mapping[str, Any]]) -> str:
    """Why a Deployment cannot make its Pods, or gets no further."""
    for condition in conditions:
        failing = ("ReplicaFailure", "True"), ("Progressing", "False")
        if (condition.get("type"), condition.get("status")) in failing:
            return str(condition.get("message") or condition.get("reason") or condition.get("type"))
    return ""


def addresses_of(service: Mapping[str, Any] | None, nodes: NodeAddresses) -> tuple[Address, ...]:
    """Where a Service is reached, by its type."""
    return tuple(dict.fromkeys(_addresses(service, nodes)))[:MOST_ADDRESSES] if service is not None else ()


def can_be_external(address: str) -> bool:
    """Whether a Service can have this as an external address: no machine's own, no link's, none that stands for no machine."""
    found = ipaddress.ip_address(address)
    return not (found.is_unspecified or found.is_loopback or found.is_link_local or found.is_multicast)


def _addresses(service: Mapping[str, Any], nodes: NodeAddresses) -> Iterator[Address]:
    spec, status = service.get("spec", _NOTHING), service.get("status", _NOTHING)
    match spec.get("type", "ClusterIP"):
        case "LoadBalancer":
            ingress = status.get("loadBalancer", _NOTHING).get("ingress", ())
            yield from (_ingress(each) for each in ingress if each.get("ip") or each.get("hostname"))
            if not ingress:  # without a load balancer's controller, addresses that a patch has put there
                yield from (Address("IPAddress", each) for each in spec.get("externalIPs", ()))
        case "NodePort":
            families = spec.get("ipFamilies", ["IPv4"])
            yield from (Address("IPAddress", each) for each in nodes.ipv4 if "IPv4" in families)
            yield from (Address("IPAddress", each) for each in nodes.ipv6 if "IPv6" in families)
        case _:
            yield from (Address("IPAddress", each) for each in spec.get("clusterIPs", ()) if each != "None")


def _ingress(ingress: Mapping[str, str]) -> Address:
    return Address("IPAddress", ingress["ip"]) if ingress.get("ip") else Address("Hostname", ingress["hostname"])


def node_addresses(nodes: Iterable[Mapping[str, Any]]) -> NodeAddresses:
    """Addresses of all nodes that are ready: external ones if a node has any, else internal ones."""
    found: list[str] = []
    for node in nodes:
        status = node.get("status", _NOTHING)
        ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in status.get("conditions", ()))
        by_type = {
            kind: [each["address"] for each in status.get("addresses", ()) if each.get("type") == kind]
            for kind in ("ExternalIP", "InternalIP")
        }
        found += (by_type["ExternalIP"] or by_type["InternalIP"]) if ready else ()
    unique = sorted(set(found))
    return NodeAddresses(tuple(a for a in unique if ":" not in a), tuple(a for a in unique if ":" in a))
