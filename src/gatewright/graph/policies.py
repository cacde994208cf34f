"""Policies attached to their targets: the same rules for every kind of policy.

A policy names targets of its own namespace, each as a whole or one section of it. Of several policies of a kind for the same
target and section the oldest holds, then the first by name; the others are conflicted. A policy for a section goes before one
for the whole. Source: GEP-713, "Conflict resolution"; Gateway API PolicyStatus.

A kind is added by its table in `POLICY_KINDS`; what the policy says, its own module judges.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from gatewright.api.meta import NamespacedName, ObjectMeta
from gatewright.api.references import LocalPolicyTargetReference
from gatewright.flow import Read
from gatewright.graph.tables import POLICY_CLAIMS, PolicyKey, PolicyTarget


class Spec(Protocol):
    """What the specs of policies have in common."""

    @property
    def target_refs(self) -> tuple[LocalPolicyTargetReference, ...]:
        """What the policy is about."""


class Policy(Protocol):
    """What policies have in common."""

    @property
    def metadata(self) -> ObjectMeta:
        """Its name, and when it was made."""

    @property
    def spec(self) -> Spec:
        """What it says."""


class Claim(NamedTuple):
    """A policy's wish for a target, or for one section of it (none: the empty string)."""

    policy: PolicyKey
    section: str


def key_of(kind: str, key: NamespacedName) -> PolicyKey:
    """The key of a policy among those of all kinds."""
    return PolicyKey(kind, *key)


def claims(key: PolicyKey, policy: Policy) -> Iterator[tuple[PolicyTarget, Claim, str]]:
    """Spread policies over their targets, with the time of their making."""
    for target, section in targets(key, policy):
        yield target, Claim(key, section), policy.metadata.creation_timestamp or ""


def targets(key: PolicyKey, policy: Policy) -> Iterator[tuple[PolicyTarget, str]]:
    """The targets of a policy, with the section that each is about."""
    for reference in policy.spec.target_refs:
        section = getattr(reference, "section_name", None) or ""
        yield PolicyTarget(key.kind, reference.group, reference.kind, key.namespace, reference.name), section


def holding(read: Read, target: PolicyTarget, section: str) -> PolicyKey | None:
    """The policy that holds for exactly this section of a target (the empty string: for the whole)."""
    found: Mapping[Claim, str] = read(POLICY_CLAIMS, target) or {}
    return min(((made, claim.policy) for claim, made in found.items() if claim.section == section), default=("", None))[1]


def effective(read: Read, target: PolicyTarget, *sections: str) -> PolicyKey | None:
    """The policy that counts for a section of a target (one of several names, the first counts most): its own, or the whole's."""
    return next((policy for each in (*sections, "") if (policy := holding(read, target, each)) is not None), None)


def winner(read: Read, key: PolicyKey, policy: Policy) -> tuple[int, PolicyKey] | None:
    """The policy to which this one loses a target, and the index of that target; None when it loses none."""
    for i, (target, section) in enumerate(targets(key, policy)):
        first = holding(read, target, section)
        if first not in {None, key}:
            return i, first
    return None
