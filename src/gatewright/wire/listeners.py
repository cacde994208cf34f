"""xDS listeners: one a port of a proxy.

Plain HTTP listeners of a port share one default filter chain and one route configuration; every HTTPS listener has a filter
chain of its own, chosen by SNI, with its own certificates and route configuration. Constants are those of Envoy Gateway
(conventions, section 2).
"""

from typing import Final

from envoy.config.core.v3 import address_pb2, base_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from google.protobuf.wrappers_pb2 import UInt32Value

from gatewright.flow import Read
from gatewright.graph.listeners import ListenerFacts, PortFacts
from gatewright.graph.proxies import bound_port
from gatewright.graph.tables import ONLY, PROXIES, SETTINGS, PortKey
from gatewright.wire.accesslog import access_logs
from gatewright.wire.connection_manager import connection_manager
from gatewright.wire.downstream_tls import downstream_tls
from gatewright.wire.encoding import packed, serialised
from gatewright.wire.resource import LISTENER, Resource, resource
from gatewright.wire.routes import listener_name

_TLS_INSPECTOR: Final = "envoy.filters.listener.tls_inspector"
_BUFFER_BYTES: Final = 32768


def render(read: Read, key: PortKey, port: PortFacts) -> Resource | None:
    """Render the xDS listener of a port; none while no listener on it serves."""
    serving = port.serving
    if not serving:
        return None
    bound = bound_port(read, key)
    settings = read(SETTINGS, ONLY)
    asked = port.addresses if settings and settings.host_addresses is not None else ()
    addresses = [_address(address, bound) for address in asked] or [_everywhere(read, key, bound)]
    listener = listener_pb2.Listener(
        name=listener_name(serving[0].key),
        address=addresses[0],
        additional_addresses=[listener_pb2.AdditionalAddress(address=address) for address in addresses[1:]],
        per_connection_buffer_limit_bytes=UInt32Value(value=_BUFFER_BYTES),
        max_connections_to_accept_per_socket_event=UInt32Value(value=1),
        access_log=access_logs(unrouted=True),
    )
    if settings and settings.shared_host:  # with SO_REUSEPORT a port that someone else has would be shared, not refused
        listener.enable_reuse_port.value = False
    if serving[0].listener.protocol == "HTTPS":
        listener.listener_filters.append(
            listener_components_pb2.ListenerFilter(name=_TLS_INSPECTOR, typed_config=packed(TlsInspector()))
        )
        listener.filter_chains.extend(_https_chain(read, key, facts) for facts in serving)
    else:
        listener.default_filter_chain.CopyFrom(_http_chain(read, key, serving[0]))
    return resource(LISTENER, listener.name, serialised(listener))


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
    match = listener_components_pb2.FilterChainMatch(server_names=[facts.hostname]) if facts.hostname else None
    return listener_components_pb2.FilterChain(
        name=listener_name(facts.key),
        filter_chain_match=match,
        filters=[connection_manager(read, key, facts)],
        transport_socket=base_pb2.TransportSocket(name="envoy.transport_sockets.tls", typed_config=packed(downstream_tls(facts))),
    )


def _address(address: str, port: int) -> address_pb2.Address:
    return address_pb2.Address(socket_address=address_pb2.SocketAddress(address=address, port_value=port))
