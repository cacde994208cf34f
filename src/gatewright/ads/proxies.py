"""What is known of each proxy, apart from sockets: its desired state, its open streams, and how far they are.

A `Link` is one open stream. Until its proxy is published for the first time, requests wait; from then on a session answers
them.
"""

from collections.abc import Iterable

from gatewright.ads.lane import NEVER, History, Row
from gatewright.ads.ledger import Ledger
from gatewright.ads.messages import Delivery, Progress, Request, ResourceChange
from gatewright.ads.session import Session, Step
from gatewright.ads.subscription import Verdict
from gatewright.ads.warmup import Pace


class Link:
    """One open stream of `proxy`."""

    def __init__(self, proxy: "Proxy") -> None:
        self.proxy = proxy
        self.session: Session | None = None
        self._early: list[Request] = []

    def begin(self, now: float) -> None:
        """Answer from now on, if the proxy is known."""
        proxy = self.proxy
        if proxy.published is None or self.session is not None:
            return
        self.session = Session(proxy.name, proxy.world, proxy.published, now, pace=proxy.pace, past=proxy.past)
        early, self._early = self._early, []
        for request in early:
            self.session.receive(request)

    def receive(self, request: Request) -> Verdict:
        """Take in a request."""
        if self.session is None:
            self._early.append(request)
            return Verdict.NOTHING
        return self.session.receive(request)

    def advance(self, now: float) -> Step:
        """What to send and tell now."""
        return self.session.advance(now) if self.session is not None else Step((), (), ())

    def deadline(self) -> float:
        """When to advance although nothing happened."""
        return self.session.deadline() if self.session is not None else NEVER


class Proxy:
    """One proxy by its name, with any number of Envoys running under it."""

    def __init__(self, name: str, pace: Pace) -> None:
        self.name = name
        self.pace = pace
        self.world: dict[str, dict[str, Row]] = {}
        self.published: int | None = None
        self.links: list[Link] = []
        self.past: dict[str, History] = {}
        self._settled = 0
        self._ledger = Ledger()

    @property
    def progress(self) -> Progress:
        """How far the proxy is: as far as the last of its Envoys. What was once confirmed stays so when the stream ends."""
        reached = [link.session.settled for link in self.links if link.session is not None]
        self._settled = min(reached, default=self._settled)
        return Progress(self.name, connected=bool(self.links), settled=self._settled)

    def publish(self, settled: int, changes: Iterable[ResourceChange], now: float) -> None:
        """Desire `changes`, and let streams that have been waiting begin."""
        taken = tuple(changes)
        for change in taken:
            rows = self.world.setdefault(change.type_url, {})
            if change.resource is None:
                rows.pop(change.name, None)
            else:
                rows[change.name] = Row(change.resource, settled)
        self.published = settled
        for link in self.links:
            if link.session is None:
                link.begin(now)
            else:
                link.session.publish(settled, taken)

    def connect(self, now: float) -> Link:
        """A stream has opened."""
        link = Link(self)
        self._ledger.arrive(link, self.links)
        self.links.append(link)
        link.begin(now)
        return link

    def disconnect(self, link: Link) -> list[Delivery]:
        """A stream has ended; what that changes in what the proxy says."""
        self.links.remove(link)
        if link.session is not None:
            self.past = link.session.history
        return self._ledger.leave(link)

    def note(self, link: Link, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """What the proxy says now that one of its Envoys said this."""
        return self._ledger.note(link, deliveries)
