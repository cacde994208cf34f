"""A running ADS server in a folder of its own, and what it was told, for tests against real Envoys."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from gatewright.ads.messages import Delivery, Late, Progress, ResourceChange
from gatewright.ads.server import AdsServer
from gatewright.wire.resource import Resource
from tests.ads.resources import PROXY, gone, set_to


class Plane:
    """A server that publishes one batch after the other for `PROXY`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "ads" / "ads.sock"
        self.batch = 0
        self.world: dict[tuple[str, str], Resource] = {}
        self.facts: dict[tuple[str, str], Delivery] = {}
        self.progress = Progress(PROXY, connected=False, settled=0)
        self.late: list[Late] = []
        self.server = self._new_server()

    def _new_server(self) -> AdsServer:
        return AdsServer(self._note, self._note_progress, on_late=self.late.append)

    def _note(self, deliveries: object) -> None:
        assert isinstance(deliveries, list)
        self.facts.update(((each.type_url, each.name), each) for each in deliveries)

    def _note_progress(self, progress: Progress) -> None:
        self.progress = progress

    def accepted(self, *resources: Resource) -> bool:
        """Whether the proxy is known to hold exactly these versions of these names, and to refuse nothing of them."""
        expected = [Delivery(PROXY, each.type_url, each.name, each.version, None) for each in resources]
        return expected == [self.facts.get((each.type_url, each.name)) for each in resources]

    def publish(self, *changes: list[ResourceChange]) -> None:
        """The next batch."""
        self.batch += 1
        flat = [change for each in changes for change in each]
        for change in flat:
            if change.resource is None:
                self.world.pop((change.type_url, change.name), None)
            else:
                self.world[change.type_url, change.name] = change.resource
        self.server.publish(self.batch, flat)

    async def deliver(self, *changes: list[ResourceChange]) -> None:
        """The next batch, until the proxy has confirmed or refused it."""
        self.publish(*changes)
        assert await self.server.wait(self.batch, 10)

    async def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what is waited for may be in the proxy
                await asyncio.sleep(0.005)

    async def begin(self, *resources: Resource) -> None:
        """The first batch, until a proxy has connected and taken it."""
        self.publish(set_to(*resources))
        await self.until(lambda: self.progress.connected and self.progress.settled >= self.batch)

    async def restart(self, *changed: Resource, lost: tuple[Resource, ...] = ()) -> None:
        """A control plane that died, and a new one on the same socket with the same world but for these changes."""
        await self.server.stop(0)
        self.server = self._new_server()
        self.facts = {}
        await self.server.start(self.socket)
        self.publish([change for each in self.world.values() for change in set_to(each)], set_to(*changed), gone(*lost))
        await self.until(lambda: self.progress.connected and self.progress.settled >= self.batch)


@asynccontextmanager
async def plane() -> AsyncIterator[Plane]:
    """A started server; everything of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gw-ads-") as folder:
        running = Plane(Path(folder))
        await running.server.start(running.socket)
        try:
            yield running
        finally:
            await running.server.stop(0)
