"""The HTTP connection manager of a listener: how HTTP is read, and the filters that every request passes.

Constants are those of Envoy Gateway (conventions, section 2). The filters are those of features, in their order, then the router.
"""

from typing import Final

from envoy.config.core.v3 import protocol_pb2
from envoy.config.listener.v3 import listener_components_pb2
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_pb
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from gatewright.features import chain
from gatewright.flow import Read
from gatewright.graph.attachment import route_config
from gatewright.graph.frontend_tls import ClientValidation
from gatewright.graph.listeners import ListenerFacts
from gatewright.graph.proxies import bound_port
from gatewright.graph.tables import PortKey
from gatewright.wire.accesslog import access_logs
from gatewright.wire.config_source import ads
from gatewright.wire.encoding import packed
from gatewright.wire.routes import configuration_name

_ROUTER: Final = "envoy.filters.http.router"


def connection_manager(read: Read, key: PortKey, facts: ListenerFacts) -> listener_components_pb2.Filter:
    """Return the network filter of an HTTP or HTTPS listener."""
    https = facts.listener.protocol == "HTTPS"
    name = configuration_name(read, route_config(key.proxy, facts)) or ""
    manager = hcm_pb.HttpConnectionManager(
        codec_type=hcm_pb.HttpConnectionManager.AUTO,
        stat_prefix=f"{'https' if https else 'http'}-{bound_port(read, key)}",
        rds=hcm_pb.Rds(config_source=ads(), route_config_name=name),
        http_filters=[
            *chain.http_filters(),
            hcm_pb.HttpFilter(name=_ROUTER, typed_config=packed(Router(suppress_envoy_headers=True))),
        ],
        upgrade_configs=[hcm_pb.HttpConnectionManager.UpgradeConfig(upgrade_type="websocket")],  # here once, not in every route
        server_header_transformation=hcm_pb.HttpConnectionManager.PASS_THROUGH,
        use_remote_address=BoolValue(value=True),
        normalize_path=BoolValue(value=True),
        merge_slashes=True,
        path_with_escaped_slashes_action=hcm_pb.HttpConnectionManager.UNESCAPE_AND_REDIRECT,
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
    _tell_of_clients(manager, facts.tls.clients if facts.tls else None)
    return listener_components_pb2.Filter(name="envoy.filters.network.http_connection_manager", typed_config=packed(manager))


def _tell_of_clients(manager: hcm_pb.HttpConnectionManager, clients: ClientValidation | None) -> None:
    """Tell backends who a client is (X-Forwarded-Client-Cert), once that is certain; whatever a client says of itself goes.

    Envoy tells of certificates that nobody vouches for as of others, so where these are let in, it tells of none.
    """
    manager.forward_client_cert_details = hcm_pb.HttpConnectionManager.SANITIZE
    if clients and clients.required:
        manager.forward_client_cert_details = hcm_pb.HttpConnectionManager.SANITIZE_SET
        details = manager.set_current_client_cert_details
        details.subject.value, details.uri, details.dns = True, True, True
