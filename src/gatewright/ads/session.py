"""One stream to one proxy, without I/O: in which order the proxy is brought to the desired state.

Make before break, each step confirmed by Envoy. (1) Clusters, and what they need: endpoints and secrets, as Envoy asks for
them. (2) Listeners, then route configurations, each as soon as everything of step 1 published in the same or an earlier batch
is confirmed. (3) Removals, once all that was published up to their batch is confirmed: listeners first, then routes, clusters,
endpoints and secrets. A step waits for confirmations only as long as `patience`; what is late is reported, and the rest goes
on.

Three things Envoy does not say by itself. A cluster that is updated, or shares the endpoints of another, warms again without
asking for its ClusterLoadAssignment again: it is sent once more. A cluster that resolves names or awaits a first health check
warms unseen: whoever can look into the proxy says when it is done (`warmed`), otherwise a short time must do. A listener can
take an address only from one that leaves in the same response.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from gatewright.ads.lane import NEVER, History, Lane, Row
from gatewright.ads.messages import Delivery, Late, Request, ResourceChange, Response
from gatewright.ads.needs import addresses_of, warming_of
from gatewright.ads.subscription import Verdict
from gatewright.wire.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Resource

FOUNDATIONS: Final = (CLUSTER, ENDPOINTS, SECRET)
REMOVAL_ORDER: Final = (LISTENER, ROUTES, CLUSTER, ENDPOINTS, SECRET)
ORDER: Final = (*FOUNDATIONS, LISTENER, ROUTES)
World = Mapping[str, Mapping[str, Row]]


class Pace(msgspec.Struct, frozen=True):
    """How long to wait, in seconds: for Envoy's answer, and for a cluster that warms unseen while nobody looks into the proxy."""

    patience: float = 5.0
    unseen: float = 0.5


class Step(msgspec.Struct, frozen=True):
    """What an advance led to."""

    responses: tuple[Response, ...]
    deliveries: tuple[Delivery, ...]
    late: tuple[Late, ...]


class _Frontiers(msgspec.Struct, frozen=True):
    """By type: the first batch whose upserts, or whose removals, must wait."""

    upserts: Mapping[str, float]
    removals: Mapping[str, float]


