"""backendRefs resolved to clusters.

A cluster is named by what it is (kind, namespace, name, port), so routes that share a backend share a cluster. A reference is
checked in the order that leaks nothing: kind, permission, existence, port. Endpoints are not looked at here: a Service without
endpoints is resolved, and its requests are answered 503 by the proxy. Calls of gRPC need HTTP/2, which many backends have and do
not declare: they have a cluster of their own. Source: checklist section 11.6.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import structs

from gatewright.api.backend import Backend
from gatewright.api.core import ImportedPort, ServicePort
from gatewright.api.kinds import EXPERIMENTAL_GROUP, MULTICLUSTER_GROUP
from gatewright.api.meta import NamespacedName
from gatewright.api.references import GATEWAY_GROUP, BackendObjectReference
from gatewright.flow import Read
from gatewright.graph.backend_tls import BACKEND_GROUP, TARGETS, of_cluster
from gatewright.graph.backend_tls import problems as tls_problems
from gatewright.graph.findings import ACCEPTED, RESOLVED_REFS, Finding, kind_name
from gatewright.graph.grants import Referrer, Target, permits
from gatewright.graph.tables import (
    BACKENDS,
    ONLY,
    SERVICE_IMPORTS,
    SERVICES,
    SETTINGS,
    X_BACKENDS,
    ClusterKey,
    ProxyCluster,
    RouteKey,
    Transport,
)

PROTOCOLS: Final[Mapping[str, str]] = {"GRPCRoute": "grpc"}
"""What routes of a kind speak to their backends, where it is not up to those; see ClusterKey."""

_HTTP: Final = frozenset({"HTTPRoute", "GRPCRoute"})
_PREFIXED: Final = frozenset(
    f"{domain}/{name}" for domain in ("kubernetes.io", "gateway.envoyproxy.io") for name in ("h2c", "ws", "wss")
)
_SPOKEN: Final = _PREFIXED | {"http", "http-alt", "http2", "https", "h2c", "grpc", "www", "ws", "wss", "tcp", "tls", "ssl"}
"""What the appProtocol of a port may be: KEP-3726's names, Envoy Gateway's, and plain ones that are HTTP or say nothing of it."""
_NEEDS_TLS: Final = frozenset({"kubernetes.io/wss"})
_OF_X_BACKENDS: Final[Mapping[str | None, str]] = {"HTTP2": "grpc", "H2C": "grpc", "HTTP11": "kubernetes.io/ws"}
"""What names of XBackend.spec.protocol come to, as an appProtocol; the others leave it to the routes."""
MINIMUM_LABELS: Final = 2
_DISABLED: Final = "the Backend API is not enabled (EnvoyGateway extensionApis.enableBackend)"


class Resolution(msgspec.Struct, frozen=True):
    """A backendRef resolved: a cluster, or the finding that says why there is none."""

    cluster: ClusterKey | None
    finding: Finding | None = None
    fallback: bool = False


Resolver = Callable[[Read, NamespacedName, BackendObjectReference, str, Transport], Resolution]


def resolve(
    read: Read, route: RouteKey, reference: BackendObjectReference, path: str, *, protocol: str | None = None
) -> Resolution:
    """Resolve one backendRef of `route` at field `path`, to speak `protocol` to it; that of the route's kind if none is named."""
    resolver = _RESOLVERS.get((reference.group, reference.kind))
    if resolver is None:
        known = " or ".join(kind_name(*each) for each in _RESOLVERS)
        kind = kind_name(reference.group, reference.kind)
        return _unresolved("InvalidKind", f"{kind} is not supported as a backend; use {known}", f"{path}.kind")
    target = NamespacedName(reference.namespace or route.namespace, reference.name)
    if not permits(read, Referrer(GATEWAY_GROUP, route.kind, route.namespace), Target(reference.group, reference.kind, *target)):
        grant = f"no ReferenceGrant in namespace {target.namespace} lets {route.kind}s of {route.namespace}"
        return _unresolved("RefNotPermitted", f"{grant} refer to {reference.kind} {target.name}", path)
    found = resolver(read, target, reference, path, "UDP" if route.kind == "UDPRoute" else "TCP")
    if route.kind in _HTTP and found.cluster and (problem := _unspoken(read, found.cluster)):
        return _unresolved("UnsupportedProtocol", problem, f"{path}.port")
    protocol = PROTOCOLS.get(route.kind, "") if protocol is None else protocol
    return structs.replace(found, cluster=found.cluster._replace(protocol=protocol)) if found.cluster and protocol else found


