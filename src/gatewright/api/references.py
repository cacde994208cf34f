"""References between objects: parents, backends, secrets, policy targets.

Their defaults are the API's, so a rule never asks what an absent group or kind means. An absent namespace is the referrer's own.
"""

from typing import ClassVar

from msgspec import field

from gatewright.api.meta import Model
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import Group, KindName, NamespaceName, ObjectName, PortNumber, SectionName, Weight

GATEWAY_GROUP = "gateway.networking.k8s.io"


class LocalObjectReference(Model):
    """An object of the same namespace."""

    group: Group
    kind: KindName
    name: ObjectName


class ObjectReference(Model):
    """An object of any namespace, its kind always named."""

    group: Group
    kind: KindName
    name: ObjectName
    namespace: NamespaceName | None = None


class SecretObjectReference(Model):
    """A Secret (or another object that holds credentials)."""

    name: ObjectName
    group: Group = ""
    kind: KindName = "Secret"
    namespace: NamespaceName | None = None


class ParentReference(Model):
    """The Gateway or ListenerSet that a route asks to be attached to, or one section or port of it."""

    name: ObjectName
    group: Group = GATEWAY_GROUP
    kind: KindName = "Gateway"
    namespace: NamespaceName | None = None
    section_name: SectionName | None = None
    port: PortNumber | None = None


class BackendObjectReference(Model):
    """Where requests go: a Service and its port, or another kind of backend."""

    name: ObjectName
    group: Group = ""
    kind: KindName = "Service"
    namespace: NamespaceName | None = None
    port: PortNumber | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "Must have port for Service reference",
            "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
            lambda self: self.port is not None or self.kind != "Service" or self.group != "",
        ),
    )


class BackendRef(BackendObjectReference):
    """A backend and its share among its siblings."""

    weight: Weight = 1


class LocalPolicyTargetReference(Model):
    """The object of the same namespace that a policy is about."""

    group: Group
    kind: KindName
    name: ObjectName


class LocalPolicyTargetReferenceWithSectionName(LocalPolicyTargetReference):
    """The same, or one section (listener, route rule, Service port name) of it."""

    section_name: SectionName | None = None


class LabelSelectorRequirement(Model):
    """One requirement of a label selector; `operator` is In, NotIn, Exists or DoesNotExist, which the API does not check."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(Model):
    """Kubernetes label selector: all labels and all requirements must hold."""

    match_labels: dict[str, str] = field(default_factory=dict)
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