class Session:
    """The state of one stream. Times are seconds of any steady clock."""

    def __init__(self, proxy: str, world: World, published: int, now: float, *, pace: Pace, past: Mapping[str, History]) -> None:
        self.proxy = proxy
        self.published = published
        self.settled = 0
        self._pace = pace
        self._world = world
        self._past = past
        self._opened = now
        self._nonces = itertools.count(1)
        self._sent_at: dict[str, float] = {}
        self._late: set[str] = set()
        self._rewarming: frozenset[str] = frozenset()
        self._unseen: frozenset[str] = frozenset()
        self._warming: dict[str, tuple[int, float]] = {}
        self._lanes = {type_url: self._new_lane(type_url) for type_url in ORDER}

    def _new_lane(self, type_url: str) -> Lane:
        return Lane(self.proxy, type_url, self._world.get(type_url, {}), self._past.get(type_url, History()))

    @property
    def history(self) -> dict[str, History]:
        """What the next stream of this proxy should know."""
        return {lane.type_url: lane.history for lane in self._lanes.values()}

    @property
    def warming(self) -> frozenset[str]:
        """The clusters that warm unseen, as far as anybody knows."""
        return frozenset(self._warming)

    def deadline(self) -> float:
        """When to advance even if nothing happens."""
        lates = (at + self._pace.patience for type_url, at in self._sent_at.items() if type_url not in self._late)
        unasked = (self._opened + self._pace.patience for lane in self._lanes.values() if self._is_unasked(lane))
        return min(itertools.chain(lates, unasked, (until for _, until in self._warming.values())), default=NEVER)

    def publish(self, settled: int, changes: Iterable[ResourceChange]) -> None:
        """Desire `changes` from batch `settled` on."""
        self.published = settled
        for change in changes:
            self._lane(change.type_url).publish(change.name, change.resource, settled)

    def receive(self, request: Request, now: float) -> Verdict:
        """Take in a request, and say what it was about a response."""
        lane = self._lane(request.type_url)
        opened = lane.unconfirmed_upserts
        received = lane.receive(request, self.published)
        if lane.ready:
            self._sent_at.pop(lane.type_url, None)
            self._late.discard(lane.type_url)
        if received.response is not None:
            if lane.type_url == CLUSTER:
                self._await_warming(received.response, int(min(opened, self.published)), now)
            if received.verdict is Verdict.ACCEPTED:
                self._lift_refusals(received.response)
        return received.verdict

    def warmed(self, still_warming: Iterable[str]) -> None:
        """Only `still_warming` of the clusters asked about are not in use yet."""
        self._warming = {name: self._warming[name] for name in still_warming if name in self._warming}

    def advance(self, now: float) -> Step:
        """All that can be sent now, and what has become known."""
        late = tuple(self._expire(now))
        frontiers = self._frontiers()
        responses = tuple(filter(None, [self._next(lane, frontiers, now) for lane in self._lanes.values()]))
        self.settled = max(self.settled, self._confirmed())
        deliveries = [delivery for lane in self._lanes.values() for delivery in lane.deliveries]
        for lane in self._lanes.values():
            lane.deliveries = []
        return Step(responses, tuple(deliveries), late)

    def _lane(self, type_url: str) -> Lane:
        lane = self._lanes.get(type_url)
        if lane is None:
            lane = self._lanes[type_url] = self._new_lane(type_url)
        return lane

    def _next(self, lane: Lane, frontiers: _Frontiers, now: float) -> Response | None:
        if not lane.ready:
            return None
        resources, absent = lane.plan(frontiers.upserts.get(lane.type_url, NEVER))
        frontier = frontiers.removals.get(lane.type_url, NEVER)
        removals = absent.union(name for name in lane.leaving if self._may_leave(lane, name, frontier))
        if lane.type_url == LISTENER:
            removals |= _making_way(lane, resources)
        if not resources and not removals:
            return None
        if lane.type_url == CLUSTER:
            needs = {resource.name: warming_of(resource) for resource in resources}
            asked = self._lanes[ENDPOINTS].subscription.names
            self._rewarming = frozenset(need.endpoints for need in needs.values() if need.endpoints in asked and need.endpoints)
            self._unseen = frozenset(name for name, need in needs.items() if need.unseen and name not in lane.subscription.held)
        self._sent_at[lane.type_url] = now
        return lane.send(str(next(self._nonces)), resources, removals)

    def _await_warming(self, response: Response, since: int, now: float) -> None:
        for name in self._rewarming:
            self._lanes[ENDPOINTS].owe(name, since)
        for name in self._unseen & self._lanes[CLUSTER].subscription.held.keys():
            self._warming[name] = (since, now + self._pace.unseen)
        for name in response.removals:
            self._warming.pop(name, None)

    def _lift_refusals(self, response: Response) -> None:
        """A listener or route may have been refused for want of a cluster, a secret or an address that is there now."""
        frees_address = response.type_url == LISTENER
        if frees_address or (response.type_url in {CLUSTER, SECRET} and response.upserts):
            self._lanes[LISTENER].retry()
            self._lanes[ROUTES].retry()

    def _is_unasked(self, lane: Lane) -> bool:
        return not lane.subscription.started and bool(lane.due) and lane.type_url not in self._late

    def _expire(self, now: float) -> Iterator[Late]:
        """Give up waiting for what is late."""
        self._warming = {name: (since, until) for name, (since, until) in self._warming.items() if until > now}
        for lane in self._lanes.values():
            since = self._sent_at.get(lane.type_url, self._opened if self._is_unasked(lane) else now)
            if lane.type_url not in self._late and now - since >= self._pace.patience:
                self._late.add(lane.type_url)
                yield Late(self.proxy, lane.type_url, tuple(lane.flying or lane.flying_removals or lane.due))

    def _frontiers(self) -> _Frontiers:
        """The first batch that each kind of step must leave for later."""
        open_since = {
            lane.type_url: NEVER if lane.type_url in self._late else lane.unconfirmed_upserts for lane in self._lanes.values()
        }
        warming = min((since for since, _ in self._warming.values()), default=NEVER)
        foundations = min(warming, *(open_since[type_url] for type_url in FOUNDATIONS))
        removals: dict[str, float] = {}
        before = min(warming, *open_since.values())
        for type_url in REMOVAL_ORDER:
            removals[type_url] = before
            if type_url not in self._late:
                before = min(before, self._removals_since(self._lanes[type_url]))
        return _Frontiers({LISTENER: foundations, ROUTES: min(foundations, open_since[LISTENER])}, removals)

    def _removals_since(self, lane: Lane) -> float:
        """The first batch with a removal that is not confirmed and may come to be."""
        leaving = (since for name, since in lane.leaving.items() if not self._is_mentioned(lane, name))
        return min(itertools.chain(leaving, lane.flying_removals.values()), default=NEVER)

    def _may_leave(self, lane: Lane, name: str, frontier: float) -> bool:
        """Whether nothing that the proxy holds, or will hold in the batch of the removal, points at `name` any more."""
        row = lane.rows.get(name)
        batch = row.batch if row is not None else lane.leaving[name]
        return batch < frontier and not self._is_mentioned(lane, name)

    def _is_mentioned(self, lane: Lane, name: str) -> bool:
        """Whether the last good version of something that is held back may point at `name`: its bytes contain the name."""
        for other in self._lanes.values():
            if other is lane or not other.refused:
                continue
            for refused in other.refused.keys() & other.subscription.held.keys():
                good = other.good.get(refused)
                if good is None or name.encode() in good.body:
                    return True
        return False

    def _confirmed(self) -> int:
        """The last batch of which everything is confirmed or refused."""
        opened = min((since for since, _ in self._warming.values()), default=NEVER)
        for lane in self._lanes.values():
            opened = min(opened, lane.unconfirmed_upserts, self._removals_since(lane))
        return self.published if opened > self.published else int(opened) - 1


def _making_way(lane: Lane, upserts: Iterable[Resource]) -> frozenset[str]:
    """The leaving listeners that hold an address which a new one of `upserts` binds: Envoy frees it only within one response."""
    new = [resource for resource in upserts if resource.name not in lane.subscription.held] if lane.leaving else []
    taken = frozenset().union(*map(addresses_of, new))
    return frozenset(name for name in lane.leaving if taken and name in lane.good and taken & addresses_of(lane.good[name]))
