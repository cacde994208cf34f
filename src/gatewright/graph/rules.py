"""Rows of resolved route rules: what a rule leads to, and what is wrong with it."""

import msgspec

from gatewright.api.filters import HTTPFilter
from gatewright.api.httproute import HTTPRouteRule
from gatewright.api.httproutefilter import HTTPRouteFilterSpec
from gatewright.graph.findings import ACCEPTED, Finding, of
from gatewright.graph.tables import ClusterKey, FailoverKey


class Share(msgspec.Struct, frozen=True):
    """A backend's share of a rule; without a cluster its requests are errors."""

    weight: int
    cluster: ClusterKey | FailoverKey | None
    filters: tuple[HTTPFilter, ...]


class RuleFilter(msgspec.Struct, frozen=True):
    """A filter of a rule, with what it refers to: a mirror's cluster, or an HTTPRouteFilter and the body that it answers with."""

    spec: HTTPFilter
    cluster: ClusterKey | None = None
    extension: HTTPRouteFilterSpec | None = None
    body: str = ""

    @property
    def answers(self) -> bool:
        """Whether the filter itself answers, so that no backend is asked."""
        return self.spec.request_redirect is not None or (
            self.extension is not None and self.extension.direct_response is not None
        )


class RuleFacts(msgspec.Struct, frozen=True):
    """A rule resolved. `broken` rules answer 500 as a whole; matches in `dropped` cannot even be expressed."""

    index: int
    rule: HTTPRouteRule
    filters: tuple[RuleFilter, ...]
    shares: tuple[Share, ...]
    broken: bool
    dropped: frozenset[int]
    findings: tuple[Finding, ...]

    @property
    def answers(self) -> bool:
        """Whether a filter answers, so that no backend is asked."""
        return any(each.answers for each in self.filters)

    @property
    def clusters(self) -> tuple[ClusterKey | FailoverKey, ...]:
        """Every cluster that the rule's requests may reach."""
        if self.broken:
            return ()
        named = [] if self.answers else [share.cluster for share in self.shares if share.weight]
        wanted: dict[ClusterKey | FailoverKey, None] = {}
        for cluster in (*named, *(each.cluster for each in self.filters)):
            if isinstance(cluster, FailoverKey):
                wanted.update(dict.fromkeys(cluster.clusters))
            if cluster is not None:
                wanted[cluster] = None
        return tuple(wanted)


class RouteFacts(msgspec.Struct, frozen=True):
    """All rules of a route."""

    rules: tuple[RuleFacts, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with any of the rules."""
        return tuple(finding for rule in self.rules for finding in rule.findings)

    @property
    def unusable(self) -> bool:
        """Whether no rule can be honoured; references that cannot be resolved do not count."""
        return bool(self.rules) and all(rule.broken and of(rule.findings, ACCEPTED) for rule in self.rules)
