"""Gateways: which are ours, which proxy runs them, where they bind.

The row of a Gateway is what its listeners need to be settled: the proxy (one for each Gateway, or one for the class when gateways
are merged), the EnvoyProxy that shapes it, and the addresses asked for. Gateways of classes that are not ours have no row.
"""

import ipaddress
from collections.abc import Iterator

import msgspec

from gatewright.api.gateway import Gateway, Listener
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.classes import ENVOY_PROXY_GROUP, ClassFacts
from gatewright.graph.findings import ACCEPTED, PROGRAMMED, Finding, kind_name
from gatewright.graph.tables import CLASSES, ENVOY_PROXIES


class GatewayFacts(msgspec.Struct, frozen=True):
    """A Gateway of ours. `addresses` are the IP addresses it binds; empty for all."""

    key: NamespacedName
    created: str
    gateway_class: str
    proxy: str
    merged: bool
    parameters: NamespacedName | None
    addresses: tuple[str, ...]
    listeners: tuple[Listener, ...]
    findings: tuple[Finding, ...]

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
    addresses, address_findings = _addresses(gateway)
    return GatewayFacts(
        key=key,
        created=gateway.metadata.creation_timestamp or "",
        gateway_class=gateway_class.name,
        proxy=gateway_class.name if gateway_class.merged else str(key),
        merged=gateway_class.merged,
        parameters=parameters,
        addresses=addresses,
        listeners=gateway.spec.listeners,
        findings=_class_findings(gateway_class) + parameter_findings + address_findings,
    )


def by_proxy(key: NamespacedName, facts: GatewayFacts) -> Iterator[tuple[str, NamespacedName, GatewayFacts]]:
    """Spread accepted Gateways over the proxies that run them."""
    if facts.accepted:
        yield facts.proxy, key, facts


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
    if (reference.group, reference.kind) != (ENVOY_PROXY_GROUP, "EnvoyProxy"):
        kind = kind_name(reference.group, reference.kind)
        problem = f"{kind} is not supported; use {ENVOY_PROXY_GROUP}/EnvoyProxy"
        return None, (Finding(ACCEPTED, "InvalidParameters", problem, f"{path}.kind"),)
    parameters = NamespacedName(gateway.metadata.namespace, reference.name)
    if read(ENVOY_PROXIES, parameters) is None:
        return None, (Finding(ACCEPTED, "InvalidParameters", f"EnvoyProxy {parameters} not found", path),)
    return parameters, ()


def _addresses(gateway: Gateway) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Return the addresses to bind; one that is asked for without a value is the host's own choice, as when none is asked for."""
    addresses: list[str] = []
    findings: list[Finding] = []
    for i, address in enumerate(gateway.spec.addresses):
        path = f"spec.addresses[{i}]"
        if address.type != "IPAddress":
            message = f"address type {address.type} is not supported; use IPAddress"
            findings.append(Finding(ACCEPTED, "UnsupportedAddress", message, f"{path}.type"))
        elif address.value and _is_ip(address.value):
            addresses.append(address.value)
        elif address.value:
            findings.append(Finding(PROGRAMMED, "AddressNotUsable", f"{address.value} is not an IP address", f"{path}.value"))
    return tuple(addresses), tuple(findings)


def _is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True