def _service(read: Read, key: NamespacedName, reference: BackendObjectReference, path: str, transport: str) -> Resolution:
    service = read(SERVICES, key)
    if service is None:
        return _unresolved("BackendNotFound", f"Service {key} not found", path)
    if service.spec.type == "ExternalName":
        return _unresolved(
            "UnsupportedValue", f"Service {key} is of type ExternalName, which cannot be a backend; use a Backend", path
        )
    ports = [port for port in service.spec.ports if port.port == reference.port and port.protocol == transport]
    if not ports:
        there = ", ".join(f"{port.port}/{port.protocol}" for port in service.spec.ports) or "none"
        message = f"Service {key} has no {transport} port {reference.port}; it has {there}"
        return _unresolved("BackendNotFound", message, f"{path}.port")
    return Resolution(ClusterKey("service", key.namespace, key.name, reference.port or 0))


def _backend(read: Read, key: NamespacedName, reference: BackendObjectReference, path: str, transport: str) -> Resolution:
    del reference, transport
    if not _enabled(read):
        return _unresolved("InvalidKind", _DISABLED, f"{path}.kind")
    backend = read(BACKENDS, key)
    if backend is None:
        return _unresolved("BackendNotFound", f"Backend {key} not found", path)
    problems = judge(read, backend)
    if problems:
        return _unresolved("InvalidBackendRef", f"Backend {key} is not accepted: {problems[0].text}", path)
    if any(endpoint.unix for endpoint in backend.spec.endpoints):
        return _unresolved("UnsupportedAddressType", f"Backend {key} has Unix socket endpoints, which routes cannot use", path)
    return Resolution(ClusterKey("backend", key.namespace, key.name, 0), fallback=backend.spec.fallback)


def _import(read: Read, key: NamespacedName, reference: BackendObjectReference, path: str, transport: Transport) -> Resolution:
    found = read(SERVICE_IMPORTS, key)
    if found is None or found.spec is None:
        return _unresolved("BackendNotFound", f"ServiceImport {key} not found", path)
    if not any(port.port == reference.port and port.protocol == transport for port in found.spec.ports):
        there = ", ".join(f"{port.port}/{port.protocol}" for port in found.spec.ports) or "none"
        message = f"ServiceImport {key} has no {transport} port {reference.port}; it has {there}"
        return _unresolved("BackendNotFound", message, f"{path}.port")
    return Resolution(ClusterKey("serviceimport", key.namespace, key.name, reference.port or 0))


def _x_backend(read: Read, key: NamespacedName, reference: BackendObjectReference, path: str, transport: Transport) -> Resolution:
    del reference, transport
    found = read(X_BACKENDS, key)
    if found is None:
        return _unresolved("BackendNotFound", f"XBackend {key} not found", path)
    if found.spec.protocol in {"TCP", "MCP"}:
        return _unresolved("UnsupportedProtocol", f"XBackend {key} speaks {found.spec.protocol}, which routes cannot", path)
    return Resolution(ClusterKey("xbackend", key.namespace, key.name, 0))


_RESOLVERS: Final[Mapping[tuple[str, str], Resolver]] = {
    ("", "Service"): _service,
    (BACKEND_GROUP, "Backend"): _backend,
    (MULTICLUSTER_GROUP, "ServiceImport"): _import,
    (EXPERIMENTAL_GROUP, "XBackend"): _x_backend,
}


