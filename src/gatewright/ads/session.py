"""One stream to one proxy, without I/O: in which order the proxy is brought to the desired state.

Make before break, each step confirmed by Envoy. (1) Clusters, and what they need: endpoints and secrets, as Envoy asks for
them. (2) Listeners, then route configurations and discovered filters, each as soon as everything of step 1 published in the same
or an earlier batch is confirmed. (3) Removals, once all that was published up to their batch is confirmed: listeners first, then
routes and filters, clusters, endpoints, secrets. A step waits for confirmations only as long as `Pace` allows; what is late is
reported, and the rest goes on.

Of a type, one response at a time is under way; while it is, newer versions replace those that wait. Each secret
goes in a response of its own: when Envoy refuses one it notes its hash, and confirms it if it is sent once more. `warmup`
tells why clusters differ, too.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from gatewright.ads.lane import NEVER, History, Lane, Row
from gatewright.ads.messages import Delivery, Late, Request, ResourceChange, Response
from gatewright.ads.needs import addresses_of
from gatewright.ads.subscription import Verdict
from gatewright.ads.warmup import Pace, Warmup
from gatewright.wire.resource import CLUSTER, ENDPOINTS, EXTENSION, LISTENER, ROUTES, SECRET, Resource

FOUNDATIONS: Final = (CLUSTER, ENDPOINTS, SECRET)
FOLLOWERS: Final = (ROUTES, EXTENSION)
REMOVAL_ORDER: Final = (LISTENER, *FOLLOWERS, CLUSTER, ENDPOINTS, SECRET)
World = Mapping[str, Mapping[str, Row]]


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
        self._began = self._heard_at = self._now = now
        self._heard = False
        self._nonces = itertools.count(1)
        self._late: set[str] = set()
        self._lanes = {type_url: self._new_lane(type_url) for type_url in (*FOUNDATIONS, LISTENER, *FOLLOWERS)}
        self._warmup = Warmup(self._lanes[CLUSTER], self._lanes[ENDPOINTS], pace)

    def _new_lane(self, type_url: str) -> Lane:
        return Lane(self.proxy, type_url, self._world.get(type_url, {}), self._past.get(type_url, History()))

    def _lane(self, type_url: str) -> Lane:
        lane = self._lanes.get(type_url)
        if lane is None:
            lane = self._lanes[type_url] = self._new_lane(type_url)
        return lane

    @property
    def history(self) -> dict[str, History]:
        """What the next stream of this proxy should know."""
        return {lane.type_url: lane.history for lane in self._lanes.values()}

    def publish(self, settled: int, changes: Iterable[ResourceChange]) -> None:
        """Desire `changes` from batch `settled` on."""
        self.published = settled
        for change in changes:
            self._lane(change.type_url).publish(change.name, change.resource, settled)

    def receive(self, request: Request) -> Verdict:
        """Take in a request, and say what it was about a response."""
        self._heard = True
        lane = self._lane(request.type_url)
        first = not lane.subscription.started
        known = frozenset(lane.subscription.held) if lane.type_url == LISTENER else frozenset()
        received = lane.receive(request, self.published)
        if first and lane.type_url == ENDPOINTS:
            self._warmup.endpoints_listed()
        if received.response is not None:
            self._late.discard(lane.type_url)
            self._warmup.answered(received.response)
            if received.verdict is Verdict.ACCEPTED:
                self._lift_refusals(received.response, known)
        return received.verdict

    def advance(self, now: float) -> Step:
        """All that can be sent now, and what has become known."""
        self._now = now
        if self._heard:
            self._heard, self._heard_at = False, now
        late = (*self._expire(), *(Late(self.proxy, CLUSTER, names) for names in self._warmup.advance(now)))
        frontiers = self._frontiers()
        responses = tuple(response for lane in list(self._lanes.values()) for response in self._send(lane, frontiers))
        self.settled = max(self.settled, self._confirmed())
        deliveries = [delivery for lane in self._lanes.values() for delivery in lane.deliveries]
        for lane in self._lanes.values():
            lane.deliveries = []
        return Step(responses, tuple(deliveries), late)

    def deadline(self) -> float:
        """When to advance even if nothing happens."""
        waits = [self._waiting_since(lane) + self._pace.patience for lane in self._lanes.values()]
        if self._routes_are_unheard():
            waits.append(self._heard_at + self._pace.patience)
        return min((at for at in itertools.chain(waits, self._warmup.deadlines()) if at > self._now), default=NEVER)

    def _send(self, lane: Lane, frontiers: _Frontiers) -> Iterator[Response]:
        one_by_one = lane.type_url == SECRET or (lane.type_url == CLUSTER and self._warmup.is_stalled(self._now))
        while lane.ready or (one_by_one and lane.subscription.started):
            resources, absent = lane.plan(frontiers.upserts.get(lane.type_url, NEVER))
            frontier = frontiers.removals.get(lane.type_url, NEVER)
            removals = absent.union(name for name in lane.leaving if self._may_leave(lane, name, frontier))
            if lane.type_url == LISTENER:
                removals |= _making_way(lane, resources)
            if not resources and not removals and (lane.due or not lane.subscription.owes_answer):
                return
            yield self._send_now(lane, resources[:1] if one_by_one else resources, removals)
            for resource in resources[1:] if one_by_one else ():
                yield self._send_now(lane, [resource], frozenset())

    def _send_now(self, lane: Lane, resources: Iterable[Resource], removals: frozenset[str]) -> Response:
        response = lane.send(str(next(self._nonces)), resources, removals, self._now)
        if lane.type_url == CLUSTER:
            self._warmup.sent(response)
        return response

    def retry(self, about: Collection[str]) -> None:
        """Try listeners again that were refused with any of these words, since their cause lies outside of what is published."""
        self._lanes[LISTENER].retry(about)

    def _lift_refusals(self, response: Response, known: frozenset[str]) -> None:
        """A listener or route may have been refused for want of a cluster, a secret or an address that is there now."""
        if response.type_url == LISTENER:
            if response.removals or not known.isdisjoint(response.upserts):
                self._lanes[LISTENER].retry()
        elif response.type_url in {CLUSTER, SECRET}:
            self._lanes[LISTENER].retry(response.upserts)
            for type_url in FOLLOWERS:
                self._lanes[type_url].retry(response.upserts)

    def _waiting_since(self, lane: Lane) -> float:
        """Since when the proxy has owed an answer, or been silent without asking for a type that it is expected to want."""
        if lane.flights:
            return next(iter(lane.flights.values())).read_at
        idle = not any(other.flights for other in self._lanes.values())
        return self._heard_at if idle and lane.due and not lane.subscription.started else NEVER

    def _is_late(self, lane: Lane) -> bool:
        return self._now - self._waiting_since(lane) >= self._pace.patience

    def _expire(self) -> Iterator[Late]:
        """What has become late, once."""
        for lane in self._lanes.values():
            if lane.type_url not in self._late and self._is_late(lane):
                self._late.add(lane.type_url)
                names = [*itertools.chain.from_iterable(flight.upserts for flight in lane.flights.values()), *lane.due]
                if names:
                    yield Late(self.proxy, lane.type_url, tuple(names))

    def _frontiers(self) -> _Frontiers:
        """The first batch that each kind of step must leave for later."""
        late = {lane.type_url for lane in self._lanes.values() if self._is_late(lane) and lane.type_url != CLUSTER}
        if not self._lanes[CLUSTER].subscription.started and self._is_late(self._lanes[CLUSTER]):
            late.add(CLUSTER)
        since = {lane.type_url: NEVER if lane.type_url in late else lane.unconfirmed_upserts for lane in self._lanes.values()}
        foundations = min(since[type_url] for type_url in FOUNDATIONS)
        removals: dict[str, float] = {}
        before = 0 if self._routes_are_unheard() else min(since.values())
        for type_url in REMOVAL_ORDER:
            removals[type_url] = before
            if type_url not in late:
                before = min(before, self._removals_since(self._lanes[type_url]))
        followers = dict.fromkeys(FOLLOWERS, min(foundations, since[LISTENER]))
        return _Frontiers({LISTENER: foundations, **followers}, removals)

    def _routes_are_unheard(self) -> bool:
        """Whether the proxy holds listeners and has not said yet which routes, or which filters: they may point at anything.

        One that has just connected may still hold what is not desired any more; but most have no use for filters.
        """
        fresh = self._now - self._began < self._pace.patience
        expected = [
            self._lanes[type_url] for type_url in FOLLOWERS if self._lanes[type_url].rows or (fresh and type_url == ROUTES)
        ]
        silent = any(not lane.subscription.started for lane in expected) and bool(self._lanes[LISTENER].subscription.held)
        return silent and self._now - self._heard_at < self._pace.patience

    def _removals_since(self, lane: Lane) -> float:
        """The first batch with a removal that is not confirmed and may come to be."""
        leaving = (since for name, since in lane.leaving.items() if not self._is_mentioned(lane, name))
        return min(itertools.chain(leaving, lane.unconfirmed_removals), default=NEVER)

    def _may_leave(self, lane: Lane, name: str, frontier: float) -> bool:
        """Whether nothing that the proxy holds, or will hold in the batch of the removal, points at `name` any more."""
        row = lane.rows.get(name)
        batch = row.batch if row is not None else lane.leaving[name]
        return batch < frontier and not self._is_mentioned(lane, name)

    def _is_mentioned(self, lane: Lane, name: str) -> bool:
        """Whether the last good version of something that is held back may point at `name`: its bytes contain the name."""
        position = REMOVAL_ORDER.index(lane.type_url) if lane.type_url in REMOVAL_ORDER else 0
        for other in (self._lanes[type_url] for type_url in REMOVAL_ORDER[:position]):
            for refused in other.refused.keys() & other.subscription.held.keys():
                good = other.good.get(refused)
                if good is None or name.encode() in good.body:
                    return True
        return False

    def _confirmed(self) -> int:
        """The last batch of which everything is confirmed or refused."""
        opened = min(min(lane.unconfirmed_upserts, self._removals_since(lane)) for lane in self._lanes.values())
        return self.published if opened > self.published else int(opened) - 1


def _making_way(lane: Lane, upserts: Iterable[Resource]) -> frozenset[str]:
    """The leaving listeners that hold an address which a new one of `upserts` binds: Envoy frees it only within one response."""
    new = [resource for resource in upserts if resource.name not in lane.subscription.held] if lane.leaving else []
    taken = frozenset().union(*map(addresses_of, new))
    return frozenset(name for name in lane.leaving if taken and name in lane.good and taken & addresses_of(lane.good[name]))
