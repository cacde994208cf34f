"""The configuration an Envoy is started with: enough to find its control plane, the rest comes from there.

A bootstrap is written as protobuf's JSON: it is what Envoy reads, what `translate -t bootstrap` prints, and needs no protobuf
runtime (tests prove that every name is Envoy's and that Envoy takes it). Names, ports and constants are those of Envoy Gateway.
https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/bootstrap/v3/bootstrap.proto
"""

import ipaddress
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from gatewright.api.bootstrap_overrides import FIXED, overridden
from gatewright.fleet.spec import BootstrapSpec, HostPort, Pipe, XdsCredentials

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | int | float | bool"

XDS_CLUSTER: Final = "xds_cluster"
STATS_CLUSTER: Final = "prometheus_stats"
CERTIFICATE_SECRET: Final = "xds_certificate"  # noqa: S105 - a name
TRUSTED_CA_SECRET: Final = "xds_trusted_ca"  # noqa: S105 - a name
TOKEN_SECRET: Final = "jwt-sa-bearer"  # noqa: S105 - a name

_TYPE: Final = "type.googleapis.com/envoy."
_STATS_TAGS: Final = (
    ("from_zone", r"\.zone(\.(([^\.]+)\.))"),
    ("to_zone", r"\.zone\.[^\.]+\.(([^\.]+)\.)"),
    ("socket_match_name", r"^cluster(\..+\.(.+))\.total_match_count$"),
    ("priority", r"circuit_breakers\.((.+?)\.).+"),
)
_ADS: Final[Json] = {"ads": {}, "initialFetchTimeout": "0s", "resourceApiVersion": "V3"}
# A restarted control plane is found again within half a second; Envoy's own defaults are 0.5 s to 30 s.
_RECONNECT: Final[Json] = {"retryBackOff": {"baseInterval": "0.100s", "maxInterval": "0.500s"}}


def bootstrap(spec: BootstrapSpec) -> bytes:
    """Text for Envoy's --config-path; equal specs give equal bytes. Raises: PatchRefused, when its overrides cannot be had."""
    found = overridden(document(spec), spec.overrides, _fixed(spec)) if spec.overrides else document(spec)
    return msgspec.json.format(msgspec.json.encode(found, order="deterministic"), indent=1)


def _fixed(spec: BootstrapSpec) -> tuple[str, ...]:
    """What no override changes: where the control plane is, and, on a host, where Envoy is asked how it is."""
    return (*FIXED, "admin") if isinstance(spec.admin, Pipe) else FIXED


def document(spec: BootstrapSpec) -> dict[str, Json]:
    """The Bootstrap message in protobuf's JSON mapping."""
    return {
        "admin": {
            "accessLog": [
                _extension("envoy.access_loggers.file", "extensions.access_loggers.file.v3.FileAccessLog", path="/dev/null")
            ],
            "address": _address(spec.admin),
        },
        **({"node": {"locality": {"zone": spec.zone}}} if spec.zone else {}),
        "deferredStatOptions": {"enableDeferredCreationStats": True},
        "statsConfig": {"useAllDefaultTags": True, "statsTags": [{"tagName": tag, "regex": regex} for tag, regex in _STATS_TAGS]},
        "layeredRuntime": {"layers": [{"name": "global_config", "staticLayer": RUNTIME}]},
        "dynamicResources": _dynamic_resources(),
        "staticResources": _static_resources(spec),
        "overloadManager": _overload_manager(spec),
    }


# Regular expressions are admitted by the control plane; Envoy only warns of large ones.
RUNTIME: Final[Json] = {"re2.max_program_size.error_level": 4294967295.0, "re2.max_program_size.warn_level": 1000.0}


def _dynamic_resources() -> Json:
    return {
        "adsConfig": {
            "apiType": "DELTA_GRPC",
            "transportApiVersion": "V3",
            "setNodeOnFirstMessageOnly": True,
            "grpcServices": [{"envoyGrpc": {"clusterName": XDS_CLUSTER, "retryPolicy": _RECONNECT}}],
        },
        "ldsConfig": _ADS,
        "cdsConfig": _ADS,
    }


def _static_resources(spec: BootstrapSpec) -> Json:
    listeners = [
        *([_stats_listener(spec.stats)] if spec.stats else []),
        *([_ready_listener(spec.ready)] if spec.ready else []),
    ]
    clusters = [_xds_cluster(spec), *([_cluster(STATS_CLUSTER, "0.250s", spec.admin)] if spec.stats else [])]
    return {"clusters": clusters, **({"listeners": listeners} if listeners else {})}


def _xds_cluster(spec: BootstrapSpec) -> Json:
    protocol: Json = {"http2ProtocolOptions": {"connectionKeepalive": {"interval": "30s", "timeout": "5s"}}}
    token = spec.xds_credentials.token if spec.xds_credentials else None
    options: dict[str, Json] = {
        "@type": f"{_TYPE}extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicitHttpConfig": protocol,
        **({"httpFilters": _bearer_filters(token)} if token else {}),
    }
    return {
        **_cluster(XDS_CLUSTER, "10s", spec.xds),
        "typedExtensionProtocolOptions": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        **({"transportSocket": _tls(spec.xds_credentials)} if spec.xds_credentials else {}),
    }