def _unspoken(read: Read, cluster: ClusterKey) -> str:
    """Why the protocol that a port of a Service or ServiceImport declares cannot be spoken; empty when it can."""
    declared = protocols(read, cluster)
    unknown = sorted(each for each in declared if each.lower() not in _SPOKEN)
    if unknown:
        return f"routes cannot speak appProtocol {unknown[0]}, which port {cluster.port} of {_called(cluster)} asks for"
    if declared & _NEEDS_TLS and of_cluster(read, ProxyCluster("", cluster), cluster) is None:
        return f"appProtocol {min(declared & _NEEDS_TLS)} of port {cluster.port} of {_called(cluster)} needs a BackendTLSPolicy"
    return ""


def _called(cluster: ClusterKey) -> str:
    return f"{TARGETS[cluster.kind][1]} {cluster.namespace}/{cluster.name}"


def protocols(read: Read, cluster: ClusterKey) -> frozenset[str]:
    """What a backend says that it speaks, by the names of appProtocol; nothing where it leaves that to the routes."""
    key = NamespacedName(cluster.namespace, cluster.name)
    if cluster.kind == "backend":
        backend = read(BACKENDS, key)
        return frozenset(backend.spec.app_protocols) if backend else frozenset()
    if cluster.kind == "xbackend":
        found = read(X_BACKENDS, key)
        named = _OF_X_BACKENDS.get(found.spec.protocol) if found else None
        return frozenset({named}) if named else frozenset()
    return frozenset(port.app_protocol for port in _ports(read, cluster) if port.port == cluster.port and port.app_protocol)


def has_names(read: Read, cluster: ClusterKey) -> bool:
    """Whether Envoy has to look up an endpoint of a backend."""
    if cluster.kind == "xbackend":
        return True
    backend = read(BACKENDS, NamespacedName(cluster.namespace, cluster.name)) if cluster.kind == "backend" else None
    return backend is not None and any(endpoint.fqdn for endpoint in backend.spec.endpoints)


def _ports(read: Read, cluster: ClusterKey) -> Sequence[ServicePort | ImportedPort]:
    key = NamespacedName(cluster.namespace, cluster.name)
    if cluster.kind == "service":
        service = read(SERVICES, key)
        return service.spec.ports if service else ()
    found = read(SERVICE_IMPORTS, key) if cluster.kind == "serviceimport" else None
    return found.spec.ports if found and found.spec else ()


def judge(read: Read, backend: Backend) -> tuple[Finding, ...]:
    """Judge a Backend as an object of its own; admission has judged its shape."""
    if not _enabled(read):
        return (Finding(ACCEPTED, "Invalid", _DISABLED),)
    spec = backend.spec
    if spec.type != "Endpoints":
        return (Finding(ACCEPTED, "Invalid", "type DynamicResolver is not supported yet; use Endpoints", "spec.type"),)
    findings = tls_problems(read, backend, spec.tls) if spec.tls else ()
    if not spec.endpoints:
        findings += (Finding(ACCEPTED, "Invalid", "at least one endpoint is needed", "spec.endpoints"),)
    names = ((i, endpoint.fqdn.hostname) for i, endpoint in enumerate(spec.endpoints) if endpoint.fqdn)
    return findings + tuple(
        Finding(ACCEPTED, "Invalid", problem, f"spec.endpoints[{i}].fqdn.hostname")
        for i, name in names
        if (problem := _name_problem(name))
    )


def _name_problem(name: str) -> str:
    """Why a hostname is no endpoint: it must be a domain of two labels at least, `localhost` apart, and no address."""
    labels = name.removesuffix(".").split(".")
    if labels == ["localhost"]:
        return ""
    if all(label.isdigit() for label in labels):
        return f"{name} is an IP address; use ip"
    return "" if len(labels) >= MINIMUM_LABELS else f"hostname {name} should have at least {MINIMUM_LABELS} labels"


def _enabled(read: Read) -> bool:
    settings = read(SETTINGS, ONLY)
    return settings is not None and settings.backend_enabled


def _unresolved(reason: str, message: str, path: str) -> Resolution:
    return Resolution(None, Finding(RESOLVED_REFS, reason, message, path))
