"""GatewayClass, Gateway and ListenerSet (gateway.networking.k8s.io/v1): who serves, where, and for whose routes."""

from typing import Annotated, Literal

from msgspec import Meta, field

from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import GATEWAY_GROUP, LabelSelector, LocalObjectReference, ObjectReference, SecretObjectReference
from gatewright.api.scalars import (
    EXPERIMENTAL,
    AddressType,
    AnnotationValue,
    GatewayController,
    Group,
    Hostname,
    KindName,
    LabelValue,
    NamespaceName,
    ObjectName,
    PortNumber,
    ProtocolType,
    SectionName,
    map_of,
)


class GatewayClassSpec(Model):
    """The controller that a class of Gateways belongs to, and its parameters."""

    controller_name: GatewayController
    parameters_ref: ObjectReference | None = None
    description: Annotated[str, Meta(max_length=64)] = ""


class GatewayClass(KubernetesObject, kw_only=True):
    """The kind GatewayClass (cluster-scoped)."""

    spec: GatewayClassSpec


class RouteNamespaces(Model):
    """Namespaces whose routes a listener takes."""

    from_: Literal["All", "Selector", "Same"] = field(default="Same", name="from")
    selector: LabelSelector | None = None


class RouteGroupKind(Model):
    """A kind of route."""

    kind: KindName
    group: Group = GATEWAY_GROUP


class AllowedRoutes(Model):
    """Routes that a listener takes; no `kinds` means those that fit its protocol."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: Annotated[tuple[RouteGroupKind, ...], Meta(max_length=8)] = ()


class ListenerTLSConfig(Model):
    """What a listener does with TLS."""

    mode: Literal["Terminate", "Passthrough"] = "Terminate"
    certificate_refs: Annotated[tuple[SecretObjectReference, ...], Meta(max_length=64)] = ()
    options: Annotated[dict[str, AnnotationValue], Meta(max_length=16)] = field(default_factory=dict)


class Listener(Model):
    """A port, protocol and hostname that is served; an entry of a Gateway or ListenerSet."""

    name: SectionName
    port: PortNumber
    protocol: ProtocolType
    hostname: Hostname | None = None
    tls: ListenerTLSConfig | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


Listeners = Annotated[tuple[Listener, ...], map_of("name", min_length=1, max_length=64)]


class GatewayAddress(Model):
    """An address that is asked for; without a value, one of this type."""

    type: AddressType = "IPAddress"
    value: Annotated[str, Meta(max_length=253)] | None = None


class ListenerNamespaces(Model):
    """Namespaces whose ListenerSets a Gateway takes."""

    from_: Literal["All", "Selector", "Same", "None"] = field(default="None", name="from")
    selector: LabelSelector | None = None


class AllowedListeners(Model):
    """ListenerSets that a Gateway takes."""

    namespaces: ListenerNamespaces = ListenerNamespaces()


class GatewayInfrastructure(Model):
    """What the objects that are made for a Gateway carry, and its parameters."""

    labels: Annotated[dict[str, LabelValue], Meta(max_length=8)] = field(default_factory=dict)
    annotations: Annotated[dict[str, AnnotationValue], Meta(max_length=16)] = field(default_factory=dict)
    parameters_ref: LocalObjectReference | None = None


class FrontendTLSValidation(Model):
    """How client certificates are checked."""

    ca_certificate_refs: Annotated[tuple[ObjectReference, ...], Meta(min_length=1, max_length=16)]
    mode: Literal["AllowValidOnly", "AllowInsecureFallback"] = "AllowValidOnly"


class TLSConfig(Model):
    """TLS settings towards clients; without validation no certificate is asked for."""

    validation: FrontendTLSValidation | None = None


class TLSPortConfig(Model):
    """The same for one port, in place of the default."""

    port: PortNumber
    tls: TLSConfig


class FrontendTLSConfig(Model):
    """TLS towards clients, by default and by port."""

    default: TLSConfig
    per_port: Annotated[tuple[TLSPortConfig, ...], map_of("port", max_length=64)] = ()


class GatewayBackendTLS(Model):
    """TLS towards backends."""

    client_certificate_ref: SecretObjectReference | None = None


class GatewayTLSConfig(Model):
    """TLS settings of a whole Gateway."""

    backend: GatewayBackendTLS | None = None
    frontend: FrontendTLSConfig | None = None


class GatewaySpec(Model):
    """What a Gateway serves."""

    gateway_class_name: ObjectName
    listeners: Listeners
    addresses: Annotated[tuple[GatewayAddress, ...], Meta(max_length=16)] = ()
    infrastructure: GatewayInfrastructure | None = None
    allowed_listeners: AllowedListeners | None = None
    tls: GatewayTLSConfig | None = None
    default_scope: Annotated[Literal["All", "None"] | None, EXPERIMENTAL] = None


class Gateway(KubernetesObject, kw_only=True):
    """The kind Gateway."""

    spec: GatewaySpec


class ParentGatewayReference(Model):
    """The Gateway that a ListenerSet adds listeners to."""

    name: ObjectName
    group: Group = GATEWAY_GROUP
    kind: KindName = "Gateway"
    namespace: NamespaceName | None = None


class ListenerSetSpec(Model):
    """Listeners for a Gateway, kept elsewhere."""

    parent_ref: ParentGatewayReference
    listeners: Listeners


class ListenerSet(KubernetesObject, kw_only=True):
    """The kind ListenerSet."""

    spec: ListenerSetSpec
