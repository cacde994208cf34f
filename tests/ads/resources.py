"""Small xDS resources for tests: clusters, endpoints, a listener, route configurations, secrets."""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ConfigSource
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpConnectionManager
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext
from google.protobuf.any_pb2 import Any
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from gatewright.ads.messages import ResourceChange
from gatewright.wire.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Resource, resource

PROXY = "default/eg"
ADS = {"ads": {}, "resource_api_version": "V3"}


def packed(message: Message) -> Any:
    wrapped = Any()
    wrapped.Pack(message)
    return wrapped


def cluster(name: str, **fields: object) -> Resource:
    """An EDS cluster, unless `fields` say otherwise."""
    given = {"name": name, "type": "EDS", "eds_cluster_config": {"eds_config": ADS}, "connect_timeout": "1s"} | fields
    given = {field: value for field, value in given.items() if value is not None}
    return resource(CLUSTER, name, ParseDict(given, Cluster()).SerializeToString(deterministic=True))


def endpoints(name: str, *ports: int, **fields: object) -> Resource:
    lb = [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}} for port in ports]
    given = {"cluster_name": name, "endpoints": [{"lb_endpoints": lb}]} | fields
    return resource(ENDPOINTS, name, ParseDict(given, ClusterLoadAssignment()).SerializeToString(deterministic=True))


def listener(name: str, port: int, *, routes: str | None = None, secret: str | None = None, idle: int = 60) -> Resource:
    """An HTTP listener with a route configuration by RDS, and TLS by SDS if it has a secret."""
    manager = HttpConnectionManager(stat_prefix=name)
    manager.rds.route_config_name = routes or name
    manager.rds.config_source.ads.CopyFrom(AggregatedConfigSource())
    manager.rds.config_source.resource_api_version = 2
    manager.common_http_protocol_options.idle_timeout.seconds = idle
    manager.http_filters.add(name="envoy.filters.http.router").typed_config.Pack(Router())
    built = Listener(name=name)
    built.address.socket_address.address = "127.0.0.1"
    built.address.socket_address.port_value = port
    chain = built.filter_chains.add()
    chain.filters.add(name="envoy.filters.network.http_connection_manager").typed_config.Pack(manager)
    if secret is not None:
        tls = DownstreamTlsContext()
        wanted = tls.common_tls_context.tls_certificate_sds_secret_configs.add(name=secret)
        wanted.sds_config.CopyFrom(ParseDict(ADS, ConfigSource()))
        chain.transport_socket.name = "envoy.transport_sockets.tls"
        chain.transport_socket.typed_config.Pack(tls)
    return resource(LISTENER, name, built.SerializeToString(deterministic=True))


def routes(name: str, to: dict[str, str], **fields: object) -> Resource:
    """A route configuration that sends each host name to a cluster."""
    hosts = [
        {"name": host, "domains": [host], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": target}}]}
        for host, target in to.items()
    ]
    given = {"name": name, "virtual_hosts": hosts} | fields
    return resource(ROUTES, name, ParseDict(given, RouteConfiguration()).SerializeToString(deterministic=True))


def secret(name: str, certificate: bytes, key: bytes) -> Resource:
    built = Secret(name=name)
    built.tls_certificate.certificate_chain.inline_bytes = certificate
    built.tls_certificate.private_key.inline_bytes = key
    return resource(SECRET, name, built.SerializeToString(deterministic=True))


def set_to(*resources: Resource, proxy: str = PROXY) -> list[ResourceChange]:
    return [ResourceChange(proxy, each.type_url, each.name, each) for each in resources]


def gone(*resources: Resource, proxy: str = PROXY) -> list[ResourceChange]:
    return [ResourceChange(proxy, each.type_url, each.name, None) for each in resources]
