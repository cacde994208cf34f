"""Statuses wait for the data plane, and times are stamped."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from gatewright.api.meta import NamespacedName
from gatewright.control.publication import Publication, Publishable
from gatewright.status.document import StatusDocument

KEY = ("Gateway", NamespacedName("default", "eg"))


def document(status: str) -> StatusDocument:
    body: dict[str, Any] = {"conditions": [{"type": "Programmed", "status": status, "reason": "R", "message": status}]}
    return StatusDocument("Gateway", KEY[1], "gateway.networking.k8s.io/v1", 1, body)


class Proxies:
    """Proxies that confirm batches when the test says so, and a writer that remembers."""

    def __init__(self) -> None:
        self.confirmed = asyncio.Condition()
        self.batch = 0
        self.written: list[dict[Any, StatusDocument | None]] = []

    async def confirm(self, batch: int) -> None:
        async with self.confirmed:
            self.batch = batch
            self.confirmed.notify_all()
        await asyncio.sleep(0.05)

    async def wait(self, batch: int, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds), self.confirmed:
                await self.confirmed.wait_for(lambda: self.batch >= batch)
        except TimeoutError:
            return False
        return True

    async def write(self, documents: Publishable) -> None:
        self.written.append(dict(documents))

    def count(self, kinds: Counter[str], seconds: float) -> None:
        assert kinds.total() > 0
        assert seconds >= 0

    def statuses(self) -> list[str | None]:
        return [each[KEY].body["conditions"][0]["status"] if each[KEY] else None for each in self.written]  # type: ignore[union-attr]


def run(scenario: Callable[[Publication, Proxies], Awaitable[None]]) -> Proxies:
    """Play a scenario with a running publication."""

    async def play() -> Proxies:
        proxies = Proxies()
        publication = Publication(proxies.wait, [proxies], proxies.count)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(publication.run())
            await scenario(publication, proxies)
            task.cancel()
        return proxies

    return asyncio.run(play())


def test_nothing_is_said_before_the_proxies_have_confirmed() -> None:
    """A status of a batch is held until the proxies have that batch."""

    async def scenario(publication: Publication, proxies: Proxies) -> None:
        publication.settled(1, {KEY: document("True")})
        await asyncio.sleep(0.05)
        assert [] == proxies.statuses()
        await proxies.confirm(1)

    assert ["True"] == run(scenario).statuses()


def test_what_the_confirmation_says_is_published_in_its_place() -> None:
    """Envoy's confirmation settles once more: users see "programmed", not "pending" and then "programmed"."""

    async def scenario(publication: Publication, proxies: Proxies) -> None:
        publication.settled(1, {KEY: document("False")})
        await asyncio.sleep(0.01)
        async with proxies.confirmed:
            proxies.batch = 2
            proxies.confirmed.notify_all()
        publication.settled(2, {KEY: document("True")})
        await asyncio.sleep(0.1)

    assert ["True"] == run(scenario).statuses()


def test_an_equal_status_is_not_written_again_and_an_end_is_told() -> None:
    """A status that settles as it was is no news; an object that is gone is told once."""

    async def scenario(publication: Publication, proxies: Proxies) -> None:
        await proxies.confirm(9)
        for batch, each in enumerate((document("True"), document("True"), None), start=1):
            publication.settled(batch, {KEY: each})
            await asyncio.sleep(0.05)

    assert ["True", None] == run(scenario).statuses()


def test_times_change_with_the_status_only() -> None:
    """LastTransitionTime stays while the status of the condition stays."""

    async def scenario(publication: Publication, proxies: Proxies) -> None:
        await proxies.confirm(9)
        publication.settled(1, {KEY: document("True")})
        await asyncio.sleep(0.05)
        first = publication.published[KEY].body["conditions"][0]["lastTransitionTime"]
        await asyncio.sleep(1.1)
        again = document("True")
        again.body["conditions"][0]["message"] = "in other words"
        publication.settled(2, {KEY: again})
        await asyncio.sleep(0.05)
        second = publication.published[KEY].body["conditions"][0]
        assert (first, "in other words") == (second["lastTransitionTime"], second["message"])

    assert 2 == Counter(run(scenario).statuses())["True"]
