"""Rows of resolved route rules: what a rule leads to, and what is wrong with it."""

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from gatewright.api.filters import HTTPFilter
from gatewright.api.httproute import HTTPRouteMatch, HTTPRouteRule
from gatewright.api.httproutefilter import HTTPCookieMatch, HTTPRouteFilterSpec
from gatewright.api.meta import NamespacedName
from gatewright.features.session import Session
from gatewright.graph.findings import ACCEPTED, Finding, of
from gatewright.graph.tables import AnyCluster, ClusterKey, FailoverKey

Rank: TypeAlias = tuple[int, int, int, bool, int, int]


class Match(msgspec.Struct, frozen=True):
    """A match of a rule, as the HTTP match that it comes to.

    `index` is its place in the rule, -1 where the rule has none; `rank` orders the matches of a host, those that are tried first
    being the smallest. The `cookies` are those that an HTTPRouteFilter asks for besides.
    """

    index: int
    request: HTTPRouteMatch
    rank: Rank
    cookies: tuple[HTTPCookieMatch, ...] = ()


class RuleFilter(msgspec.Struct, frozen=True):
    """A filter with what it refers to: the cluster of a mirror or authorizer, or an HTTPRouteFilter.

    Of that, too, what it refers to: the `body` it answers, and the Secret of the `credential` that it sends.
    """

    spec: HTTPFilter
    cluster: ClusterKey | None = None
    extension: HTTPRouteFilterSpec | None = None
    body: str = ""
    credential: NamespacedName | None = None

    @property
    def answers(self) -> bool:
        """Whether the filter itself answers, so that no backend is asked."""
        return self.spec.request_redirect is not None or (
            self.extension is not None and self.extension.direct_response is not None
        )


class Share(msgspec.Struct, frozen=True):
    """A backend's share of a rule; without a cluster its requests are errors."""

    weight: int
    cluster: AnyCluster | None
    filters: tuple[RuleFilter, ...] = ()

    @property
    def answers(self) -> bool:
        """Whether a filter of the backend answers in its place."""
        return self.cluster is not None and any(each.answers for each in self.filters)

    @property
    def clusters(self) -> tuple[AnyCluster, ...]:
        """The clusters that requests of this share may reach."""
        if not self.weight or self.cluster is None:
            return ()
        own = () if self.answers else (self.cluster,)
        return (*own, *(each.cluster for each in self.filters if each.cluster is not None))


class StreamRule(msgspec.Struct, frozen=True):
    """A rule resolved, as far as those of all kinds are alike: its backends. Those for streams have nothing else."""

    index: int
    shares: tuple[Share, ...]
    findings: tuple[Finding, ...]
    broken: bool = False

    @property
    def serving(self) -> tuple[Share, ...]:
        """The shares that get anything."""
        return tuple(share for share in self.shares if share.weight)

    @property
    def clusters(self) -> tuple[AnyCluster, ...]:
        """Every cluster that the rule may lead to."""
        return () if self.broken else _reached(cluster for share in self.shares for cluster in share.clusters)

    @property
    def credentials(self) -> tuple[NamespacedName, ...]:
        """The Secrets whose credentials backends are sent."""
        return ()


def _reached(named: Iterable[AnyCluster]) -> tuple[AnyCluster, ...]:
    """These clusters and those behind them, once."""
    wanted: dict[AnyCluster, None] = {}
    for cluster in named:
        if isinstance(cluster, FailoverKey):
            wanted.update(dict.fromkeys(cluster.clusters))
        wanted[cluster] = None
    return tuple(wanted)


class RuleFacts(StreamRule, frozen=True, kw_only=True):
    """A rule resolved, of an HTTPRoute or put as one.

    `calls` is whether it is for calls of gRPC; `broken` rules answer with an error as a whole; a match that cannot even be
    expressed is not among `matches`.
    """

    rule: HTTPRouteRule
    calls: bool
    matches: tuple[Match, ...]
    filters: tuple[RuleFilter, ...]
    session: Session | None

    @property
    def answers(self) -> bool:
        """Whether a filter answers, so that no backend is asked."""
        return any(each.answers for each in self.filters)

    @property
    def all_filters(self) -> tuple[RuleFilter, ...]:
        """The filters of the rule and of its backends."""
        return (*self.filters, *(each for share in self.shares for each in share.filters))

    @property
    def clusters(self) -> tuple[AnyCluster, ...]:
        """Every cluster that the rule's requests may reach."""
        if self.broken:
            return ()
        named = [] if self.answers else [cluster for share in self.shares for cluster in share.clusters]
        return _reached((*named, *(each.cluster for each in self.filters if each.cluster is not None)))

    @property
    def credentials(self) -> tuple[NamespacedName, ...]:
        """The Secrets whose credentials backends are sent."""
        named = () if self.broken or self.answers else self.all_filters
        return tuple(each.credential for each in named if each.credential is not None)


class RouteFacts(msgspec.Struct, frozen=True):
    """All rules of a route."""

    rules: tuple[StreamRule, ...]

    @property
    def for_requests(self) -> tuple[RuleFacts, ...]:
        """The rules, if it is a route of requests."""
        return tuple(rule for rule in self.rules if isinstance(rule, RuleFacts))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with any of the rules."""
        return tuple(finding for rule in self.rules for finding in rule.findings)

    @property
    def unusable(self) -> bool:
        """Whether no rule can be honoured; references that cannot be resolved do not count."""
        return bool(self.rules) and all(rule.broken and of(rule.findings, ACCEPTED) for rule in self.rules)
