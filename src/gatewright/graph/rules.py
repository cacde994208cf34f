"""Rows of resolved route rules: what a rule leads to, and what is wrong with it."""

import msgspec

from gatewright.api.filters import HTTPFilter
from gatewright.api.httproute import HTTPRouteRule
from gatewright.graph.findings import Finding
from gatewright.graph.tables import ClusterKey


class Share(msgspec.Struct, frozen=True):
    """A backend's share of a rule; without a cluster its requests are errors."""

    weight: int
    cluster: ClusterKey | None
    filters: tuple[HTTPFilter, ...]


class RuleFilter(msgspec.Struct, frozen=True):
    """A filter of a rule, with the cluster of its own backend where it has one (a mirror)."""

    spec: HTTPFilter
    cluster: ClusterKey | None


class RuleFacts(msgspec.Struct, frozen=True):
    """A rule resolved. `broken` rules answer 500 as a whole."""

    index: int
    rule: HTTPRouteRule
    filters: tuple[RuleFilter, ...]
    shares: tuple[Share, ...]
    broken: bool
    findings: tuple[Finding, ...]

    @property
    def clusters(self) -> tuple[ClusterKey, ...]:
        """Every cluster that the rule's requests may reach."""
        if self.broken:
            return ()
        wanted = [share.cluster for share in self.shares if share.weight] + [each.cluster for each in self.filters]
        return tuple(dict.fromkeys(cluster for cluster in wanted if cluster is not None))


class RouteFacts(msgspec.Struct, frozen=True):
    """All rules of a route."""

    rules: tuple[RuleFacts, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with any of the rules."""
        return tuple(finding for rule in self.rules for finding in rule.findings)

    @property
    def unusable(self) -> bool:
        """Whether no rule can be honoured."""
        return bool(self.rules) and all(rule.broken for rule in self.rules)
