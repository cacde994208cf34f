"""Whatever happens to the API server: nothing is missed, and nothing is ever given up that is there."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import pytest

from gatewright.api.meta import NamespacedName
from gatewright.sources.kube.client import Client
from gatewright.sources.kube.source import KubeSource
from tests.kubernetes.bed import Bed
from tests.kubernetes.cluster import Followed, Objects, following, measured, route_spec, shows

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Client]]
STEADY = 50


class Churn:
    """Writes routes until told to stop, and knows what there must be in the end."""

    def __init__(self, objects: Objects, namespace: str) -> None:
        self.objects = objects
        self.namespace = namespace
        self.truth: dict[str, str] = {}
        self.deleted: set[str] = set()
        self.writes = 0
        self.stop = False

    async def prepare(self) -> None:
        """Make routes that are never touched again."""
        await self.objects.namespace(self.namespace)
        for number in range(STEADY):
            await self.objects.route(NamespacedName(self.namespace, f"steady{number}"), "steady")
            self.truth[f"steady{number}"] = "steady"

    async def run(self) -> None:
        """Create, change and delete."""
        dice = random.Random(self.namespace)  # noqa: S311 - a history, not a secret
        while not self.stop:
            name, backend = f"moving{dice.randrange(20)}", f"b{self.writes}"
            key = NamespacedName(self.namespace, name)
            if name not in self.truth:
                await self.objects.route(key, backend)
                self.truth[name] = backend
            elif dice.random() < 0.3:
                await self.objects.delete("HTTPRoute", key)
                del self.truth[name]
                self.deleted.add(name)
            else:
                await self.objects.merge("HTTPRoute", key, {"spec": route_spec(backend)})
                self.truth[name] = backend
            self.writes += 1
            await asyncio.sleep(0.01)


async def disturbed(connect: Connect, namespace: str, *faults: Callable[[], None]) -> tuple[Followed, Churn, float]:
    """Follow a churning cluster through faults; returns when the source has caught up, and how long that took after the last."""
    async with connect() as client, connect() as other:
        churn = Churn(Objects(other), namespace)
        await churn.prepare()
        async with following(KubeSource(client)) as seen:
            task = asyncio.create_task(churn.run())
            for fault in faults:
                await asyncio.sleep(0.3)
                await asyncio.to_thread(fault)
            over = time.monotonic()
            written = churn.writes
            while churn.writes < written + STEADY:  # noqa: ASYNC110 - what was written before the fault proves nothing
                await asyncio.sleep(0.01)
            churn.stop = True
            await task
            await seen.until(shows(namespace, **churn.truth))
            caught_up = time.monotonic() - over
            told_as_gone = {key.name for kind, key in seen.gone if kind == "HTTPRoute" and key.namespace == namespace}
            assert churn.deleted >= told_as_gone
            assert {kind for kind, _ in seen.gone} <= {"HTTPRoute"}
            return seen, churn, caught_up


@pytest.mark.parametrize("name", ["watch-cut", "apiserver-restart", "etcd-compact"])
def test_faults(bed: Bed, connect: Connect, namespace: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Connections cut three times; the server killed and started; the history dropped, which is 410 Gone for everyone."""
    times = 3 if name == "watch-cut" else 1
    seen, churn, seconds = asyncio.run(disturbed(connect, namespace, *([lambda: bed.fault(name)] * times)))
    state = next(state for state in seen.source.states() if state.kind == "HTTPRoute")
    text = f"{name}: {churn.writes} writes, the last {STEADY} after it; all seen {seconds:.2f} s after it"
    text += f"; {state.watches} watches, {state.relists} lists"
    measured(capsys, text)


def test_a_pause(bed: Bed, connect: Connect, namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Connections stay open and nothing answers: everything goes on afterwards."""
    _, churn, seconds = asyncio.run(disturbed(connect, namespace, lambda: bed.fault("apiserver-pause", "5")))
    measured(capsys, f"apiserver-pause 5: {churn.writes} writes, the last {STEADY} after it; all seen {seconds:.2f} s after it")


def test_the_first_list_meets_a_fault(bed: Bed, connect: Connect, namespace: str) -> None:
    """A source that starts while the server restarts reads everything, and its first complete batch is whole."""

    async def scenario() -> None:
        async with connect() as client:
            objects = Objects(client)
            await objects.namespace(namespace)
            await objects.routes(namespace, 100)
            fault = asyncio.create_task(asyncio.to_thread(bed.fault, "apiserver-restart"))
            await asyncio.sleep(0.2)
            async with following(KubeSource(client)) as seen:
                assert 100 == len(seen.names("HTTPRoute", namespace))
                assert "watching" == next(state.phase for state in seen.source.states() if state.kind == "TCPRoute")
                assert [] == seen.gone
            await fault

    asyncio.run(scenario())
