"""Fallback backends: shares of a rule that get requests only while the others cannot serve.

The weights divide the requests among the backends that are no fallback. Each such share leads to a chain of clusters: its own
backend, then the other ones, then the fallbacks in their order. Source: Envoy Gateway's Backend.spec.fallback; Envoy's aggregate
cluster, which keeps every backend's own protocol, TLS and endpoints.
"""

from collections.abc import Sequence

import msgspec

from gatewright.graph.rules import Share
from gatewright.graph.tables import AnyCluster, ClusterKey, FailoverKey


class Candidate(msgspec.Struct, frozen=True):
    """A resolved backend of a rule, before it is known what its siblings are."""

    share: Share
    fallback: bool


def arrange(candidates: Sequence[Candidate]) -> tuple[Share, ...]:
    """Return the shares of a rule; without a fallback, or with nothing else, they are as the rule writes them."""
    serving = [each for each in candidates if each.share.weight]
    spare = [each.share.cluster for each in serving if each.fallback]
    first = [each.share for each in serving if not each.fallback]
    if not any(spare) or not first:
        return tuple(each.share for each in candidates)
    return tuple(_chained(share, [*_after(first, i), *spare]) for i, share in enumerate(first))


def _after(shares: Sequence[Share], place: int) -> list[AnyCluster | None]:
    """The clusters of the other shares, beginning behind `place`, so that the load of a lost one spreads."""
    return [share.cluster for share in (*shares[place + 1 :], *shares[:place])]


def _chained(share: Share, others: Sequence[AnyCluster | None]) -> Share:
    """Let `others` follow a share's cluster. A backend that could not be resolved keeps its share of errors."""
    chain = dict.fromkeys(cluster for cluster in (share.cluster, *others) if isinstance(cluster, ClusterKey))
    return msgspec.structs.replace(share, cluster=FailoverKey(tuple(chain))) if share.cluster else share
