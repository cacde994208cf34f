"""Datagrams: what a UDP listener does with them, and the endpoints of its one cluster.

Envoy cannot change a UDP listener without losing track of its sessions. So the listener never changes: it names a cluster of its
own, whose endpoints are those of whichever route serves (the oldest), weighted by locality; a session keeps its endpoint for as
long as that is there. The share of a backend that cannot be resolved, or has no endpoints, goes to the port of loopback that
discards what it gets. Sources: Gateway API UDPRoute; Envoy's UDP proxy and locality weighted load balancing; RFC 863.
"""

from collections.abc import Sequence
from typing import Final

from envoy.config.listener.v3 import listener_components_pb2
from envoy.extensions.filters.udp.udp_proxy.v3 import route_pb2, udp_proxy_pb2
from xds.core.v3.extension_pb2 import TypedExtensionConfig
from xds.type.matcher.v3.matcher_pb2 import Matcher

from gatewright.flow import Read
from gatewright.graph import backends
from gatewright.graph.rules import Share
from gatewright.graph.tables import ATTACHED, BOUND, ClusterKey, DatagramKey, FailoverKey
from gatewright.wire import addresses
from gatewright.wire.accesslog import access_logs
from gatewright.wire.addresses import Address, Group
from gatewright.wire.encoding import packed

_UDP_PROXY: Final = "envoy.filters.udp_listener.udp_proxy"
_DISCARD: Final = (Address("127.0.0.1", 9),)


def udp_proxy(cluster: str) -> listener_components_pb2.ListenerFilter:
    """The filter of a UDP listener: every datagram belongs to a session with an endpoint of `cluster`."""
    action = Matcher.OnMatch(action=TypedExtensionConfig(name="route", typed_config=packed(route_pb2.Route(cluster=cluster))))
    config = udp_proxy_pb2.UdpProxyConfig(
        stat_prefix="service", matcher=Matcher(on_no_match=action), access_log=access_logs(unrouted=False)
    )
    return listener_components_pb2.ListenerFilter(name=_UDP_PROXY, typed_config=packed(config))


def groups(read: Read, key: DatagramKey) -> Sequence[Group]:
    """The endpoints of the route that serves on a listener, in groups as its weights are."""
    return [(share.weight, _addresses(read, share) or _DISCARD) for share in _serving(read, key)]


def has_names(read: Read, key: DatagramKey) -> bool:
    """Whether Envoy has to look up an endpoint."""
    return any(backends.has_names(read, cluster) for share in _serving(read, key) for cluster in _clusters(share))


def _serving(read: Read, key: DatagramKey) -> tuple[Share, ...]:
    bound = [route for each in read(ATTACHED, key.listener) or () if (route := read(BOUND, each)) is not None]
    oldest = min(bound, key=lambda route: (route.created, route.key), default=None)
    return oldest.facts.rules[0].serving if oldest else ()


def _addresses(read: Read, share: Share) -> Sequence[Address]:
    """The addresses of a share: of several clusters, the first that has any."""
    found = (addresses.addresses(read, cluster, "UDP") for cluster in _clusters(share))
    return next(filter(None, found), ())


def _clusters(share: Share) -> tuple[ClusterKey, ...]:
    if isinstance(share.cluster, FailoverKey):
        return share.cluster.clusters
    return (share.cluster,) if isinstance(share.cluster, ClusterKey) else ()
