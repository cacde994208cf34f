"""A stream of a session for tests without I/O, with a proxy that answers as it is told."""

from collections.abc import Iterable

from gatewright.ads.lane import Row
from gatewright.ads.messages import Delivery, Late, Request, ResourceChange, Response
from gatewright.ads.session import Session, Step
from gatewright.ads.warmup import Pace
from gatewright.wire.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Resource
from tests.ads.resources import PROXY, cluster, endpoints, listener, routes

SHORT = {CLUSTER: "CDS", ENDPOINTS: "EDS", LISTENER: "LDS", ROUTES: "RDS", SECRET: "SDS"}
HTTP = (listener("http", 80), routes("http", {"a": "c0"}), cluster("c0"), endpoints("c0", 1))


class Stream:
    """A session and a proxy that answers as told. Responses are written as "CDS +c0 -c1"."""

    def __init__(self, *world: Resource, holds: Iterable[Resource] = ()) -> None:
        self.now = 0.0
        rows: dict[str, dict[str, Row]] = {}
        for each in world:
            rows.setdefault(each.type_url, {})[each.name] = Row(each, 1)
        self.session = Session(PROXY, rows, 1, self.now, pace=Pace(), past={})
        self.under_way: dict[str, Response] = {}
        self.deliveries: list[Delivery] = []
        self.late: list[Late] = []
        for type_url in (CLUSTER, ENDPOINTS, LISTENER, ROUTES):
            versions = {each.name: each.version for each in holds if each.type_url == type_url}
            if versions:
                names = tuple(versions) if type_url in {ENDPOINTS, ROUTES} else ()
                self.session.receive(Request(type_url, names, (), versions))

    def publish(self, batch: int, *changes: list[ResourceChange]) -> list[str]:
        self.session.publish(batch, [change for each in changes for change in each])
        return self.advance()

    def ask(self, type_url: str, *names: str) -> list[str]:
        self.session.receive(Request(type_url, names))
        return self.advance()

    def accept(self, type_url: str, *names: str) -> list[str]:
        return self.answer(type_url, names, None)

    def refuse(self, type_url: str, error: str) -> list[str]:
        return self.answer(type_url, (), error)

    def answer(self, type_url: str, names: tuple[str, ...], error: str | None) -> list[str]:
        nonce = next(nonce for nonce, response in self.under_way.items() if response.type_url == type_url)
        del self.under_way[nonce]
        self.session.receive(Request(type_url, names, nonce=nonce, error=error))
        return self.advance()

    def wait(self, seconds: float) -> list[str]:
        self.now += seconds
        return self.advance()

    def advance(self) -> list[str]:
        step = self.session.advance(self.now)
        self._note(step)
        return [written(response) for response in step.responses]

    def _note(self, step: Step) -> None:
        self.under_way.update((response.nonce, response) for response in step.responses)
        self.deliveries.extend(step.deliveries)
        self.late.extend(step.late)

    def fact(self, type_url: str, name: str) -> Delivery:
        return [each for each in self.deliveries if (each.type_url, each.name) == (type_url, name)][-1]


def written(response: Response) -> str:
    parts = [*(f"+{name}" for name in sorted(response.upserts)), *(f"-{name}" for name in sorted(response.removals))]
    return " ".join((SHORT[response.type_url], *parts))


def settled(*world: Resource) -> Stream:
    """A proxy that reconnects with all of `world`."""
    return Stream(*world, holds=world)
