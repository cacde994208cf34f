"""Gateways: which are ours, which proxy runs them, where they bind.

The row of a Gateway is what its listeners need to be settled: the proxy (one for each Gateway, or one for the class when gateways
are merged), the EnvoyProxy that shapes it, and the addresses asked for. Gateways of classes that are not ours have no row.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from gatewright.api.gateway import AllowedListeners, Gateway, GatewayTLSConfig, Listener, ListenerNamespaces
from gatewright.api.meta import NamespacedName
from gatewright.api.references import GATEWAY_GROUP
from gatewright.flow import Read
from gatewright.graph.classes import ENVOY_PROXY_GROUP, ClassFacts
from gatewright.graph.findings import ACCEPTED, PROGRAMMED, RESOLVED_REFS, Finding, kind_name
from gatewright.graph.frontend_tls import insecure
from gatewright.graph.grants import Referrer
from gatewright.graph.parameters import bootstrap_problem
from gatewright.graph.tables import CLASSES, ENVOY_PROXIES, ONLY, SETTINGS
from gatewright.graph.tls import certificate

ADDRESS_TYPES: Final = ("IPAddress", "Hostname")


class GatewayFacts(msgspec.Struct, frozen=True):
    """A Gateway of ours. `requested` are the addresses asked for: type and value, which is empty for any of that type."""

    key: NamespacedName
    created: str
    gateway_class: str
    proxy: str
    merged: bool
    parameters: NamespacedName | None
    requested: tuple[tuple[str, str], ...]
    listeners: tuple[Listener, ...]
    allowed_listeners: ListenerNamespaces  # whose ListenerSets may add to them
    tls: GatewayTLSConfig | None
    client_certificate: NamespacedName | None  # that its proxy shows to backends
    findings: tuple[Finding, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        """The IP addresses that are asked for; a proxy on a host binds these, or all when there are none."""
        return tuple(value for kind, value in self.requested if kind == "IPAddress" and value)

    @property
    def accepted(self) -> bool:
        """Whether anything of this Gateway is programmed at all."""
        return not any(finding.condition == ACCEPTED for finding in self.findings)


def accept(read: Read, key: NamespacedName, gateway: Gateway) -> GatewayFacts | None:
    """Judge one Gateway as a whole; its listeners are judged per port."""
    gateway_class = read(CLASSES, NamespacedName("", gateway.spec.gateway_class_name))
    if gateway_class is None:
        return None
    parameters, parameter_findings = _parameters(read, gateway, gateway_class)
    requested, address_findings = _requested(read, gateway)
    shown, certificate_findings = _client_certificate(read, gateway)
    return GatewayFacts(
        key=key,
        created=gateway.metadata.creation_timestamp or "",
        gateway_class=gateway_class.name,
        proxy=gateway_class.name if gateway_class.merged else str(key),
        merged=gateway_class.merged,
        parameters=parameters,
        requested=requested,
        listeners=gateway.spec.listeners,
        allowed_listeners=(gateway.spec.allowed_listeners or AllowedListeners()).namespaces,
        tls=gateway.spec.tls,
        client_certificate=shown,
        findings=(
            *_class_findings(gateway_class),
            *parameter_findings,
            *_bootstrap(read, parameters),
            *address_findings,
            *certificate_findings,
            *insecure(gateway.spec.tls),
        ),
    )


def by_proxy(key: NamespacedName, facts: GatewayFacts) -> Iterator[tuple[str, NamespacedName, GatewayFacts]]:
    """Spread accepted Gateways over the proxies that run them."""
    if facts.accepted:
        yield facts.proxy, key, facts


def by_scope(key: NamespacedName, gateway: Gateway) -> Iterator[tuple[str, NamespacedName, None]]:
    """Spread default Gateways over the scopes of the routes that they claim (GEP-3793)."""
    if scope := default_scope(gateway):
        yield scope, key, None


def default_scope(gateway: Gateway) -> str:
    """The scope of the routes that a Gateway claims; empty when it claims none."""
    return "" if gateway.spec.default_scope in {None, "None"} else str(gateway.spec.default_scope)


def _class_findings(gateway_class: ClassFacts) -> tuple[Finding, ...]:
    if gateway_class.accepted:
        return ()
    message = f"GatewayClass {gateway_class.name} is not accepted: {gateway_class.findings[0].message}"
    return (Finding(ACCEPTED, "Invalid", message, "spec.gatewayClassName"),)


def _parameters(read: Read, gateway: Gateway, gateway_class: ClassFacts) -> tuple[NamespacedName | None, tuple[Finding, ...]]:
    infrastructure = gateway.spec.infrastructure
    reference = infrastructure.parameters_ref if infrastructure else None
    if reference is None:
        return gateway_class.parameters, ()
    path = "spec.infrastructure.parametersRef"
    if gateway_class.merged:
        problem = f"the Gateways of class {gateway_class.name} share one proxy (mergeGateways), which the class alone shapes"
        return None, (Finding(ACCEPTED, "InvalidParameters", problem, path),)
    if (reference.group, reference.kind) != (ENVOY_PROXY_GROUP, "EnvoyProxy"):
        kind = kind_name(reference.group, reference.kind)
        problem = f"{kind} is not supported; use {ENVOY_PROXY_GROUP}/EnvoyProxy"
        return None, (Finding(ACCEPTED, "InvalidParameters", problem, f"{path}.kind"),)
    parameters = NamespacedName(gateway.metadata.namespace, reference.name)
    if read(ENVOY_PROXIES, parameters) is None:
        return None, (Finding(ACCEPTED, "InvalidParameters", f"EnvoyProxy {parameters} not found", path),)
    return parameters, ()


def _bootstrap(read: Read, parameters: NamespacedName | None) -> tuple[Finding, ...]:
    """Note a bootstrap that cannot be had: the proxy, which may be running, goes on without it."""
    proxy = read(ENVOY_PROXIES, parameters) if parameters else None
    problem = bootstrap_problem(read(SETTINGS, ONLY), proxy.spec) if proxy else ""
    return (Finding(RESOLVED_REFS, "InvalidParameters", f"EnvoyProxy {parameters}: {problem}"),) if problem else ()


def _client_certificate(read: Read, gateway: Gateway) -> tuple[NamespacedName | None, tuple[Finding, ...]]:
    """Resolve what the Gateway shows to its backends. Without it the Gateway serves all the same."""
    backend = gateway.spec.tls.backend if gateway.spec.tls else None
    reference = backend.client_certificate_ref if backend else None
    if reference is None:
        return None, ()
    key, reason, message = certificate(read, Referrer(GATEWAY_GROUP, "Gateway", gateway.metadata.namespace), reference)
    if not reason:
        return key, ()
    reason = "RefNotPermitted" if reason == "RefNotPermitted" else "InvalidClientCertificateRef"
    return None, (Finding(RESOLVED_REFS, reason, message, "spec.tls.backend.clientCertificateRef"),)


def _requested(read: Read, gateway: Gateway) -> tuple[tuple[tuple[str, str], ...], tuple[Finding, ...]]:
    """Return the addresses that are asked for, and what is wrong with them whatever the fleet says."""
    settings = read(SETTINGS, ONLY)
    on_host = settings is not None and settings.host_addresses is not None
    requested: list[tuple[str, str]] = []
    findings: list[Finding] = []
    for i, address in enumerate(gateway.spec.addresses):
        path, value = f"spec.addresses[{i}]", address.value or ""
        if address.type not in ADDRESS_TYPES:
            message = f"address type {address.type} is not supported; use one of {', '.join(ADDRESS_TYPES)}"
            findings.append(Finding(ACCEPTED, "UnsupportedAddress", message, f"{path}.type"))
        elif address.type == "Hostname" and on_host:
            reason = "AddressNotUsable" if value else "AddressNotAssigned"
            findings.append(Finding(PROGRAMMED, reason, "a proxy on a host binds IP addresses, and no host names", path))
        else:
            requested.append((address.type, value))
    return tuple(requested), tuple(findings)
