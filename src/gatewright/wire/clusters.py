"""Clusters: one a backend, named by what it is.

A failover is a cluster of clusters (Envoy's aggregate); a pool has the endpoints of its members, by weight. Service endpoints and
IP endpoints come over EDS; FQDN endpoints are resolved by Envoy (cluster type DNS). Constants are those of Envoy Gateway
(conventions, section 2).
"""

import math
from typing import Final, NamedTuple

from envoy.config.cluster.v3 import circuit_breaker_pb2, cluster_pb2
from envoy.config.core.v3 import address_pb2, health_check_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.extensions.clusters.aggregate.v3.cluster_pb2 import ClusterConfig
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from gatewright.api.backend import Backend
from gatewright.api.durations import milliseconds
from gatewright.api.meta import NamespacedName
from gatewright.api.xbackendtrafficpolicy import XBackendTrafficPolicy
from gatewright.flow import Read
from gatewright.graph import traffic_policies
from gatewright.graph.backend_tls import UpstreamTls
from gatewright.graph.backends import has_names, protocols
from gatewright.graph.tables import (
    BACKENDS,
    CLUSTER_TLS,
    SERVICE_IMPORTS,
    SERVICES,
    X_BACKENDS,
    ClusterKey,
    DatagramKey,
    FailoverKey,
    PoolKey,
    ProxyCluster,
    WantedCluster,
)
from gatewright.wire import datagrams, upstream_tls
from gatewright.wire.addresses import addresses, assignment
from gatewright.wire.config_source import ads
from gatewright.wire.encoding import packed, serialised
from gatewright.wire.resource import CLUSTER, Resource, resource

HTTP_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_BUFFER_BYTES: Final = 32768
_CONNECT_TIMEOUT: Final = Duration(seconds=10)
_H2C: Final = frozenset({"kubernetes.io/h2c", "gateway.envoyproxy.io/h2c", "grpc"})
_SESSIONS_HOLD: Final = health_check_pb2.HealthStatusSet(
    statuses=[health_check_pb2.UNKNOWN, health_check_pb2.HEALTHY, health_check_pb2.DEGRADED, health_check_pb2.DRAINING]
)
_WEBSOCKET: Final = frozenset({"kubernetes.io/ws", "kubernetes.io/wss", "gateway.envoyproxy.io/ws", "gateway.envoyproxy.io/wss"})


def cluster_name(key: WantedCluster) -> str:
    """Name a cluster: `service/<namespace>/<name>/<port>`, `backend/<namespace>/<name>`, or `failover/` and those in order.

    The cluster of calls to a backend ends in `/grpc`, that of the TLS of clients in `/passthrough`; that of a pool is `pool/` and
    its members with their weights, that of a UDP listener `udp/<listener>`.
    """
    if isinstance(key, DatagramKey):
        return f"udp/{key.listener}"
    if isinstance(key, PoolKey):
        return f"pool/{'|'.join(f'{cluster_name(cluster)}={weight}' for cluster, weight in key.members)}"
    if isinstance(key, FailoverKey):
        return f"failover/{'|'.join(cluster_name(cluster) for cluster in key.clusters)}"
    parts = (key.kind, key.namespace, key.name, str(key.port or ""), key.protocol)
    return "/".join(part for part in parts if part)


def render(read: Read, key: ProxyCluster, wanted: WantedCluster) -> Resource | None:
    """Render one cluster; none where its backend is gone."""
    if isinstance(wanted, FailoverKey):
        cluster = _failover(wanted)
    elif isinstance(wanted, DatagramKey):
        cluster = _datagrams(read, wanted)
    else:
        one = wanted.members[0][0] if isinstance(wanted, PoolKey) else wanted
        found = _RENDERERS[one.kind](read, one)
        if found is None:
            return None
        cluster = found.cluster
        cluster.name = cluster_name(wanted)
        _set_protocols(read, cluster, found.protocols, read(CLUSTER_TLS, key))
        _set_budget(cluster, traffic_policies.of_cluster(read, one))
    return resource(CLUSTER, cluster.name, serialised(cluster))


def _set_budget(cluster: cluster_pb2.Cluster, policy: XBackendTrafficPolicy | None) -> None:
    """Limit retries to a share of the requests under way; Envoy counts those, where the policy counts a time."""
    if policy is None or policy.spec.retry_constraint is None:
        return
    constraint = policy.spec.retry_constraint
    rate = constraint.min_retry_rate
    seconds = milliseconds(rate.interval or "1s") / 1000
    budget = cluster.circuit_breakers.thresholds[0].retry_budget
    budget.budget_percent.value = constraint.budget.percent
    budget.min_retry_concurrency.value = max(1, math.ceil((rate.count or 10) / seconds))


class _Found(NamedTuple):
    """A cluster but for how it speaks, and the protocols that its backend asks for."""

    cluster: cluster_pb2.Cluster
    protocols: frozenset[str]


def _set_protocols(read: Read, cluster: cluster_pb2.Cluster, names: frozenset[str], tls: UpstreamTls | None) -> None:
    if tls is None:
        options = _protocols(names)
    else:
        cluster.transport_socket.CopyFrom(upstream_tls.transport_socket(read, tls))
        options = upstream_tls.options(tls, speaks_http2=bool(names & _H2C), speaks_http1=bool(names & _WEBSOCKET))
    if options is not None:
        cluster.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(packed(options))


