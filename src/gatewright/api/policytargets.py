"""What a policy of Envoy Gateway is about: objects by name, or by their labels (gateway.envoyproxy.io/v1alpha1)."""

from typing import ClassVar, Literal

from msgspec import field

from gatewright.api.meta import Model
from gatewright.api.references import (
    GATEWAY_GROUP,
    LabelSelector,
    LabelSelectorRequirement,
    LocalPolicyTargetReferenceWithSectionName,
)
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import Group, KindName


class TargetNamespaces(Model):
    """Namespaces in which the objects of a selector may be."""

    from_: Literal["Same", "All", "Selector"] = field(default="Same", name="from")
    selector: LabelSelector | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "selector must be specified when from is Selector",
            "self.from != 'Selector' || has(self.selector)",
            lambda self: self.from_ != "Selector" or self.selector is not None,
        ),
    )


class TargetSelector(Model):
    """All objects of a kind that have these labels."""

    kind: KindName
    group: Group = GATEWAY_GROUP
    match_labels: dict[str, str] = field(default_factory=dict)
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
    namespaces: TargetNamespaces | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "group must be gateway.networking.k8s.io",
            "has(self.group) ? self.group == 'gateway.networking.k8s.io' : true ",
            lambda self: self.group == GATEWAY_GROUP,
        ),
    )


class PolicyTargets(Model):
    """The base of the policies' specs; `targets` are those that are named, in either way."""

    target_ref: LocalPolicyTargetReferenceWithSectionName | None = None
    target_refs: tuple[LocalPolicyTargetReferenceWithSectionName, ...] | None = None  # an empty list is not the same as none
    target_selectors: tuple[TargetSelector, ...] = ()

    checks: ClassVar[Rules] = (
        Rule(
            "either targetRef or targetRefs must be used",
            "(has(self.targetRef) && !has(self.targetRefs)) || (!has(self.targetRef) && has(self.targetRefs)) || "
            "(has(self.targetSelectors) && self.targetSelectors.size() > 0) ",
            lambda self: (self.target_ref is None) != (self.target_refs is None) or len(self.target_selectors) > 0,
        ),
    )

    @property
    def targets(self) -> tuple[LocalPolicyTargetReferenceWithSectionName, ...]:
        """The objects that are named."""
        return (*((self.target_ref,) if self.target_ref else ()), *(self.target_refs or ()))


def target_rules(*kinds: str, called: str) -> Rules:
    """Rules that the targets are of these kinds of the Gateway API; `called` is how the CRD's messages call the kinds."""
    listed = ", ".join(f"'{kind}'" for kind in kinds)

    def of_group(self: PolicyTargets) -> bool:
        return all(each.group == GATEWAY_GROUP for each in self.target_refs or ())

    def of_kind(self: PolicyTargets) -> bool:
        return all(each.kind in kinds for each in self.target_refs or ())

    return (
        Rule(
            "this policy can only have a targetRef.group of gateway.networking.k8s.io",
            "has(self.targetRef) ? self.targetRef.group == 'gateway.networking.k8s.io' : true",
            lambda self: self.target_ref is None or self.target_ref.group == GATEWAY_GROUP,
        ),
        Rule(
            f"this policy can only have a targetRef.kind of {called}",
            f"has(self.targetRef) ? self.targetRef.kind in [{listed}] : true",
            lambda self: self.target_ref is None or self.target_ref.kind in kinds,
        ),
        Rule(
            "this policy can only have a targetRefs[*].group of gateway.networking.k8s.io",
            "has(self.targetRefs) ? self.targetRefs.all(ref, ref.group == 'gateway.networking.k8s.io') : true",
            of_group,
        ),
        Rule(
            f"this policy can only have a targetRefs[*].kind of {called}",
            f"has(self.targetRefs) ? self.targetRefs.all(ref, ref.kind in [{listed}]) : true",
            of_kind,
        ),
    )
