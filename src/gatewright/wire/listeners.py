"""xDS listeners: one a port of a proxy.

Plain HTTP listeners of a port share one default filter chain and one route configuration; every HTTPS listener has a filter
chain of its own, chosen by SNI, with its own certificates and route configuration. Constants are those of Envoy Gateway
(conventions, section 2).
"""

from typing import Final

from envoy.config.core.v3 import address_pb2, base_pb2, protocol_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_pb
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, secret_pb2, tls_pb2
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from gatewright.features import cors
from gatewright.flow import Read
from gatewright.graph.attachment import route_config
from gatewright.graph.findings import OVERLAPPING_TLS, of
from gatewright.graph.listeners import ListenerFacts, PortFacts
from gatewright.graph.tables import ONLY, SETTINGS, PortKey
from gatewright.wire.accesslog import access_logs
from gatewright.wire.clusters import ads
from gatewright.wire.encoding import packed, serialised
from gatewright.wire.resource import LISTENER, Resource, resource
from gatewright.wire.routes import configuration_name, listener_name
from gatewright.wire.secrets import secret_name

_TLS_INSPECTOR: Final = "envoy.filters.listener.tls_inspector"
_ROUTER: Final = "envoy.filters.http.router"
_EVERYWHERE: Final = ("0.0.0.0",)  # noqa: S104 - a gateway listens where no address is asked for
_BUFFER_BYTES: Final = 32768
_WELL_KNOWN_LIMIT: Final = 1024
_SHIFT: Final = 10000


def render(read: Read, key: PortKey, port: PortFacts) -> Resource | None:
    """Render the xDS listener of a port; none while no listener on it serves."""
    serving = port.serving
    if not serving:
        return None
    bound = bound_port(read, key.port)
    settings = read(SETTINGS, ONLY)
    asked = port.addresses if settings and settings.host_addresses is not None else ()
    addresses = [_address(address, bound) for address in asked or _EVERYWHERE]
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


def bound_port(read: Read, port: int) -> int:
    """The port that the proxy binds for a listener's port: shifted in a container, the same on a host."""
    settings = read(SETTINGS, ONLY)
    return port + _SHIFT if settings and settings.shift_low_ports and port < _WELL_KNOWN_LIMIT else port


def _http_chain(read: Read, key: PortKey, facts: ListenerFacts) -> listener_components_pb2.FilterChain:
    return listener_components_pb2.FilterChain(name=listener_name(facts.key), filters=[_connection_manager(read, key, facts)])


def _https_chain(read: Read, key: PortKey, facts: ListenerFacts) -> listener_components_pb2.FilterChain:
    match = listener_components_pb2.FilterChainMatch(server_names=[facts.hostname]) if facts.hostname else None
    return listener_components_pb2.FilterChain(
        name=listener_name(facts.key),
        filter_chain_match=match,
        filters=[_connection_manager(read, key, facts)],
        transport_socket=base_pb2.TransportSocket(name="envoy.transport_sockets.tls", typed_config=packed(_tls(facts))),
    )


def _tls(facts: ListenerFacts) -> tls_pb2.DownstreamTlsContext:
    """Terminate TLS; with overlapping hosts on the port without HTTP/2, whose clients would reuse connections."""
    secrets = facts.tls.secrets if facts.tls else ()
    alpn = ["http/1.1"] if of(facts.findings, OVERLAPPING_TLS) else ["h2", "http/1.1"]
    return tls_pb2.DownstreamTlsContext(
        common_tls_context=tls_pb2.CommonTlsContext(
            tls_params=common_pb2.TlsParameters(),
            alpn_protocols=alpn,
            tls_certificate_sds_secret_configs=[
                secret_pb2.SdsSecretConfig(name=secret_name(secret), sds_config=ads()) for secret in secrets
            ],
        ),
        disable_stateless_session_resumption=True,
        disable_stateful_session_resumption=True,
    )


def _connection_manager(read: Read, key: PortKey, facts: ListenerFacts) -> listener_components_pb2.Filter:
    https = facts.listener.protocol == "HTTPS"
    name = configuration_name(read, route_config(key.proxy, facts)) or ""
    manager = hcm_pb.HttpConnectionManager(
        codec_type=hcm_pb.HttpConnectionManager.AUTO,
        stat_prefix=f"{'https' if https else 'http'}-{bound_port(read, key.port)}",
        rds=hcm_pb.Rds(config_source=ads(), route_config_name=name),
        http_filters=[
            cors.http_filter(),
            hcm_pb.HttpFilter(name=_ROUTER, typed_config=packed(Router(suppress_envoy_headers=True))),
        ],
        upgrade_configs=[hcm_pb.HttpConnectionManager.UpgradeConfig(upgrade_type="websocket")],  # here once, not in every route
        server_header_transformation=hcm_pb.HttpConnectionManager.PASS_THROUGH,
        use_remote_address=BoolValue(value=True),
        normalize_path=BoolValue(value=True),
        merge_slashes=True,
        path_with_escaped_slashes_action=hcm_pb.HttpConnectionManager.UNESCAPE_AND_REDIRECT,
        forward_client_cert_details=hcm_pb.HttpConnectionManager.SANITIZE,
        common_http_protocol_options=protocol_pb2.HttpProtocolOptions(
            headers_with_underscores_action=protocol_pb2.HttpProtocolOptions.REJECT_REQUEST
        ),
        http2_protocol_options=protocol_pb2.Http2ProtocolOptions(
            max_concurrent_streams=UInt32Value(value=100),
            initial_stream_window_size=UInt32Value(value=65536),
            initial_connection_window_size=UInt32Value(value=1048576),
        ),
        access_log=access_logs(unrouted=False),
    )
    return listener_components_pb2.Filter(name="envoy.filters.network.http_connection_manager", typed_config=packed(manager))


def _address(address: str, port: int) -> address_pb2.Address:
    return address_pb2.Address(socket_address=address_pb2.SocketAddress(address=address, port_value=port))
