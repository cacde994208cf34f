"""GatewayClasses: which are ours, and whether their parameters hold.

A class is ours if it names our controller. Its `parametersRef` is an EnvoyProxy with a namespace; a class whose parameters
cannot be used is not accepted (InvalidParameters), and its Gateways are not either.
"""

import msgspec

from gatewright.api.gateway import GatewayClass
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.findings import ACCEPTED, Finding, kind_name
from gatewright.graph.tables import ENVOY_PROXIES, ONLY, SETTINGS

ENVOY_PROXY_GROUP = "gateway.envoyproxy.io"


class ClassFacts(msgspec.Struct, frozen=True):
    """A class of ours: the EnvoyProxy it names, whether its Gateways share one fleet, and what is wrong with it."""

    name: str
    parameters: NamespacedName | None
    merged: bool
    findings: tuple[Finding, ...]

    @property
    def accepted(self) -> bool:
        """Whether Gateways of this class are served."""
        return not self.findings


def accept(read: Read, key: NamespacedName, gateway_class: GatewayClass) -> ClassFacts | None:
    """Judge one GatewayClass; None for another controller's."""
    settings = read(SETTINGS, ONLY)
    if settings is None or gateway_class.spec.controller_name != settings.controller_name:
        return None
    reference = gateway_class.spec.parameters_ref
    if reference is None:
        return ClassFacts(key.name, None, merged=False, findings=())
    path = "spec.parametersRef"
    if (reference.group, reference.kind) != (ENVOY_PROXY_GROUP, "EnvoyProxy"):
        kind = kind_name(reference.group, reference.kind)
        return _refused(key, f"{path}.kind", f"{kind} is not supported; use {ENVOY_PROXY_GROUP}/EnvoyProxy")
    if not reference.namespace:
        return _refused(key, f"{path}.namespace", "EnvoyProxy is a namespaced kind: set its namespace")
    parameters = NamespacedName(reference.namespace, reference.name)
    proxy = read(ENVOY_PROXIES, parameters)
    if proxy is None:
        return _refused(key, path, f"EnvoyProxy {parameters} not found")
    if proxy.spec.merge_gateways and settings.gateway_namespace_mode:
        return _refused(key, path, "mergeGateways needs one namespace for all proxies, and not the mode GatewayNamespace")
    return ClassFacts(key.name, parameters, proxy.spec.merge_gateways, ())


def _refused(key: NamespacedName, path: str, message: str) -> ClassFacts:
    finding = Finding(ACCEPTED, "InvalidParameters", f"Invalid parametersRef: {message}", path)
    return ClassFacts(key.name, None, merged=False, findings=(finding,))
