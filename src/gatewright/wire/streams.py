"""Streams: where the connections of a TCP or TLS listener go that no HTTP is read from.

What RouteConfigurations are to requests, a filter by discovery (ECDS) is to connections: the filter chain of a host names it, and
a changed route changes the filter alone. So connections that are open stay as they are, however old, and new ones go where the
route says. Backends that cannot be resolved keep their share as a cluster that is never there, which closes the connection. Of
several routes the oldest serves. Constants are those of Envoy Gateway (conventions, section 2).
"""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import msgspec
from envoy.config.core.v3.config_source_pb2 import ExtensionConfigSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.listener.v3 import listener_components_pb2
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy

from gatewright.flow import Read
from gatewright.graph.attachment import BoundRoute
from gatewright.graph.proxies import bound_port
from gatewright.graph.tables import AnyCluster, PortKey, RouteConfigKey, RouteKey, VirtualHostKey
from gatewright.wire.accesslog import access_logs
from gatewright.wire.clusters import cluster_name
from gatewright.wire.config_source import ads
from gatewright.wire.encoding import packed, serialised
from gatewright.wire.resource import EXTENSION, Resource, resource
from gatewright.wire.rules import INVALID_BACKEND

STREAMS: Final = frozenset({"TLS", "TCP"})
"""The protocols of listeners whose connections are passed on."""

_TCP_PROXY: Final = "envoy.filters.network.tcp_proxy"
_TYPE: Final = f"type.googleapis.com/{TcpProxy.DESCRIPTOR.full_name}"


Share: TypeAlias = tuple[int, AnyCluster | None]
"""A weight, and where that share of connections goes; nowhere without a cluster."""


class StreamRoute(msgspec.Struct, frozen=True):
    """A route on one host of a listener, and what stands between: `label` says which kind of listener."""

    created: str
    label: str
    shares: tuple[Share, ...]


def by_host(key: RouteKey, route: BoundRoute) -> Iterator[tuple[VirtualHostKey, RouteKey, StreamRoute]]:
    """Spread routes over the hosts of the listeners that pass their connections on."""
    del key
    for place in route.places:
        if place.protocol in STREAMS:
            serving = route.facts.rules[0].serving  # v1 has one rule; nothing tells the connections of several apart
            shares = tuple((share.weight, place.reaches(share.cluster) if share.cluster else None) for share in serving)
            for host in place.hosts:
                yield host, route.key, StreamRoute(route.created, label(place.protocol, terminates=place.terminates), shares)


def render(read: Read, key: VirtualHostKey, routes: Mapping[RouteKey, StreamRoute]) -> Resource:
    """Render the filter of a host: the oldest of its routes serves."""
    oldest = min(routes, key=lambda route: (routes[route].created, route.namespace, route.name, route.kind))
    serving = routes[oldest]
    port = bound_port(read, PortKey(key.config.proxy, key.config.port))
    proxy = _proxy(serving.label, port, serving.shares)
    config = TypedExtensionConfig(name=filter_name(key), typed_config=packed(proxy))
    return resource(EXTENSION, config.name, serialised(config))


def by_listener(key: VirtualHostKey, filter_: Resource) -> Iterator[tuple[RouteConfigKey, str, None]]:
    """Gather the hosts that have routes by their listener; what the routes say does not matter to it."""
    del filter_
    yield key.config, key.host, None


def discovered(key: VirtualHostKey) -> listener_components_pb2.Filter:
    """The filter of a host that has routes, to be discovered; the listener waits for it."""
    source = ExtensionConfigSource(config_source=ads(), type_urls=[_TYPE])
    return listener_components_pb2.Filter(name=filter_name(key), config_discovery=source)


def refusing(read: Read, key: PortKey, label_: str) -> listener_components_pb2.Filter:
    """The filter of a host without routes: it closes connections."""
    proxy = _proxy(label_, bound_port(read, key), ())
    return listener_components_pb2.Filter(name=_TCP_PROXY, typed_config=packed(proxy))


def label(protocol: str, *, terminates: bool) -> str:
    """Name the kind of a listener, as its statistics do."""
    if protocol == "TLS":
        return "tls-terminate" if terminates else "tls-passthrough"
    return protocol.lower()


def filter_name(key: VirtualHostKey) -> str:
    """Name the filter of a host, and its filter chain, like a virtual host: `<listener>/<host>`; the listener alone for all."""
    return f"{key.config.listener}/{key.host.replace('.', '_')}" if key.host else key.config.listener


def _proxy(label_: str, port: int, shares: tuple[Share, ...]) -> TcpProxy:
    proxy = TcpProxy(stat_prefix=f"{label_}-{port}", access_log=access_logs(unrouted=False))
    named = [(cluster_name(cluster) if cluster else INVALID_BACKEND, weight) for weight, cluster in shares]
    if len(named) > 1:
        clusters = [TcpProxy.WeightedCluster.ClusterWeight(name=name, weight=weight) for name, weight in named]
        proxy.weighted_clusters.clusters.extend(clusters)
    else:
        proxy.cluster = named[0][0] if named else INVALID_BACKEND
    return proxy
