"""Endpoints: the ClusterLoadAssignment of each EDS cluster, touched by nothing but the endpoints themselves."""

from collections.abc import Iterator, Sequence

from gatewright.api.core import EndpointSlice
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.backends import has_names
from gatewright.graph.tables import DatagramKey, FailoverKey, PoolKey, ProxyCluster, WantedCluster
from gatewright.wire import datagrams
from gatewright.wire.addresses import Group, addresses, assignment
from gatewright.wire.clusters import cluster_name
from gatewright.wire.encoding import serialised
from gatewright.wire.resource import ENDPOINTS, Resource, resource


def by_service(
    key: NamespacedName, endpoint_slice: EndpointSlice
) -> Iterator[tuple[NamespacedName, NamespacedName, EndpointSlice]]:
    """Gather slices by the Service or ServiceImport that they belong to."""
    if endpoint_slice.owner:
        yield NamespacedName(key.namespace, endpoint_slice.owner), key, endpoint_slice


def render(read: Read, key: ProxyCluster, wanted: WantedCluster) -> Resource | None:
    """Render the endpoints of one cluster; none where its backend is gone, or resolved by Envoy itself."""
    del key
    groups = _groups(read, wanted)
    if groups is None:
        return None
    name = cluster_name(wanted)
    return resource(ENDPOINTS, name, serialised(assignment(name, groups)))


def _groups(read: Read, wanted: WantedCluster) -> Sequence[Group] | None:
    if isinstance(wanted, DatagramKey):
        return None if datagrams.has_names(read, wanted) else datagrams.groups(read, wanted)
    if isinstance(wanted, FailoverKey):
        return None
    members = wanted.members if isinstance(wanted, PoolKey) else ((wanted, 1),)
    found = [(weight, None if has_names(read, member) else addresses(read, member)) for member, weight in members]
    known = any(each is not None for _, each in found)
    return [(weight, each or ()) for weight, each in found] if known else None
