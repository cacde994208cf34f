"""GatewayClass, Gateway and ListenerSet (gateway.networking.k8s.io/v1): who serves, where, and for whose routes."""

import re
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta, field

from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import GATEWAY_GROUP, LabelSelector, LocalObjectReference, ObjectReference, SecretObjectReference
from gatewright.api.rules import Rule, Rules, has_ip_format, is_unique, matches
from gatewright.api.scalars import (
    EXPERIMENTAL,
    HOSTNAME_PATTERN,
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
    python_pattern,
)

_METADATA_KEY: Final = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$"
)
_is_metadata_key: Final = re.compile(python_pattern(_METADATA_KEY)).match
_is_hostname: Final = re.compile(python_pattern(HOSTNAME_PATTERN)).match


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

    checks: ClassVar[Rules] = (
        Rule(
            "certificateRefs or options must be specified when mode is Terminate",
            "self.mode == 'Terminate' ? size(self.certificateRefs) > 0 || size(self.options) > 0 : true",
            lambda self: self.mode != "Terminate" or len(self.certificate_refs) > 0 or len(self.options) > 0,
        ),
    )


class Listener(Model):
    """A port, protocol and hostname that is served; an entry of a Gateway or ListenerSet."""

    name: SectionName
    port: PortNumber
    protocol: ProtocolType
    hostname: Hostname | None = None
    tls: ListenerTLSConfig | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


Listeners = Annotated[tuple[Listener, ...], map_of("name", min_length=1, max_length=64)]

_SAME_HOSTNAME: Final = (
    "l1.port == l2.port && l1.protocol == l2.protocol && "
    "(has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : !has(l1.hostname) && !has(l2.hostname))"
)
_LISTENERS_RULES: Final[Rules] = (
    Rule(
        "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
        "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)",
        lambda listeners: all(each.tls is None or each.protocol not in {"HTTP", "TCP", "UDP"} for each in listeners),
        field="listeners",
    ),
    Rule(
        "tls mode must be Terminate for protocol HTTPS",
        "self.all(l, (l.protocol == 'HTTPS' && has(l.tls)) ? (l.tls.mode == '' || l.tls.mode == 'Terminate') : true)",
        lambda listeners: all(each.protocol != "HTTPS" or each.tls is None or each.tls.mode == "Terminate" for each in listeners),
        field="listeners",
    ),
    Rule(
        "tls mode must be set for protocol TLS",
        "self.all(l, (l.protocol == 'TLS' ? has(l.tls) && has(l.tls.mode) && l.tls.mode != '' : true))",
        lambda listeners: all(each.protocol != "TLS" or each.tls is not None for each in listeners),
        field="listeners",
    ),
    Rule(
        "hostname must not be specified for protocols ['TCP', 'UDP']",
        "self.all(l, l.protocol in ['TCP', 'UDP'] ? (!has(l.hostname) || l.hostname == '') : true)",
        lambda listeners: all(each.hostname is None or each.protocol not in {"TCP", "UDP"} for each in listeners),
        field="listeners",
    ),
    Rule(
        "Listener name must be unique within the Gateway",
        "self.all(l1, self.exists_one(l2, l1.name == l2.name))",
        lambda listeners: is_unique(each.name for each in listeners),
        field="listeners",
    ),
    Rule(
        "Combination of port, protocol and hostname must be unique for each listener",
        f"self.all(l1, self.exists_one(l2, {_SAME_HOSTNAME}))",
        lambda listeners: is_unique((each.port, each.protocol, each.hostname) for each in listeners),
        field="listeners",
    ),
)


class GatewayAddress(Model):
    """An address that is asked for; without a value, one of this type."""

    type: AddressType = "IPAddress"
    value: Annotated[str, Meta(max_length=253)] | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "value must be an IPv4 or IPv6 address for type IPAddress",
            "self.type == 'IPAddress' && has(self.value) ? isIP(self.value) : true",  # the CRD says it with oneOf and formats
            lambda self: self.type != "IPAddress" or self.value is None or has_ip_format(self.value),
        ),
        Rule(
            f"Hostname value must be empty or contain only valid characters (matching {HOSTNAME_PATTERN})",
            f"self.type == 'Hostname' ? (!has(self.value) || {matches('self.value', HOSTNAME_PATTERN)}): true",
            lambda self: self.type != "Hostname" or self.value is None or _is_hostname(self.value) is not None,
        ),
    )


def _unique_addresses(type_name: str) -> Rule:
    return Rule(
        f"{type_name} values must be unique",
        f"self.all(a1, a1.type == '{type_name}' && has(a1.value) ? "
        "self.exists_one(a2, a2.type == a1.type && has(a2.value) && a2.value == a1.value) : true )",
        lambda addresses: is_unique(each.value for each in addresses if each.type == type_name and each.value is not None),
        field="addresses",
    )


class ListenerNamespaces(Model):
    """Namespaces whose ListenerSets a Gateway takes."""

    from_: Literal["All", "Selector", "Same", "None"] = field(default="None", name="from")
    selector: LabelSelector | None = None


class AllowedListeners(Model):
    """ListenerSets that a Gateway takes."""

    namespaces: ListenerNamespaces = ListenerNamespaces()


def _metadata_rules(attribute: str, called: str) -> Rules:
    """What Kubernetes asks of the keys of labels and annotations."""
    return (
        Rule(
            f"{called} keys must be in the form of an optional DNS subdomain prefix followed by a required name segment of up to "
            "63 characters.",
            f"self.all(key, {matches('key', _METADATA_KEY)})",
            lambda keys: all(map(_is_metadata_key, keys)),
            field=attribute,
        ),
        Rule(
            f"If specified, the {called.lower()} key's prefix must be a DNS subdomain not longer than 253 characters in total.",
            'self.all(key, key.split("/")[0].size() < 253)',
            lambda keys: all(len(key.partition("/")[0]) < 253 for key in keys),  # noqa: PLR2004 - the limit that the message tells
            field=attribute,
        ),
    )


class GatewayInfrastructure(Model):
    """What the objects that are made for a Gateway carry, and its parameters."""

    labels: Annotated[dict[str, LabelValue], Meta(max_length=8)] = field(default_factory=dict)
    annotations: Annotated[dict[str, AnnotationValue], Meta(max_length=16)] = field(default_factory=dict)
    parameters_ref: LocalObjectReference | None = None

    checks: ClassVar[Rules] = (*_metadata_rules("labels", "Label"), *_metadata_rules("annotations", "Annotation"))


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

    checks: ClassVar[Rules] = (
        Rule(
            "Port for TLS configuration must be unique within the Gateway",
            "self.all(t1, self.exists_one(t2, t1.port == t2.port))",
            lambda configurations: is_unique(each.port for each in configurations),
            field="per_port",
        ),
    )


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

    checks: ClassVar[Rules] = (_unique_addresses("IPAddress"), _unique_addresses("Hostname"), *_LISTENERS_RULES)


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

    checks: ClassVar[Rules] = _LISTENERS_RULES


class ListenerSet(KubernetesObject, kw_only=True):
    """The kind ListenerSet."""

    spec: ListenerSetSpec
