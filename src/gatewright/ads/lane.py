"""One type of resource on one stream: what is desired, what the proxy was sent, and what it made of it.

A lane keeps, for every name, the first batch that the proxy has not confirmed: as `due` (to be told), as `leaving` (to be
removed), or in a flight (told, not answered). From these numbers the session derives its order. A refused version is held
back: the lane desires the last good one instead, until another version is published or the refusal is lifted. A refusal that
names nobody is split in halves until it does.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from gatewright.ads.messages import Delivery, Request, Response
from gatewright.ads.needs import blame
from gatewright.ads.subscription import Received, Subscription, Verdict
from gatewright.wire.resource import CLUSTER, LISTENER, Resource

NEVER: Final = float("inf")
_READING: Final = 0.001  # seconds that a busy Envoy may need for each resource, before anybody grows impatient
_SUSPECTED: Final = ""  # what a refusal says until Envoy has spoken


class Row(msgspec.Struct, frozen=True):
    """The desired state of a name since `batch`; without a resource it shall not exist."""

    resource: Resource | None
    batch: int


class Refusal(msgspec.Struct, frozen=True):
    """A version that the proxy did not take, and its words."""

    version: str
    message: str


class History(msgspec.Struct, frozen=True):
    """What earlier streams taught about a type: the last version that was taken, and the refusals."""

    good: Mapping[str, Resource] = {}
    refused: Mapping[str, Refusal] = {}


class Flight(msgspec.Struct):
    """A response under way: when it should have been read, and since which batch its names are open; a name given up leaves."""

    read_at: float
    upserts: dict[str, int]
    removals: dict[str, int]


class Lane:
    """The state of one type on one stream of `proxy`. Deliveries collect in `deliveries` until they are taken."""

    def __init__(self, proxy: str, type_url: str, rows: Mapping[str, Row], history: History) -> None:
        self.proxy = proxy
        self.type_url = type_url
        self.subscription = Subscription(type_url, implicit_wildcard=type_url in {CLUSTER, LISTENER})
        self.rows = dict(rows)
        self.good = dict(history.good)
        self.refused = dict(history.refused)
        self.due: dict[str, int] = {}
        self.leaving: dict[str, int] = {}
        self.flights: dict[str, Flight] = {}
        self.deliveries: list[Delivery] = []
        self._earlier: dict[str, Row] = {}
        self._suspects: deque[tuple[str, ...]] = deque()
        self._undo: set[str] = set()
        self._reported: dict[str, tuple[str | None, str | None, str]] = {}
        for name in list(self.rows):
            self.touch(name, self.rows[name].batch)

    @property
    def history(self) -> History:
        """What the next stream of the same proxy should know."""
        return History(self.good, self.refused)

    @property
    def ready(self) -> bool:
        """Whether the type was asked for, and everything sent is answered."""
        return self.subscription.started and not self.flights

    @property
    def unconfirmed_upserts(self) -> float:
        """The first batch with something the proxy has not confirmed, removals aside."""
        flying = itertools.chain.from_iterable(flight.upserts.values() for flight in self.flights.values())
        return min(itertools.chain(self.due.values(), flying), default=NEVER)

    @property
    def unconfirmed_removals(self) -> Iterable[int]:
        """The batches of the removals that were sent."""
        return itertools.chain.from_iterable(flight.removals.values() for flight in self.flights.values())

    def is_open(self, name: str) -> bool:
        """Whether something about `name` is still to be sent or answered."""
        return name in self.due or self._is_flying(name)

    def _is_flying(self, name: str) -> bool:
        return any(name in flight.upserts or name in flight.removals for flight in self.flights.values())

    def publish(self, name: str, resource: Resource | None, batch: int) -> None:
        """Desire `resource` from `batch` on. The version it supersedes is kept only while it is waiting for its turn."""
        old = self.rows.get(name)
        if resource is None:
            self._earlier.pop(name, None)
        elif name in self.due and old is not None and old.resource is not None:
            self._earlier.setdefault(name, old)
        self.rows[name] = Row(resource, batch)
        self.touch(name, batch)

    def touch(self, name: str, since: int) -> None:
        """Work out anew what the proxy must be told of `name`; what was open before stays open since then."""
        opened = self.due.pop(name, self.leaving.pop(name, since))
        row = self.rows.get(name)
        resource = row.resource if row is not None else None
        held_back = self.holds_back(name)
        if held_back:
            resource = self.good.get(name)
        if resource is None and name in self._undo:
            self.due[name] = opened
        elif resource is None and held_back:
            return
        elif self.subscription.lacks(name, resource):
            answers = resource is not None or self.subscription.owes(name)
            (self.due if answers else self.leaving)[name] = opened
        elif not held_back and not self._is_flying(name):
            self._come_to_rest(name, resource)

    def _come_to_rest(self, name: str, resource: Resource | None) -> None:
        """The proxy has what is desired, or is not interested: nothing of what it once refused matters any more."""
        self.refused.pop(name, None)
        if resource is None:
            self.rows.pop(name, None)
        elif self.subscription.held.get(name) == resource.version:
            self.good[name] = resource
        self._report(name)

    def owe(self, name: str, since: int) -> None:
        """Send `name` again although the proxy holds it."""
        self.subscription.owe(name)
        self.touch(name, since)

    def holds_back(self, name: str) -> bool:
        """Whether the desired version of `name` is one that the proxy refused."""
        row, refusal = self.rows.get(name), self.refused.get(name)
        if row is None or row.resource is None or refusal is None:
            return False
        return row.resource.version == refusal.version

    def retry(self, about: Iterable[str] | None = None) -> None:
        """Lift the refusals (those that mention a name of `about`), since their cause may be gone; each is tried on its own."""
        causes = [""] if about is None else list(about)
        lifted = [name for name, refusal in self.refused.items() if any(cause in refusal.message for cause in causes)]
        for name in filter(self.holds_back, lifted):
            del self.refused[name]
            self.touch(name, self.rows[name].batch)
            self._suspects.append((name,))

    def plan(self, frontier: float) -> tuple[list[Resource], frozenset[str]]:
        """What to send next of the batches before `frontier`: resources, and names of which the absence must be said."""
        while self._suspects:
            group = [name for name in self._suspects.popleft() if name in self.due]
            if chosen := list(filter(None, (self._choose(name, frontier) for name in group))):
                return chosen, frozenset()
        resources = filter(None, (self._choose(name, frontier) for name in self.due))
        return list(resources), frozenset(filter(self._is_absent, self.due))

    def _is_absent(self, name: str) -> bool:
        row = self.rows.get(name)
        return row is None or row.resource is None or self._is_half_made(name)

    def _is_half_made(self, name: str) -> bool:
        """Whether `name` was refused and never taken."""
        return self.holds_back(name) and name not in self.good

    def _choose(self, name: str, frontier: float) -> Resource | None:
        """The newest version of `name` whose turn has come; an older one only while the newest must wait."""
        row = self.rows.get(name)
        if row is None or row.resource is None:
            return None
        if self.holds_back(name):
            return self.good.get(name)
        if row.batch < frontier:
            return row.resource
        earlier = self._earlier.get(name)
        if earlier is None or earlier.batch >= frontier or not self.subscription.lacks(name, earlier.resource):
            return None
        return earlier.resource

    def send(self, nonce: str, resources: Iterable[Resource], removals: frozenset[str], now: float) -> Response:
        """The response with these; what was due is now flying."""
        response = self.subscription.send(nonce, tuple(resources), removals)
        flight = self.flights[nonce] = Flight(now + _READING * (len(response.upserts) + len(removals)), {}, {})
        for name, resource in response.upserts.items():
            flight.upserts[name] = self.due.pop(name)
            earlier = self._earlier.pop(name, None)
            if earlier is not None and resource is earlier.resource:
                self.due[name] = earlier.batch + 1
        for name in removals:
            answers = name in self.due
            (flight.upserts if answers else flight.removals)[name] = (self.due if answers else self.leaving).pop(name)
        self._undo -= removals | response.upserts.keys()
        return response

    def receive(self, request: Request, published: int) -> Received:
        """Take in a request; `published` is the newest batch."""
        first = not self.subscription.started
        if first and not request.initial_versions:
            self.refused = {}  # a proxy that holds nothing has just started: what its predecessor refused may suit it
        received = self.subscription.receive(request)
        if received.response is not None:
            self._conclude(received.response, request.error if received.verdict is Verdict.REFUSED else None)
        touched = received.touched
        if touched is None:
            touched = frozenset().union(self.rows, self.subscription.held, self.subscription.names, self._reported)
        for name in touched:
            self.touch(name, self.rows[name].batch if name in self.rows else published)
            self._report(name)
        return received

    def suspect(self, resource: Resource) -> None:
        """Hold back `resource`, which is under way, until Envoy has said what it thinks of it."""
        name = resource.name
        row = self.rows.get(name)
        if not self.holds_back(name) and row is not None:
            self._refuse(resource, _SUSPECTED)
            for flight in self.flights.values():
                flight.upserts.pop(name, None)
            self.touch(name, row.batch)

    def _refuse(self, resource: Resource, message: str) -> None:
        """Hold back `resource`. Envoy may keep a half-made cluster in mind, and then confirms no other: it is told to undo it."""
        name = resource.name
        known = self.refused.get(name)
        self.refused[name] = Refusal(resource.version, message)
        if self.type_url == CLUSTER and (known is None or known.version != resource.version):
            if name in self.good:
                self.subscription.owe(name)
            elif name not in self.subscription.held:
                self._undo.add(name)

    def _conclude(self, response: Response, error: str | None) -> None:
        flight = self.flights.pop(response.nonce)
        if error is None:
            self._accept(response.upserts)
        else:
            self._sort_out(response.upserts, error)
            self._undo.update(filter(self._is_half_made, response.removals))
        for name in response.removals if error is None else ():
            self.good.pop(name, None)
            if not self.holds_back(name):
                self.refused.pop(name, None)
        for name in itertools.chain(response.upserts, response.removals):
            row = self.rows.get(name)
            since = flight.upserts.get(name, flight.removals.get(name)) if error is not None or row is None else row.batch
            self.touch(name, since if since is not None else row.batch if row is not None else 0)
            self._report(name)

    def _accept(self, upserts: Mapping[str, Resource]) -> None:
        for name, resource in upserts.items():
            self.good[name] = resource
            refusal = self.refused.get(name)
            if refusal is not None and (refusal.version == resource.version or not self.holds_back(name)):
                del self.refused[name]

    def _sort_out(self, upserts: Mapping[str, Resource], error: str) -> None:
        """Hold back whoever is to blame; if that is not known yet, try the halves one after the other."""
        names = tuple(upserts)
        culprits = blame(self.type_url, error, names) or ({names[0]: error} if len(names) == 1 else {})
        for name in upserts.keys() - culprits.keys():
            if self.refused.get(name) == Refusal(upserts[name].version, _SUSPECTED):
                del self.refused[name]
        for name, message in culprits.items():
            self._refuse(upserts[name], message)
        if not culprits and names:
            half = len(names) // 2
            self._suspects.extendleft((names[half:], names[:half]))

    def _report(self, name: str) -> None:
        """Note a delivery if what is known of `name` has changed."""
        refusal = self.refused.get(name)
        accepted = self.subscription.held.get(name)
        fact = (accepted, refusal.version, refusal.message) if refusal is not None else (accepted, None, "")
        if fact == self._reported.get(name, (None, None, "")):
            return
        if fact == (None, None, ""):
            del self._reported[name]
        else:
            self._reported[name] = fact
        self.deliveries.append(Delivery(self.proxy, self.type_url, name, *fact))
