"""TLS to backends: whether a cluster speaks it, what it verifies, and the certificate that it shows.

A Backend says it in its `tls`, a BackendTLSPolicy says it of Services and Backends and goes before; the client certificate is the
Backend's own, or that of the proxy's Gateway. What is resolved names Secrets and bundles and holds no key: their content travels
by SDS, so that a rotation leaves clusters, and so connections, as they are. Sources: Gateway API BackendTLSPolicy and
Gateway.spec.tls.backend; Envoy Gateway's Backend.spec.tls.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from gatewright.api.backend import Backend, BackendTLSSettings, TLSSettings
from gatewright.api.backendtlspolicy import SubjectAltName
from gatewright.api.kinds import EXPERIMENTAL_GROUP, MULTICLUSTER_GROUP
from gatewright.api.meta import NamespacedName
from gatewright.api.xbackend import XBackend
from gatewright.flow import Read
from gatewright.graph import authorities, policies
from gatewright.graph.authorities import Bundle
from gatewright.graph.backend_tls_policies import KIND, BackendTLSPolicyFacts
from gatewright.graph.findings import ACCEPTED, Finding
from gatewright.graph.gateways import GatewayFacts
from gatewright.graph.grants import Referrer
from gatewright.graph.tables import (
    BACKEND_TLS_FACTS,
    BACKENDS,
    PASSTHROUGH,
    PROXY_CERTIFICATES,
    SERVICES,
    X_BACKENDS,
    BackendKey,
    ClusterKey,
    PolicyTarget,
    PoolKey,
    ProxyCluster,
    WantedCluster,
)
from gatewright.graph.tls import certificate

BACKEND_GROUP: Final = "gateway.envoyproxy.io"
_PATH: Final = "spec.tls"

TARGETS: Final[Mapping[str, tuple[str, str]]] = {
    "service": ("", "Service"),
    "serviceimport": (MULTICLUSTER_GROUP, "ServiceImport"),
    "backend": (BACKEND_GROUP, "Backend"),
    "xbackend": (EXPERIMENTAL_GROUP, "XBackend"),
}
"""The group and kind of the objects that clusters of each kind are made of: what a policy calls its target."""

Authority: TypeAlias = Bundle | Literal["system", "anyone", "nobody"]
"""Who must have signed a server's certificate: those of a bundle, those the system trusts, anyone, or nobody can."""


class UpstreamTls(msgspec.Struct, frozen=True):
    """How a cluster speaks TLS. Without `names` the certificate must be for the server name that is asked for.

    That is `server_name`; or, without it, the endpoint's hostname or the host of the request.
    """

    authority: Authority
    server_name: str = ""
    of_endpoint: bool = False
    names: tuple[SubjectAltName, ...] = ()
    certificate: NamespacedName | None = None
    settings: TLSSettings = TLSSettings()

    @property
    def secrets(self) -> tuple[NamespacedName, ...]:
        """The Secret of the certificate that is shown."""
        return (self.certificate,) if self.certificate else ()

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The authorities, where they are not the system's."""
        return (self.authority,) if isinstance(self.authority, Bundle) else ()


def of_cluster(read: Read, key: ProxyCluster, wanted: WantedCluster) -> UpstreamTls | None:
    """Resolve the TLS of one cluster; None where it speaks plain text, or passes on the TLS of its clients."""
    if isinstance(wanted, PoolKey):  # its members are alike
        return of_cluster(read, key, wanted.members[0][0])
    if not isinstance(wanted, ClusterKey) or wanted.protocol == PASSTHROUGH:
        return None
    policy = _policy(read, wanted)
    backend = read(BACKENDS, NamespacedName(wanted.namespace, wanted.name)) if wanted.kind == "backend" else None
    own = backend.spec.tls if backend else None
    tls = _own(read, backend, own) if backend and own else None
    if wanted.kind == "xbackend":
        tls = _of_x_backend(read, NamespacedName(wanted.namespace, wanted.name))
    if policy is not None:
        tls = _with_policy(tls, policy)
    if tls is None or tls.certificate is not None:
        return tls
    return msgspec.structs.replace(tls, certificate=read(PROXY_CERTIFICATES, key.proxy))


def by_backend(key: ProxyCluster, wanted: WantedCluster) -> Iterator[tuple[BackendKey, ProxyCluster, None]]:
    """Spread the clusters in use over their backends."""
    if isinstance(wanted, ClusterKey | PoolKey):
        members = (wanted,) if isinstance(wanted, ClusterKey) else [member for member, _ in wanted.members]
        for backend in dict.fromkeys(BackendKey(each.kind, each.namespace, each.name) for each in members):
            yield backend, key, None


def client_certificate(read: Read, proxy: str, gateways: Mapping[NamespacedName, GatewayFacts]) -> NamespacedName | None:
    """Choose what a proxy shows to its backends: the certificate of the first of its Gateways that has one."""
    del read, proxy
    having = [facts for facts in gateways.values() if facts.client_certificate is not None]
    return min(having, key=lambda facts: (facts.created, facts.key)).client_certificate if having else None


def problems(read: Read, backend: Backend, tls: BackendTLSSettings) -> tuple[Finding, ...]:
    """Say what is wrong with what a Backend's `tls` refers to."""
    namespace = backend.metadata.namespace
    _, found = authorities.resolve(read, _referrer(namespace), tls.ca_certificate_refs)
    findings = [_invalid(each.message, f"{_PATH}.caCertificateRefs[{each.place}]") for each in found]
    if tls.well_known_ca_certificates not in {None, "System"}:
        message = f"{tls.well_known_ca_certificates} is not supported; use System"
        findings.append(_invalid(message, f"{_PATH}.wellKnownCACertificates"))
    cluster = ClusterKey("backend", namespace, backend.metadata.name, 0)
    sourced = tls.ca_certificate_refs or tls.well_known_ca_certificates or tls.insecure_skip_verify
    if not sourced and _policy(read, cluster) is None:
        findings.append(_invalid("one of caCertificateRefs, wellKnownCACertificates and insecureSkipVerify is needed", _PATH))
    _, problem = _client_certificate(read, namespace, tls)
    if problem:
        findings.append(_invalid(problem, f"{_PATH}.clientCertificateRef"))
    return tuple(findings)


