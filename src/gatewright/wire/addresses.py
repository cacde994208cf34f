"""Where the endpoints of a backend are, and how Envoy is told: groups of addresses, each a locality with a weight.

Of a Service or ServiceImport: the ready addresses of its EndpointSlices, at the port that the slice gives to the port's name;
terminating ones that still serve are drained. Of a Backend or XBackend: its endpoints, some of which may be names. Sources:
Kubernetes EndpointSlice; KEP-1645; conventions, section 1 (Endpoints).
"""

from collections.abc import Iterable, Sequence

import msgspec
from envoy.config.core.v3 import address_pb2, base_pb2, health_check_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from google.protobuf.wrappers_pb2 import UInt32Value

from gatewright.api.core import EndpointSlice, imported
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.tables import BACKENDS, SERVICE_IMPORTS, SERVICES, SLICES, X_BACKENDS, ClusterKey, Transport


class Address(msgspec.Struct, frozen=True, order=True):
    """One endpoint; `address` may be a name that Envoy looks up."""

    address: str
    port: int
    hostname: str = ""
    draining: bool = False


Group = tuple[int, Sequence[Address]]
"""The weight of some addresses among others, and they."""


def addresses(read: Read, key: ClusterKey, transport: Transport = "TCP") -> list[Address] | None:
    """The addresses of a backend, in order; None where it is gone."""
    match key.kind:
        case "service":
            return _service(read, key, transport)
        case "serviceimport":
            return _import(read, key, transport)
        case "xbackend":
            return _x_backend(read, key)
        case _:
            return _backend(read, key)


def assignment(name: str, groups: Sequence[Group]) -> endpoint_pb2.ClusterLoadAssignment:
    """The endpoints of the cluster `name`, a locality a group that has any."""
    localities = [_locality(f"{name}/backend/{i}", *group) for i, group in enumerate(groups) if group[1]]
    return endpoint_pb2.ClusterLoadAssignment(cluster_name=name, endpoints=localities)


def _service(read: Read, key: ClusterKey, transport: Transport) -> list[Address] | None:
    owner = NamespacedName(key.namespace, key.name)
    service = read(SERVICES, owner)
    if service is None:
        return None
    names = {each.name for each in service.spec.ports if each.port == key.port and each.protocol == transport}
    return _of_slices(read, owner, names, unready=service.spec.publish_not_ready_addresses)


def _import(read: Read, key: ClusterKey, transport: Transport) -> list[Address] | None:
    found = read(SERVICE_IMPORTS, NamespacedName(key.namespace, key.name))
    if found is None or found.spec is None:
        return None
    names = {each.name for each in found.spec.ports if each.port == key.port and each.protocol == transport}
    return _of_slices(read, NamespacedName(key.namespace, imported(key.name)), names, unready=False)


def _x_backend(read: Read, key: ClusterKey) -> list[Address] | None:
    found = read(X_BACKENDS, NamespacedName(key.namespace, key.name))
    if found is None or found.spec.external_hostname is None:
        return None
    return [Address(found.spec.external_hostname.hostname, found.spec.port.port)]


def _of_slices(read: Read, owner: NamespacedName, names: set[str], *, unready: bool) -> list[Address]:
    slices = (read(SLICES, owner) or {}).values()
    found = sorted((address for each in slices for address in _slice_addresses(each, names, unready=unready)), reverse=True)
    # While a pod moves from one slice to another it is in both: the ready one comes last, and counts.
    return sorted({(address.address, address.port): address for address in found}.values())


def _slice_addresses(endpoint_slice: EndpointSlice, names: set[str], *, unready: bool) -> Iterable[Address]:
    ports = [each.port for each in endpoint_slice.ports if each.name in names and each.port]
    if endpoint_slice.address_type == "FQDN":
        return
    for endpoint in endpoint_slice.endpoints:
        state = endpoint.conditions
        ready = state.ready is not False or unready
        draining = not ready and bool(state.terminating) and state.serving is not False
        if ready or draining:
            for target in ports:
                yield Address(endpoint.addresses[0], target, "", draining)


def _backend(read: Read, key: ClusterKey) -> list[Address] | None:
    backend = read(BACKENDS, NamespacedName(key.namespace, key.name))
    if backend is None:
        return None
    places = ((each.ip.address, each.ip.port, each) for each in backend.spec.endpoints if each.ip)
    names = ((each.fqdn.hostname, each.fqdn.port, each) for each in backend.spec.endpoints if each.fqdn)
    return sorted({Address(address, port, each.hostname or "") for address, port, each in (*places, *names)})


def _locality(region: str, weight: int, members: Sequence[Address]) -> endpoint_components_pb2.LocalityLbEndpoints:
    return endpoint_components_pb2.LocalityLbEndpoints(
        locality=base_pb2.Locality(region=region),
        lb_endpoints=[_endpoint(address) for address in members],
        load_balancing_weight=UInt32Value(value=weight) if weight else None,  # without a weight it gets nothing new
    )


def _endpoint(address: Address) -> endpoint_components_pb2.LbEndpoint:
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
