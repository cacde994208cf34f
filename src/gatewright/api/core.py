"""The core kinds that gateways read: Service, EndpointSlice, Secret, ConfigMap, Namespace; and ServiceImport, which is like them.

Only the fields that matter are modelled; the rest of a document is ignored, for its owner is someone else. A Secret never shows
what it holds.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from msgspec import Meta, field
from msgspec.structs import force_setattr

from gatewright.api.meta import KubernetesObject, OpenModel
from gatewright.api.scalars import Int32


class CoreObject(KubernetesObject, forbid_unknown_fields=False):
    """Base of the core kinds."""


class ServicePort(OpenModel):
    """A port of a Service; an absent `target_port` is `port`."""

    port: int
    name: str = ""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    target_port: int | str | None = None
    app_protocol: str | None = None
    node_port: int | None = None


class LoadBalancerIngress(OpenModel):
    """An address at which a load balancer serves a Service."""

    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(OpenModel):
    """The addresses of a Service of type LoadBalancer."""

    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(OpenModel):
    """What the cluster says of a Service."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class ServiceSpec(OpenModel):
    """How a Service is reached; `cluster_ip` "None" is a headless one."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] = "ClusterIP"
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = field(default="", name="clusterIP")
    cluster_ips: tuple[str, ...] = field(default=(), name="clusterIPs")
    external_name: str = ""
    external_ips: tuple[str, ...] = field(default=(), name="externalIPs")
    ip_families: tuple[Literal["IPv4", "IPv6"], ...] = ()
    selector: dict[str, str] = field(default_factory=dict)
    publish_not_ready_addresses: bool = False
    traffic_distribution: str | None = None


class Service(CoreObject):
    """The kind Service (v1). Its status is read: the addresses of a Gateway in a cluster are those of its Service."""

    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus | None = None


class EndpointConditions(OpenModel):
    """State of an endpoint; absent `ready` and `serving` count as true (Kubernetes API, EndpointConditions)."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class ForZone(OpenModel):
    """A zone that an endpoint is meant for."""

    name: str


class EndpointHints(OpenModel):
    """Who should use an endpoint."""

    for_zones: tuple[ForZone, ...] = ()


class EndpointTarget(OpenModel):
    """The object behind an endpoint, a Pod as a rule."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class Endpoint(OpenModel):
    """One backend; all its addresses are the same one's."""

    addresses: tuple[str, ...]
    conditions: EndpointConditions = EndpointConditions()
    hostname: str | None = None
    node_name: str | None = None
    zone: str | None = None
    hints: EndpointHints | None = None
    target_ref: EndpointTarget | None = None


class EndpointPort(OpenModel):
    """A port that all endpoints of a slice serve; matched with a Service's by name."""

    name: str = ""
    port: int | None = None
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    app_protocol: str | None = None


SERVICE_NAME_LABEL = "kubernetes.io/service-name"
IMPORT_NAME_LABEL = "multicluster.kubernetes.io/service-name"


class EndpointSlice(CoreObject, kw_only=True):
    """The kind EndpointSlice (discovery.k8s.io/v1)."""

    address_type: Literal["IPv4", "IPv6", "FQDN"]
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()

    @property
    def owner(self) -> str:
        """The Service or ServiceImport of the same namespace that the endpoints belong to; see `slice_owner`."""
        return slice_owner(self.metadata.labels)


_IMPORTED: Final = "serviceimport/"


def slice_owner(labels: Mapping[str, str]) -> str:
    """Whose an EndpointSlice is, by its labels: the name of a Service, or of a ServiceImport as `imported` has it; or nobody's.

    Slices of a ServiceImport may be of a Service besides that some controllers derive from it; they count as the import's.
    """
    name = labels.get(IMPORT_NAME_LABEL)
    return imported(name) if name else labels.get(SERVICE_NAME_LABEL, "")


def imported(name: str) -> str:
    """The owner of the slices of a ServiceImport."""
    return f"{_IMPORTED}{name}"


def slice_selector(owner: str) -> str:
    """The label selector of the slices of an owner."""
    name = owner.removeprefix(_IMPORTED)
    return f"{SERVICE_NAME_LABEL if name == owner else IMPORT_NAME_LABEL}={name}"


class ImportedPort(OpenModel):
    """A port of a ServiceImport. The kind's definition has no limits here, so neither has this."""

    port: Int32
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None


class ServiceImportSpec(OpenModel):
    """How a Service of another cluster is reached; a ClusterSetIP has one of `ips`, a Headless one endpoints only."""

    ports: tuple[ImportedPort, ...]
    type: Literal["ClusterSetIP", "Headless"]
    ips: Annotated[tuple[str, ...], Meta(max_length=1)] = ()


class ServiceImport(CoreObject, kw_only=True):
    """The kind ServiceImport (multicluster.x-k8s.io/v1alpha1, KEP-1645): a Service of other clusters."""

    spec: ServiceImportSpec | None = None


class Secret(CoreObject):
    """The kind Secret (v1): `data` is base64 text; `string_data` is merged into it on reading and is then empty."""

    data: dict[str, str] = field(default_factory=dict)
    string_data: dict[str, str] = field(default_factory=dict)
    type: str = "Opaque"

    def __post_init__(self) -> None:
        if self.string_data:
            encoded = {name: base64.b64encode(text.encode()).decode() for name, text in self.string_data.items()}
            force_setattr(self, "data", self.data | encoded)
            force_setattr(self, "string_data", {})

    def decoded(self, name: str) -> bytes | None:
        """The value under `name`, or None when there is none or it is not base64."""
        try:
            return base64.b64decode(self.data[name], validate=True)
        except (KeyError, binascii.Error, ValueError):
            return None

    def __repr__(self) -> str:
        return f"Secret({self.key}, type={self.type!r}, names={sorted(self.data)})"


class ConfigMap(CoreObject):
    """The kind ConfigMap (v1): `data` is text, `binary_data` base64 text."""

    data: dict[str, str] = field(default_factory=dict)
    binary_data: dict[str, str] = field(default_factory=dict)


class Namespace(CoreObject):
    """The kind Namespace (v1, cluster-scoped); its labels are what selectors ask for."""
