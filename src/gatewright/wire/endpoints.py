"""Endpoints: the ClusterLoadAssignment of each EDS cluster, touched by nothing but the endpoints themselves.

Of a Service: the ready addresses of its EndpointSlices, at the port that the slice gives to the Service port's name;
terminating ones that still serve are drained. Of a Backend: its IP endpoints. Sources: Kubernetes EndpointSlice; conventions,
section 1 (Endpoints).
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from envoy.config.core.v3 import address_pb2, base_pb2, health_check_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from google.protobuf.wrappers_pb2 import UInt32Value

from gatewright.api.core import EndpointSlice, Service
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.tables import BACKENDS, SERVICES, SLICES, AnyCluster, ClusterKey, FailoverKey, PoolKey, ProxyCluster
from gatewright.wire.clusters import cluster_name
from gatewright.wire.encoding import serialised
from gatewright.wire.resource import ENDPOINTS, Resource, resource


class _Address(msgspec.Struct, frozen=True, order=True):
    """One endpoint of a cluster."""

    address: str
    port: int
    hostname: str = ""
    draining: bool = False


def by_service(
    key: NamespacedName, endpoint_slice: EndpointSlice
) -> Iterator[tuple[NamespacedName, NamespacedName, EndpointSlice]]:
    """Gather slices by the Service that they belong to."""
    if endpoint_slice.service_name:
        yield NamespacedName(key.namespace, endpoint_slice.service_name), key, endpoint_slice


def render(read: Read, key: ProxyCluster, wanted: AnyCluster) -> Resource | None:
    """Render the endpoints of one backend; none where it is gone or resolved by Envoy itself."""
    del key
    if isinstance(wanted, FailoverKey):
        return None
    name = cluster_name(wanted)
    members = wanted.members if isinstance(wanted, PoolKey) else ((wanted, 1),)
    found = [(weight, _FINDERS[member.kind](read, member)) for member, weight in members]
    if all(addresses is None for _, addresses in found):
        return None
    assignment = endpoint_pb2.ClusterLoadAssignment(cluster_name=name)
    for i, (weight, addresses) in enumerate(found):
        if addresses:
            assignment.endpoints.append(_locality(f"{name}/backend/{i}", addresses, weight))
    return resource(ENDPOINTS, name, serialised(assignment))


def _service(read: Read, key: ClusterKey) -> list[_Address] | None:
    owner = NamespacedName(key.namespace, key.name)
    service = read(SERVICES, owner)
    if service is None:
        return None
    slices = (read(SLICES, owner) or {}).values()
    found = sorted((address for each in slices for address in _slice_addresses(each, service, key.port)), reverse=True)
    # While a pod moves from one slice to another it is in both: the ready one comes last, and counts.
    return sorted({(address.address, address.port): address for address in found}.values())


def _slice_addresses(endpoint_slice: EndpointSlice, service: Service, port: int) -> Iterable[_Address]:
    names = {each.name for each in service.spec.ports if each.port == port and each.protocol == "TCP"}
    ports = [each.port for each in endpoint_slice.ports if each.name in names and each.port]
    if endpoint_slice.address_type == "FQDN":
        return
    for endpoint in endpoint_slice.endpoints:
        state = endpoint.conditions
        ready = state.ready is not False or service.spec.publish_not_ready_addresses
        draining = not ready and bool(state.terminating) and state.serving is not False
        if ready or draining:
            for target in ports:
                yield _Address(endpoint.addresses[0], target, "", draining)


def _backend(read: Read, key: ClusterKey) -> list[_Address] | None:
    backend = read(BACKENDS, NamespacedName(key.namespace, key.name))
    if backend is None or any(endpoint.fqdn for endpoint in backend.spec.endpoints):
        return None
    return sorted({_Address(each.ip.address, each.ip.port, each.hostname or "") for each in backend.spec.endpoints if each.ip})


_FINDERS: Final = {"service": _service, "backend": _backend}


def _locality(name: str, addresses: list[_Address], weight: int) -> endpoint_components_pb2.LocalityLbEndpoints:
    return endpoint_components_pb2.LocalityLbEndpoints(
        locality=base_pb2.Locality(region=name),
        lb_endpoints=[_endpoint(address) for address in addresses],
        load_balancing_weight=UInt32Value(value=weight) if weight else None,  # without a weight it gets no new requests
    )


def _endpoint(address: _Address) -> endpoint_components_pb2.LbEndpoint:
    endpoint = endpoint_components_pb2.LbEndpoint(
        endpoint=endpoint_components_pb2.Endpoint(
            address=address_pb2.Address(
                socket_address=address_pb2.SocketAddress(address=address.address, port_value=address.port)
            ),
            hostname=address.hostname,
        ),
        load_balancing_weight=UInt32Value(value=1),
    )
    if address.draining:
        endpoint.health_status = health_check_pb2.DRAINING
    return endpoint