def _bearer_filters(token: str) -> list[Json]:
    """Put the token of a ServiceAccount into every request to the control plane."""
    credential = _extension(
        "envoy.http.injected_credentials.generic",
        "extensions.http.injected_credentials.generic.v3.Generic",
        credential=_from_file(TOKEN_SECRET, token),
    )
    injector = _extension(
        "envoy.filters.http.credential_injector",
        "extensions.filters.http.credential_injector.v3.CredentialInjector",
        credential=credential,
        overwrite=True,
    )
    codec = _extension("envoy.filters.http.upstream_codec", "extensions.filters.http.upstream_codec.v3.UpstreamCodec")
    return [injector, codec]


def _tls(credentials: XdsCredentials) -> Json:
    certificate = credentials.certificate
    context: dict[str, Json] = {
        "tlsParams": {"tlsMaximumProtocolVersion": "TLSv1_3"},
        **({"tlsCertificateSdsSecretConfigs": [_from_file(CERTIFICATE_SECRET, certificate)]} if certificate else {}),
        "validationContextSdsSecretConfig": _from_file(TRUSTED_CA_SECRET, credentials.trusted_ca),
    }
    return _extension(
        "envoy.transport_sockets.tls", "extensions.transport_sockets.tls.v3.UpstreamTlsContext", commonTlsContext=context
    )


def _from_file(name: str, path: str) -> Json:
    return {"name": name, "sdsConfig": {"pathConfigSource": {"path": path}, "resourceApiVersion": "V3"}}


def _cluster(name: str, connect_timeout: str, address: Pipe | HostPort) -> dict[str, Json]:
    endpoint: Json = {"endpoint": {"address": _address(address)}}
    return {  # STATIC and ROUND_ROBIN are the defaults
        "name": name,
        **({"type": "STRICT_DNS"} if isinstance(address, HostPort) and not _is_ip(address.address) else {}),
        "connectTimeout": connect_timeout,
        "loadAssignment": {"clusterName": name, "endpoints": [{"lbEndpoints": [endpoint]}]},
    }


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _stats_listener(address: HostPort) -> Json:
    get: Json = {"name": ":method", "stringMatch": {"exact": "GET"}}
    route: Json = {"match": {"path": "/stats/prometheus", "headers": [get]}, "route": {"cluster": STATS_CLUSTER}}
    host: Json = {"name": STATS_CLUSTER, "domains": ["*"], "routes": [route]}
    return _listener("stats", address, {"name": "local_route", "virtualHosts": [host]}, [])


def _ready_listener(address: HostPort) -> Json:
    path: Json = {"name": ":path", "stringMatch": {"exact": "/ready"}}
    check = _extension(
        "envoy.filters.http.health_check",
        "extensions.filters.http.health_check.v3.HealthCheck",
        passThroughMode=False,
        headers=[path],
    )
    refuse: Json = {"match": {"prefix": "/"}, "directResponse": {"status": 500}}
    return _listener(
        "ready",
        address,
        {"name": "ready_route", "virtualHosts": [{"name": "ready_route", "domains": ["*"], "routes": [refuse]}]},
        [check],
    )


def _listener(purpose: str, address: HostPort, routes: Json, filters: list[Json]) -> Json:
    router = _extension("envoy.filters.http.router", "extensions.filters.http.router.v3.Router")
    connection_manager = _extension(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        statPrefix=f"eg-{purpose}-http",
        normalizePath=True,
        routeConfig=routes,
        httpFilters=[*filters, router],
    )
    return {
        "name": f"envoy-gateway-proxy-{purpose}-{address.address}-{address.port}",
        "address": _address(address),
        "bypassOverloadManager": True,  # a proxy at its limits must still say so
        "filterChains": [{"filters": [connection_manager]}],
    }


def _overload_manager(spec: BootstrapSpec) -> Json:
    """Limits of Envoy Gateway; of a memory limit Envoy may fill four fifths."""
    connections = _extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        maxActiveDownstreamConnections=str(spec.max_downstream_connections),
    )
    if spec.max_heap_bytes is None:
        return {"refreshInterval": "0.250s", "resourceMonitors": [connections]}
    heap_name = "envoy.resource_monitors.fixed_heap"
    heap = _extension(
        heap_name,
        "extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
        maxHeapSizeBytes=str(spec.max_heap_bytes * 4 // 5),
    )
    return {
        "refreshInterval": "0.250s",
        "resourceMonitors": [connections, heap],
        "actions": [
            _overload_action("envoy.overload_actions.shrink_heap", heap_name, 0.95),
            _overload_action("envoy.overload_actions.stop_accepting_requests", heap_name, 0.98),
        ],
    }


def _overload_action(name: str, monitor: str, threshold: float) -> Json:
    return {"name": name, "triggers": [{"name": monitor, "threshold": {"value": threshold}}]}


def _extension(name: str, message: str, **config: Json) -> Json:
    return {"name": name, "typedConfig": {"@type": _TYPE + message, **config}}


def _address(address: Pipe | HostPort) -> Json:
    if isinstance(address, Pipe):
        return {"pipe": {"path": address.path, "mode": address.mode}}
    compat = {"ipv4Compat": True} if address.ipv4_compat else {}
    return {"socketAddress": {"address": address.address, "portValue": address.port, **compat}}
