"""Leader election in a real API server."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import pytest

from gatewright.apiserver import Answer
from gatewright.sources.kube.client import Client
from gatewright.writers.lease import API_VERSION, NAME, Election, Timing
from tests.kubernetes.bed import Bed
from tests.kubernetes.cluster import Objects, eventually, measured

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Client]]
QUICK = Timing(lease_duration=3.0, renew_deadline=2.0, retry_period=0.3)


class Severed:
    """A client whose network can be taken away."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.severed = False

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Ask, or wait for an answer that does not come."""
        if self.severed:
            await asyncio.sleep(3600)
        return await self.client.request(method, path, query=query, body=body, content_type=content_type)


class Replica:
    """A candidate, and when it led."""

    def __init__(self, client: Client, namespace: str, name: str, timing: Timing) -> None:
        self.network = Severed(client)
        self.history: list[tuple[float, bool]] = []
        self.election = Election(self.network, namespace, name, self._lead, timing)
        self.task = asyncio.create_task(self.election.run())

    def _lead(self, leading: bool) -> None:  # noqa: FBT001 - as the election calls it
        self.history.append((time.monotonic(), leading))

    async def stop(self) -> None:
        """As a process that is told to stop."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float = 20) -> float:
    """Wait; returns how long it took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a test looks from outside
            await asyncio.sleep(0.01)
    return time.monotonic() - began


def test_one_leads_and_hands_over(connect: Connect, namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of three one leads. When it stops it hands over at once; when it loses its network it ceases before another begins."""

    async def scenario() -> None:
        async with connect() as client:
            await Objects(client).namespace(namespace)
            replicas = [Replica(client, namespace, f"replica{number}", QUICK) for number in range(3)]

            def leaders() -> list[Replica]:
                return [each for each in replicas if each.election.leading]

            await until(lambda: len(leaders()) == 1)
            (first,) = leaders()
            await asyncio.sleep(QUICK.lease_duration)
            assert [first] == leaders()
            await first.stop()
            assert [(True), (False)] == [leading for _, leading in first.history]
            handed = await until(lambda: len(leaders()) == 1)
            assert handed < QUICK.lease_duration
            (second,) = leaders()
            second.network.severed = True
            await until(lambda: not second.election.leading)
            taken = await until(lambda: len(leaders()) == 1)
            (third,) = leaders()
            assert third is not second
            assert second.history[-1][0] < third.history[0][0]
            lease = await Objects(client).ask("GET", f"/apis/{API_VERSION}/namespaces/{namespace}/leases/{NAME}")
            assert (third.election.leader, 2) == (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"])
            measured(capsys, f"handed over in {handed:.2f} s; taken over {taken:.2f} s after the severed leader ceased")
            second.network.severed = False
            await until(lambda: second.election.leader == third.election.leader)
            for each in replicas:
                await each.stop()

    asyncio.run(scenario())


def test_a_short_outage_changes_nothing(bed: Bed, connect: Connect, namespace: str) -> None:
    """A server that restarts is back before the deadline: the leader stays, and nobody else ever leads."""

    async def scenario() -> None:
        async with connect() as client:
            await Objects(client).namespace(namespace)
            replicas = [Replica(client, namespace, f"replica{number}", Timing()) for number in range(2)]
            await until(lambda: any(each.election.leading for each in replicas))
            await asyncio.to_thread(bed.fault, "apiserver-restart")
            await eventually(
                lambda: Objects(client).ask("GET", f"/apis/{API_VERSION}/namespaces/{namespace}/leases/{NAME}"),
                lambda lease: lease["spec"]["leaseTransitions"] == 0,
            )
            await asyncio.sleep(2.5)
            assert [1, 0] == sorted((len(each.history) for each in replicas), reverse=True)
            for each in replicas:
                await each.stop()

    asyncio.run(scenario())
