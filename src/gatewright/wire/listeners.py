"""xDS listeners: one a port of a proxy.

Plain HTTP listeners of a port share one default filter chain and one route configuration; every HTTPS listener has a filter
chain of its own, chosen by SNI, with its own certificates and route configuration. A TLS listener has a chain for every host of
its routes, so that nothing of a route touches the connections of another; a TCP listener has one chain, a UDP listener none.
Constants are those of Envoy Gateway (conventions, section 2).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from envoy.config.core.v3 import address_pb2, base_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector

from gatewright.flow import Read
from gatewright.graph.attachment import route_config
from gatewright.graph.conflicts import FRAMING
from gatewright.graph.listeners import ListenerFacts, PortFacts
from gatewright.graph.proxies import bound_port
from gatewright.graph.tables import ONLY, PROXIES, SETTINGS, DatagramKey, PortKey, VirtualHostKey
from gatewright.wire.accesslog import access_logs
from gatewright.wire.clusters import cluster_name
from gatewright.wire.connection_manager import connection_manager
from gatewright.wire.datagrams import udp_proxy
from gatewright.wire.downstream_tls import downstream_tls
from gatewright.wire.encoding import packed, serialised
from gatewright.wire.resource import LISTENER, Resource, resource
from gatewright.wire.routes import listener_name
from gatewright.wire.streams import discovered, filter_name, label, refusing
from gatewright.wire.tables import STREAM_HOSTS

_TLS_INSPECTOR: Final = "envoy.filters.listener.tls_inspector"
_BUFFER_BYTES: Final = 32768


def render(read: Read, key: PortKey, port: PortFacts) -> Resource | None:
    """Render the xDS listener of a port; none while no listener on it serves."""
    serving = port.serving
    if not serving:
        return None
    addresses = _addresses(read, key, port)
    listener = listener_pb2.Listener(
        name=listener_name(serving[0].key),
        address=addresses[0],
        additional_addresses=[listener_pb2.AdditionalAddress(address=address) for address in addresses[1:]],
        access_log=access_logs(unrouted=True),
    )
    if key.transport == "UDP":
        listener.listener_filters.append(udp_proxy(cluster_name(DatagramKey(serving[0].key))))
    else:
        _take_connections(read, key, serving, listener)
    return resource(LISTENER, listener.name, serialised(listener))


def _addresses(read: Read, key: PortKey, port: PortFacts) -> list[address_pb2.Address]:
    bound = bound_port(read, key)
    settings = read(SETTINGS, ONLY)
    asked = port.addresses if settings and settings.host_addresses is not None else ()
    addresses = [_address(address, bound) for address in asked] or [_everywhere(read, key, bound)]
    if key.transport == "UDP":
        for address in addresses:
            address.socket_address.protocol = address_pb2.SocketAddress.UDP
    return addresses


def _take_connections(read: Read, key: PortKey, serving: Sequence[ListenerFacts], listener: listener_pb2.Listener) -> None:
    """Add what every listener of connections has, and the chains of the protocols that share the port."""
    settings = read(SETTINGS, ONLY)
    listener.per_connection_buffer_limit_bytes.value = _BUFFER_BYTES
    listener.max_connections_to_accept_per_socket_event.value = 1
    if settings and settings.shared_host:  # with SO_REUSEPORT a port that someone else has would be shared, not refused
        listener.enable_reuse_port.value = False
    if serving[0].listener.protocol == "HTTP":
        listener.default_filter_chain.CopyFrom(_http_chain(read, key, serving[0]))
        return
    if FRAMING[serving[0].listener.protocol] == "TLS":
        listener.listener_filters.append(
            listener_components_pb2.ListenerFilter(name=_TLS_INSPECTOR, typed_config=packed(TlsInspector()))
        )
    for facts in serving:
        chains = (_https_chain(read, key, facts),) if facts.listener.protocol == "HTTPS" else _stream_chains(read, key, facts)
        listener.filter_chains.extend(chains)


def _everywhere(read: Read, key: PortKey, port: int) -> address_pb2.Address:
    """All addresses of the family that the EnvoyProxy names; those of IPv4 unless it does."""
    proxy = read(PROXIES, key.proxy)
    family = proxy.parameters.ip_family if proxy else None
    if family in {None, "IPv4"}:
        return _address("0.0.0.0", port)  # noqa: S104 - a gateway listens where no address is asked for
    address = _address("::", port)
    address.socket_address.ipv4_compat = family == "DualStack"
    return address


def _http_chain(read: Read, key: PortKey, facts: ListenerFacts) -> listener_components_pb2.FilterChain:
    return listener_components_pb2.FilterChain(name=listener_name(facts.key), filters=[connection_manager(read, key, facts)])


def _https_chain(read: Read, key: PortKey, facts: ListenerFacts) -> listener_components_pb2.FilterChain:
    return listener_components_pb2.FilterChain(
        name=listener_name(facts.key),
        filter_chain_match=_match(facts.hostname),
        filters=[connection_manager(read, key, facts)],
        transport_socket=_terminating(facts),
    )


def _stream_chains(read: Read, key: PortKey, facts: ListenerFacts) -> Iterator[listener_components_pb2.FilterChain]:
    """Make a chain for each host with routes, and one for the listener's own: a less specific listener shall not take it.

    Without routes for it that one closes the connection, before there is any TLS.
    """
    config = route_config(key.proxy, facts)
    routed = read(STREAM_HOSTS, config) or {}
    for host in sorted({*routed, facts.hostname}):
        site = VirtualHostKey(config, host)
        closing = refusing(read, key, label(facts.listener.protocol, terminates=facts.terminates))
        yield listener_components_pb2.FilterChain(
            name=filter_name(site),
            filter_chain_match=_match(host),
            filters=[discovered(site) if host in routed else closing],
            transport_socket=_terminating(facts) if facts.terminates and host in routed else None,
        )


def _match(host: str) -> listener_components_pb2.FilterChainMatch | None:
    return listener_components_pb2.FilterChainMatch(server_names=[host]) if host else None


def _terminating(facts: ListenerFacts) -> base_pb2.TransportSocket:
    return base_pb2.TransportSocket(name="envoy.transport_sockets.tls", typed_config=packed(downstream_tls(facts)))


def _address(address: str, port: int) -> address_pb2.Address:
    return address_pb2.Address(socket_address=address_pb2.SocketAddress(address=address, port_value=port))