def sections(read: Read, cluster: ClusterKey) -> tuple[str, ...]:
    """What policies may call the part of a backend that a cluster is: the names of a Service's port."""
    service = read(SERVICES, NamespacedName(cluster.namespace, cluster.name)) if cluster.kind == "service" else None
    ports = service.spec.ports if service else ()
    return tuple(each.name for each in ports if each.port == cluster.port and each.name)


def section_names(read: Read, target: PolicyTarget) -> frozenset[str]:
    """What sections the target of a policy has."""
    of_service = (target.group, target.kind) == TARGETS["service"]
    service = read(SERVICES, NamespacedName(target.namespace, target.name)) if of_service else None
    return frozenset(each.name for each in service.spec.ports if each.name) if service else frozenset()


def target(cluster: ClusterKey | BackendKey) -> PolicyTarget:
    """The object that a cluster is made of, as BackendTLSPolicies name it."""
    group, kind = TARGETS[cluster.kind]
    return PolicyTarget(KIND, group, kind, cluster.namespace, cluster.name)


def _policy(read: Read, cluster: ClusterKey) -> BackendTLSPolicyFacts | None:
    found = policies.effective(read, target(cluster), *sections(read, cluster)) if cluster.kind in TARGETS else None
    return read(BACKEND_TLS_FACTS, NamespacedName(found.namespace, found.name)) if found else None


def _own(read: Read, backend: Backend, tls: BackendTLSSettings) -> UpstreamTls:
    namespace = backend.metadata.namespace
    sources, _ = authorities.resolve(read, _referrer(namespace), tls.ca_certificate_refs)
    shown, problem = _client_certificate(read, namespace, tls)
    authority: Authority = Bundle(f"backend/{backend.key}/ca.crt", sources) if sources else "nobody"
    if tls.insecure_skip_verify:
        authority = "anyone"
    elif tls.well_known_ca_certificates:
        authority = "system"
    return UpstreamTls(
        authority=authority,
        server_name=tls.sni or "",
        of_endpoint=tls.auto_sni_from_endpoint_hostname,
        certificate=None if problem else shown,
        settings=tls,
    )


def _of_x_backend(read: Read, key: NamespacedName) -> UpstreamTls | None:
    """Resolve the TLS of an XBackend; without a validation its hostname counts, and those that the system trusts."""
    found = read(X_BACKENDS, key)
    tls = found.spec.tls if found else None
    if found is None or tls is None or tls.mode == "None":
        return None
    referrer = Referrer(EXPERIMENTAL_GROUP, "XBackend", key.namespace)
    shown = certificate(read, referrer, tls.client_certificate_ref)[0] if tls.client_certificate_ref else None
    hostname = found.spec.external_hostname.hostname if found.spec.external_hostname else ""
    if tls.validation is None:
        return UpstreamTls("system", hostname, certificate=shown)
    sources, _ = authorities.resolve(read, referrer, tls.validation.ca_certificate_refs)
    authority: Authority = Bundle(f"xbackend/{key}/ca.crt", sources) if sources else "nobody"
    if tls.validation.well_known_ca_certificates == "System":
        authority = "system"
    return UpstreamTls(authority, tls.validation.hostname, names=tls.validation.subject_alt_names, certificate=shown)


def x_backend_problems(read: Read, backend: XBackend) -> tuple[Finding, ...]:
    """Say what is wrong with what the TLS of an XBackend refers to."""
    tls = backend.spec.tls
    if tls is None or tls.mode == "None":
        return ()
    referrer = Referrer(EXPERIMENTAL_GROUP, "XBackend", backend.metadata.namespace)
    findings: list[Finding] = []
    if tls.client_certificate_ref is not None:
        problem = certificate(read, referrer, tls.client_certificate_ref)[2]
        findings += [_invalid(problem, f"{_PATH}.clientCertificateRef")] if problem else []
    if tls.validation is not None:
        _, found = authorities.resolve(read, referrer, tls.validation.ca_certificate_refs)
        findings += [_invalid(each.message, f"{_PATH}.validation.caCertificateRefs[{each.place}]") for each in found]
    return tuple(findings)


def _with_policy(own: UpstreamTls | None, policy: BackendTLSPolicyFacts) -> UpstreamTls:
    """Let a policy speak before the Backend; one that cannot be honoured lets nobody pass."""
    authority: Authority = (policy.bundle or "system") if policy.usable else "nobody"
    if own is None:
        return UpstreamTls(authority, policy.hostname, names=policy.names)
    if own.authority == "anyone" and policy.usable:  # asked for in so many words
        authority = "anyone"
    return msgspec.structs.replace(own, authority=authority, server_name=policy.hostname, of_endpoint=False, names=policy.names)


def _client_certificate(read: Read, namespace: str, tls: BackendTLSSettings) -> tuple[NamespacedName | None, str]:
    reference = tls.client_certificate_ref
    if reference is None:
        return None, ""
    key, _, problem = certificate(read, _referrer(namespace), reference)
    return key, problem


def _referrer(namespace: str) -> Referrer:
    return Referrer(BACKEND_GROUP, "Backend", namespace)


def _invalid(message: str, path: str) -> Finding:
    return Finding(ACCEPTED, "Invalid", message, path)
