"""What Envoy says, and does not say, of clusters that warm up.

Envoy confirms clusters only when none is warming any more: until then it withholds every answer about clusters, however many
responses it has taken in (ClusterManagerImpl::updateClusterCounts). So its answer means that all endpoints, secrets, DNS
names and first health checks are there, which is what routes wait for. But one cluster that is slow would keep all others
waiting, and one that Envoy gave up half-made keeps it silent for good. Hence, when an answer does not come soon, clusters are
judged one by one by their endpoints, which Envoy asks for when it has taken the cluster and acknowledges when the cluster can
use them; more clusters are sent without waiting; and those that Envoy did not ask endpoints for, though it answered to later
responses, or that are all that can be the reason of its silence, are undone, which frees its tongue.

A cluster that is updated, or shares the endpoints of another, warms again without asking for them again: they are sent once
more.
"""

from collections.abc import Iterator

import msgspec

from gatewright.ads.lane import Flight, Lane
from gatewright.ads.messages import Response
from gatewright.ads.needs import Warming, warming_of


class Pace(msgspec.Struct, frozen=True):
    """How long to wait, in seconds.

    `patience` for any answer; `warming` for clusters to warm; `stall` until clusters are judged one by one; `doubt` until silence
    can no longer come from a slow cluster: Envoy gives up names, first health checks and secrets after 15 seconds or so.
    """

    patience: float = 5.0
    warming: float = 2.0
    stall: float = 0.2
    doubt: float = 30.0


class Warmup:
    """The clusters of one stream that were sent and are not confirmed."""

    def __init__(self, clusters: Lane, endpoints: Lane, pace: Pace) -> None:
        self._clusters = clusters
        self._endpoints = endpoints
        self._pace = pace
        self._needs: dict[str, dict[str, Warming]] = {}
        self._newest_answer = 0

    def sent(self, response: Response) -> None:
        """Clusters were sent. Endpoints that Envoy asked for before, it will not ask for again."""
        needs = {name: warming_of(resource) for name, resource in response.upserts.items()}
        self._needs[response.nonce] = needs
        self._owe_endpoints(response.nonce)

    def endpoints_listed(self) -> None:
        """Envoy has said on a new stream which endpoints it holds. Clusters sent before that warm as well."""
        for nonce in self._needs:
            self._owe_endpoints(nonce)

    def _owe_endpoints(self, nonce: str) -> None:
        opened = self._clusters.flights[nonce].upserts
        for name, need in self._needs[nonce].items():
            if need.endpoints is not None and need.endpoints in self._endpoints.subscription.names and name in opened:
                self._endpoints.owe(need.endpoints, opened[name])

    def answered(self, response: Response) -> None:
        """Envoy answered a response of any type, so it has read all that was sent before."""
        self._newest_answer = max(self._newest_answer, int(response.nonce))
        if response.type_url == self._clusters.type_url:
            self._needs.pop(response.nonce, None)

    def is_stalled(self, now: float) -> bool:
        """Whether Envoy withholds its answer about clusters."""
        return any(now - flight.read_at >= self._pace.stall for flight in self._clusters.flights.values())

    def deadlines(self) -> Iterator[float]:
        """When waiting turns into judging, and judging into going on."""
        for flight in self._clusters.flights.values():
            yield flight.read_at + self._pace.stall
            yield flight.read_at + self._pace.warming
            yield flight.read_at + self._pace.doubt

    def advance(self, now: float) -> Iterator[tuple[str, ...]]:
        """Judge what is under way; the names that were waited for long enough."""
        for nonce, flight in list(self._clusters.flights.items()):
            if now - flight.read_at < self._pace.stall:
                continue
            if self._newest_answer >= int(nonce) or now - flight.read_at >= self._pace.warming:
                self._suspect(nonce, in_doubt=now - flight.read_at >= self._pace.doubt)
            for name in [name for name in flight.upserts if self._is_warm(nonce, name)]:
                del flight.upserts[name]
            if now - flight.read_at >= self._pace.warming and (names := _give_up(flight)):
                yield names

    def _is_warm(self, nonce: str, name: str) -> bool:
        need = self._needs[nonce].get(name, Warming())
        return need.endpoints is not None and not need.more and self._is_served(need.endpoints)

    def _is_served(self, endpoints: str) -> bool:
        return endpoints in self._endpoints.subscription.names and not self._endpoints.is_open(endpoints)

    def _suspect(self, nonce: str, *, in_doubt: bool) -> None:
        """Hold back the clusters that may be why Envoy is silent, and have them undone: then it says who it was."""
        needs = self._needs[nonce]
        asked = self._endpoints.subscription.names
        suspects = [name for name, need in needs.items() if need.endpoints is not None and need.endpoints not in asked]
        everything = [need for others in self._needs.values() for need in others.values()]
        warm = all(need.endpoints is not None and not need.more and self._is_served(need.endpoints) for need in everything)
        if (in_doubt or warm) and self._can_undo_all():
            suspects += [name for name in needs if name in self._clusters.good]
        for name in suspects:
            self._clusters.suspect(self._clusters.subscription.under_way[nonce].upserts[name])

    def _can_undo_all(self) -> bool:
        """Whether the last good version is known of all updated clusters. Undoing only the others would not make Envoy speak."""
        updated = self._clusters.subscription.held.keys() & {name for needs in self._needs.values() for name in needs}
        return updated <= self._clusters.good.keys()


def _give_up(flight: Flight) -> tuple[str, ...]:
    names = (*flight.upserts, *flight.removals)
    flight.upserts.clear()
    flight.removals.clear()
    return names