def _failover(key: FailoverKey) -> cluster_pb2.Cluster:
    members = [cluster_name(cluster) for cluster in key.clusters]
    return cluster_pb2.Cluster(
        name=cluster_name(key),
        connect_timeout=_CONNECT_TIMEOUT,
        lb_policy=cluster_pb2.Cluster.CLUSTER_PROVIDED,
        cluster_type=cluster_pb2.Cluster.CustomClusterType(
            name="envoy.clusters.aggregate", typed_config=packed(ClusterConfig(clusters=members))
        ),
    )


def _service(read: Read, key: ClusterKey) -> _Found | None:
    found = read(SERVICES, NamespacedName(key.namespace, key.name))
    return None if found is None else _Found(_eds(key), protocols(read, key) | {key.protocol})


def _backend(read: Read, key: ClusterKey) -> _Found | None:
    backend = read(BACKENDS, NamespacedName(key.namespace, key.name))
    if backend is None:
        return None
    return _Found(_dns(key, backend) if has_names(read, key) else _eds(key), protocols(read, key) | {key.protocol})


def _datagrams(read: Read, key: DatagramKey) -> cluster_pb2.Cluster:
    if not datagrams.has_names(read, key):
        return _eds(key)
    return _looked_up(key, assignment(cluster_name(key), datagrams.groups(read, key)))


def _dns(key: ClusterKey, backend: Backend) -> cluster_pb2.Cluster:
    return _looked_up(key, _named_endpoints(cluster_name(key), backend))


def _looked_up(key: WantedCluster, endpoints: endpoint_pb2.ClusterLoadAssignment) -> cluster_pb2.Cluster:
    cluster = _base(key)
    cluster.type = cluster_pb2.Cluster.STRICT_DNS
    cluster.dns_refresh_rate.CopyFrom(Duration(seconds=30))
    cluster.respect_dns_ttl = True
    cluster.dns_lookup_family = cluster_pb2.Cluster.V4_PREFERRED
    cluster.load_assignment.CopyFrom(endpoints)
    return cluster


def _import(read: Read, key: ClusterKey) -> _Found | None:
    found = read(SERVICE_IMPORTS, NamespacedName(key.namespace, key.name))
    if found is None or found.spec is None:
        return None
    return _Found(_eds(key), protocols(read, key) | {key.protocol})


def _x_backend(read: Read, key: ClusterKey) -> _Found | None:
    backend = read(X_BACKENDS, NamespacedName(key.namespace, key.name))
    if backend is None:
        return None
    cluster = _looked_up(key, assignment(cluster_name(key), [(1, addresses(read, key) or ())]))
    return _Found(cluster, protocols(read, key) or frozenset({key.protocol}))


_RENDERERS: Final = {"service": _service, "serviceimport": _import, "backend": _backend, "xbackend": _x_backend}


def _named_endpoints(name: str, backend: Backend) -> endpoint_pb2.ClusterLoadAssignment:
    endpoints = [
        endpoint_components_pb2.LbEndpoint(
            endpoint=endpoint_components_pb2.Endpoint(
                address=address_pb2.Address(
                    socket_address=address_pb2.SocketAddress(address=endpoint.fqdn.hostname, port_value=endpoint.fqdn.port)
                ),
                hostname=endpoint.hostname or "",
            ),
            load_balancing_weight=UInt32Value(value=1),
        )
        for endpoint in backend.spec.endpoints
        if endpoint.fqdn
    ]
    locality = endpoint_components_pb2.LocalityLbEndpoints(lb_endpoints=endpoints, load_balancing_weight=UInt32Value(value=1))
    return endpoint_pb2.ClusterLoadAssignment(cluster_name=name, endpoints=[locality])


def _eds(key: WantedCluster) -> cluster_pb2.Cluster:
    cluster = _base(key)
    cluster.type = cluster_pb2.Cluster.EDS
    cluster.eds_cluster_config.eds_config.CopyFrom(ads())
    return cluster


def _base(key: WantedCluster) -> cluster_pb2.Cluster:
    return cluster_pb2.Cluster(
        name=cluster_name(key),
        connect_timeout=_CONNECT_TIMEOUT,
        per_connection_buffer_limit_bytes=UInt32Value(value=_BUFFER_BYTES),
        lb_policy=cluster_pb2.Cluster.LEAST_REQUEST,
        common_lb_config=cluster_pb2.Cluster.CommonLbConfig(
            locality_weighted_lb_config=cluster_pb2.Cluster.CommonLbConfig.LocalityWeightedLbConfig(),
            override_host_status=_SESSIONS_HOLD,
        ),
        ignore_health_on_host_removal=True,
        circuit_breakers=circuit_breaker_pb2.CircuitBreakers(
            thresholds=[circuit_breaker_pb2.CircuitBreakers.Thresholds(max_retries=UInt32Value(value=1024))]
        ),
    )


def _protocols(names: frozenset[str]) -> HttpProtocolOptions | None:
    """Choose the upstream protocol: a WebSocket backend speaks HTTP/1.1, an h2c or gRPC one HTTP/2; otherwise HTTP/1.1."""
    if names & _WEBSOCKET or not names & _H2C:
        return None
    return HttpProtocolOptions(
        explicit_http_config=HttpProtocolOptions.ExplicitHttpConfig(http2_protocol_options=upstream_tls.http2())
    )
