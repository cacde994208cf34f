"""What is wanted of one proxy in a cluster, and how its objects are called and labelled.

Names and labels are Envoy Gateway's, since users' selectors, dashboards and NetworkPolicies name them. Where the objects are
depends on the mode: all in the controller's namespace under names with a hash, or each in its Gateway's namespace under the
Gateway's own name.
"""

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from gatewright.api.envoyproxy import EnvoyProxySpec
from gatewright.api.gateway import Gateway
from gatewright.api.meta import NamespacedName
from gatewright.api.workloads import EnvoyProxyKubernetesProvider
from gatewright.fleet.spec import ProxySpec

ENVOY_IMAGE: Final = "docker.io/envoyproxy/envoy:distroless-v1.40.0"
XDS_SERVICE: Final = "envoy-gateway"
XDS_PORT: Final = 18000
PROXY_SECRET: Final = "envoy"  # noqa: S105 - a name
DEFAULT_DRAIN_SECONDS: Final = 60

FLEET_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "app.kubernetes.io/name": "envoy",
        "app.kubernetes.io/component": "proxy",
        "app.kubernetes.io/managed-by": "envoy-gateway",
    }
)
OWNING_GATEWAY_NAME: Final = "gateway.envoyproxy.io/owning-gateway-name"
OWNING_GATEWAY_NAMESPACE: Final = "gateway.envoyproxy.io/owning-gateway-namespace"
OWNING_GATEWAY_CLASS: Final = "gateway.envoyproxy.io/owning-gatewayclass"
GATEWAY_NAME: Final = "gateway.networking.k8s.io/gateway-name"
CONTROLLER: Final = "gatewright.io/controller"
"""Annotation: the controller that made an object, so that two of them in one cluster leave each other's alone."""

_READABLE: Final = 48
_EMPTY: Final[Mapping[str, str]] = MappingProxyType({})
_DEFAULT_PROVIDER: Final = EnvoyProxyKubernetesProvider()


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """The control plane as its proxies see it. `trusted_ca` is the PEM of the authorities that its certificate may be of."""

    namespace: str
    controller_name: str
    shutdown_image: str
    gateway_namespace_mode: bool = False
    dns_domain: str = "cluster.local"
    envoy_image: str = ENVOY_IMAGE
    trusted_ca: str = ""

    @property
    def identity(self) -> str:
        """Value of the annotation `CONTROLLER`."""
        return f"{self.namespace}/{self.controller_name}"

    @property
    def xds_host(self) -> str:
        """Name of the control plane's Service, which is also the audience of the proxies' tokens."""
        return f"{XDS_SERVICE}.{self.namespace}.svc.{self.dns_domain}"


class Owner(msgspec.Struct, frozen=True):
    """The Gateway or GatewayClass with which the objects go."""

    kind: str
    name: str
    uid: str


class ServedPort(msgspec.Struct, frozen=True, order=True):
    """A port of the Service, and the `target` that Envoy binds for it; `protocol` is the listener's (HTTP, TLS, UDP, …)."""

    port: int
    protocol: str
    target: int
    http3: bool = False

    @property
    def name(self) -> str:
        """Name of the port in the Service."""
        return f"{self.protocol.lower()}-{self.port}"


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """One wanted proxy: what its process is, for whom it runs, and what it serves. `gateway` is None for a merged one."""

    proxy: ProxySpec
    gateway: NamespacedName | None
    gateway_class: str
    parameters: EnvoyProxySpec = EnvoyProxySpec()
    owner: Owner | None = None
    ports: tuple[ServedPort, ...] = ()
    addresses: tuple[str, ...] = ()
    labels: Mapping[str, str] = _EMPTY
    annotations: Mapping[str, str] = _EMPTY

    @property
    def provider(self) -> EnvoyProxyKubernetesProvider:
        """The fields of the EnvoyProxy that shape the objects."""
        provider = self.parameters.provider
        return (provider.kubernetes if provider else None) or _DEFAULT_PROVIDER

    @property
    def owning_labels(self) -> dict[str, str]:
        """Labels that say whose proxy it is; they never change."""
        if self.gateway is None:
            return {OWNING_GATEWAY_CLASS: self.gateway_class}
        return {OWNING_GATEWAY_NAME: self.gateway.name, OWNING_GATEWAY_NAMESPACE: self.gateway.namespace}


def resource_name(workload: Workload, installation: Installation) -> str:
    """Name of every object of a proxy, unless the EnvoyProxy gives another."""
    if installation.gateway_namespace_mode and workload.gateway is not None:
        return workload.gateway.name
    return hashed_name(workload.proxy.name)


def hashed_name(proxy: str) -> str:
    """The name in the controller's namespace: readable, at most 63 characters, and no two proxies share it."""
    readable = proxy.replace("/", "-")[:_READABLE].rstrip("-")
    return f"envoy-{readable}-{hashlib.sha256(proxy.encode()).hexdigest()[:8]}"


def namespace_of(workload: Workload, installation: Installation) -> str:
    """Where the objects of a proxy are."""
    if installation.gateway_namespace_mode and workload.gateway is not None:
        return workload.gateway.namespace
    return installation.namespace


def selector(workload: Workload, installation: Installation) -> dict[str, str]:
    """Labels that select the Pods: a Deployment's selector cannot change, so these are only what never does."""
    named = installation.gateway_namespace_mode and workload.gateway is not None
    return {
        **FLEET_LABELS,
        **({GATEWAY_NAME: workload.gateway.name} if named and workload.gateway else {}),
        **workload.owning_labels,
    }


def labels(workload: Workload, installation: Installation) -> dict[str, str]:
    """Labels of the objects: those that select, and the Gateway's own."""
    return {**workload.labels, **selector(workload, installation)}


def infrastructure(gateways: Iterable[Gateway]) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations that Gateways want their objects to carry; of merged ones the first by name wins."""
    found_labels: dict[str, str] = {}
    found_annotations: dict[str, str] = {}
    for gateway in sorted(gateways, key=lambda each: each.key, reverse=True):
        if gateway.spec.infrastructure:
            found_labels |= gateway.spec.infrastructure.labels
            found_annotations |= gateway.spec.infrastructure.annotations
    return found_labels, found_annotations


def served_ports(listeners: Iterable[tuple[int, str]], targets: Mapping[int, int]) -> tuple[ServedPort, ...]:
    """The ports of a Service for listeners, given as port and protocol; one that several share is there once."""
    found: dict[tuple[int, bool], ServedPort] = {}
    for port, protocol in listeners:
        found.setdefault((port, protocol == "UDP"), ServedPort(port, protocol, targets[port]))
    return tuple(found[key] for key in sorted(found))
