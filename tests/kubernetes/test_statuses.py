"""Statuses in a real API server: written once, right, and beside those of others."""

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import pytest

from gatewright.api.meta import NamespacedName
from gatewright.sources.kube.client import Client
from gatewright.sources.kube.source import KubeSource
from gatewright.status.document import StatusDocument
from gatewright.writers.kubernetes import KubernetesStatuses, Written
from tests.kubernetes.bed import Bed
from tests.kubernetes.cluster import CONTROLLER, Followed, Objects, eventually, following, in_parallel, measured, route_spec

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Client]]
THEIRS = "example.com/another"
GATEWAY_API = "gateway.networking.k8s.io/v1"


class Writing:
    """A source, a writer that leads, and what the writer told."""

    def __init__(self, client: Client, seen: Followed, writer: KubernetesStatuses, told: list[Written]) -> None:
        self.objects = Objects(client)
        self.seen = seen
        self.writer = writer
        self.told = told

    async def write(self, *documents: StatusDocument) -> None:
        """Write these, and wait until the writer has nothing to do."""
        await self.writer.write({(each.kind, each.key): each for each in documents})
        await self.idle()

    def problems(self, namespace: str) -> list[str]:
        """What was told of each writing to a route of a namespace: nothing, if it went well."""
        return [each.problem for each in self.told if each.key.namespace == namespace]

    async def idle(self) -> None:
        async with asyncio.timeout(30):
            while not self.writer.idle:  # noqa: ASYNC110 - a test looks from outside
                await asyncio.sleep(0.01)

    async def status(self, key: NamespacedName, kind: str = "HTTPRoute") -> dict[str, Any]:
        """The status that stands in the API server."""
        status: dict[str, Any] = (await self.objects.read(kind, key)).get("status", {})
        return status


@contextlib.asynccontextmanager
async def writing(connect: Connect) -> AsyncIterator[Writing]:
    """A writer that leads, and follows its source."""
    async with connect() as client:
        told: list[Written] = []
        source = KubeSource(client)
        writer = KubernetesStatuses(client, source, CONTROLLER, told.append)
        source.on_lives_changed(writer.lives_changed)
        async with following(source) as seen, asyncio.TaskGroup() as group:
            task = group.create_task(writer.run())
            writer.lead(leading=True)
            yield Writing(client, seen, writer, told)
            task.cancel()


def document(key: NamespacedName, generation: int = 1, accepted: str = "True", message: str = "") -> StatusDocument:
    """The status of a route with one parent."""
    condition = {"type": "Accepted", "status": accepted, "reason": "Accepted", "message": message}
    conditions = [{**condition, "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}
    body = {"parents": [{"parentRef": parent, "controllerName": CONTROLLER, "conditions": conditions}]}
    return StatusDocument("HTTPRoute", key, GATEWAY_API, generation, body)


def theirs(name: str = "gw") -> dict[str, Any]:
    """An entry of another controller."""
    condition = {
        "type": "Accepted",
        "status": "False",
        "reason": "No",
        "message": "",
        "lastTransitionTime": "2025-01-01T00:00:00Z",
    }
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name}
    return {"parentRef": parent, "controllerName": THEIRS, "conditions": [condition]}


def controllers(status: dict[str, Any]) -> list[str]:
    return [entry["controllerName"] for entry in status.get("parents", [])]


def test_a_thousand_statuses(connect: Connect, namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As fast as the server takes them, and not once more: what is right is left alone, by a new writer, too."""

    async def scenario() -> None:
        async with writing(connect) as running:
            await running.objects.namespace(namespace)
            keys = await running.objects.routes(namespace, 1000)
            await running.seen.until(lambda now: len(now.names("HTTPRoute", namespace)) == 1000)
            began = time.perf_counter()
            await running.write(*(document(key) for key in keys))
            seconds = time.perf_counter() - began
            assert [""] * 1000 == running.problems(namespace)
            await running.write(*(document(key) for key in keys))
            assert 1000 == len(running.problems(namespace))
            measured(capsys, f"1,000 statuses written in {seconds:.2f} s")
        async with writing(connect) as another:
            await another.write(*(document(key) for key in keys))
            assert [] == another.problems(namespace)

    asyncio.run(scenario())


def test_statuses_of_routes_as_they_come(connect: Connect, namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A thousand routes made by four hands: each has its status at once, the last one within a second."""

    async def scenario() -> None:
        async with writing(connect) as running:
            await running.objects.namespace(namespace)

            async def report() -> None:
                known: set[str] = set()
                while len(known) < 1000:
                    new = running.seen.names("HTTPRoute", namespace) - known
                    known |= new
                    keys = [NamespacedName(namespace, name) for name in new]
                    await running.writer.write({("HTTPRoute", key): document(key) for key in keys})
                    await asyncio.sleep(0.02)

            reporting = asyncio.create_task(report())
            began = time.perf_counter()
            keys = [NamespacedName(namespace, f"r{number:04}") for number in range(1000)]
            await in_parallel((running.objects.route(key) for key in keys), 4)
            made = time.perf_counter()
            await reporting
            await running.idle()
            lag = time.perf_counter() - made
            assert [""] * 1000 == running.problems(namespace)
            assert lag < 1
            measured(capsys, f"1,000 routes made in {made - began:.1f} s; the last status {lag:.2f} s after the last route")

    asyncio.run(scenario())


def test_entries_of_others(connect: Connect, namespace: str) -> None:
    """They stay as they are; ours change beside them, keep their times, and go when there is nothing to say any more."""

    async def scenario() -> None:
        async with writing(connect) as running:
            key = NamespacedName(namespace, "web")
            await running.objects.namespace(namespace)
            await running.objects.route(key)
            await running.objects.merge("HTTPRoute", key, {"status": {"parents": [theirs()]}}, "status")
            await running.seen.until(lambda now: now.names("HTTPRoute", namespace) == {"web"})
            await running.write(document(key))
            await running.write(document(key, message="still"))
            before, ours = (await running.status(key))["parents"]
            assert (theirs(), CONTROLLER) == (before, ours["controllerName"])
            assert ("still", "2026-01-01T00:00:00Z") == tuple(
                ours["conditions"][0][name] for name in ("message", "lastTransitionTime")
            )
            await running.writer.write({("HTTPRoute", key): None})
            await running.idle()
            assert {"parents": [theirs()]} == await running.status(key)

    asyncio.run(scenario())


def test_writers_in_conflict(connect: Connect, namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Another controller writes to the same statuses all the time: nobody's entry is ever lost."""

    async def scenario() -> None:
        async with writing(connect) as running, connect() as client:
            rival = Objects(client)
            key = NamespacedName(namespace, "web")
            await rival.namespace(namespace)
            await rival.route(key)
            await running.seen.until(lambda now: now.names("HTTPRoute", namespace) == {"web"})

            async def rivalry() -> None:
                for number in range(60):
                    while True:
                        live = await rival.read("HTTPRoute", key)
                        entries = [each for each in live.get("status", {}).get("parents", []) if each["controllerName"] != THEIRS]
                        body = {
                            "metadata": {"resourceVersion": live["metadata"]["resourceVersion"]},
                            "status": {"parents": [*entries, theirs(f"gw{number}")]},
                        }
                        if (await rival.merge("HTTPRoute", key, body, "status")).get("code") != 409:
                            break

            task = asyncio.create_task(rivalry())
            for number in range(60):
                await running.write(document(key, message=str(number)))
                await asyncio.sleep(0.005)
            await task
            await eventually(
                lambda: running.status(key),
                lambda status: {CONTROLLER, THEIRS} == set(controllers(status)) and "'message': '59'" in str(status),
            )
            status = await running.status(key)
            assert ["gw59"] == [each["parentRef"]["name"] for each in status["parents"] if each["controllerName"] == THEIRS]
            assert {} == running.writer.problems
            conflicts = sum(each.problem.startswith("409") for each in running.told)
            measured(capsys, f"60 statuses against 60 of a rival: {conflicts} given up after 5 conflicts and tried again")

    asyncio.run(scenario())


def test_a_status_that_somebody_overwrites(connect: Connect, namespace: str) -> None:
    """It is put right again."""

    async def scenario() -> None:
        async with writing(connect) as running:
            key = NamespacedName(namespace, "web")
            await running.objects.namespace(namespace)
            await running.objects.route(key)
            await running.seen.until(lambda now: now.names("HTTPRoute", namespace) == {"web"})
            await running.write(document(key))
            await running.objects.merge("HTTPRoute", key, {"status": {"parents": [theirs()]}}, "status")
            await eventually(lambda: running.status(key), lambda status: controllers(status) == [THEIRS, CONTROLLER])

    asyncio.run(scenario())


def test_generations(connect: Connect, namespace: str) -> None:
    """A document for an older generation is not written, nor one for an object that was another before."""

    async def scenario() -> None:
        async with writing(connect) as running:
            key = NamespacedName(namespace, "web")
            await running.objects.namespace(namespace)
            await running.objects.route(key)
            await running.objects.merge("HTTPRoute", key, {"spec": route_spec("two")})
            await running.seen.until(lambda now: now.backends(namespace) == {"web": "two"})
            await running.write(document(key, generation=1))
            assert {} == await running.status(key)
            await running.write(document(key, generation=2))
            assert [CONTROLLER] == controllers(await running.status(key))
            await running.objects.delete("HTTPRoute", key)
            await running.objects.route(key)
            await running.seen.until(lambda now: now.backends(namespace) == {"web": "one"})
            await running.idle()
            assert {} == await running.status(key)
            await running.write(document(key, generation=1))
            assert [CONTROLLER] == controllers(await running.status(key))

    asyncio.run(scenario())


def test_an_object_that_comes_back(connect: Connect, namespace: str) -> None:
    """Deleted and made again as it was: its status is written again, though no document has changed."""

    async def scenario() -> None:
        async with writing(connect) as running:
            key = NamespacedName(namespace, "web")
            await running.objects.namespace(namespace)
            await running.objects.route(key)
            await running.seen.until(lambda now: now.names("HTTPRoute", namespace) == {"web"})
            await running.write(document(key))
            await running.objects.delete("HTTPRoute", key)
            await running.objects.route(key)
            await eventually(lambda: running.status(key), lambda status: controllers(status) == [CONTROLLER])

    asyncio.run(scenario())


def test_followers_and_leaders(connect: Connect, namespace: str) -> None:
    """A follower writes nothing; when it begins to lead it writes what differs, and takes away what is left of ours."""

    async def scenario() -> None:
        async with writing(connect) as running:
            running.writer.lead(leading=False)
            key, left = NamespacedName(namespace, "web"), NamespacedName(namespace, "left")
            await running.objects.namespace(namespace)
            for each in (key, left):
                await running.objects.route(each)
            ours = document(left).body["parents"][0]
            await running.objects.merge("HTTPRoute", left, {"status": {"parents": [theirs(), ours]}}, "status")
            await running.seen.until(lambda now: now.names("HTTPRoute", namespace) == {"web", "left"})
            await running.write(document(key))
            await asyncio.sleep(0.2)
            assert ({}, []) == (await running.status(key), running.problems(namespace))
            running.writer.lead(leading=True)
            await eventually(lambda: running.status(key), lambda status: controllers(status) == [CONTROLLER])
            await eventually(lambda: running.status(left), lambda status: controllers(status) == [THEIRS])

    asyncio.run(scenario())


def test_a_gateway(connect: Connect, namespace: str) -> None:
    """One status for all: foreign conditions stay, the one that the CRD begins with is replaced, old addresses go."""

    async def scenario() -> None:
        async with writing(connect) as running:
            key = NamespacedName(namespace, "gw")
            await running.objects.namespace(namespace)
            listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
            await running.objects.create("Gateway", key, spec={"gatewayClassName": "c", "listeners": listeners})
            foreign = {**theirs()["conditions"][0], "type": "example.com/Checked"}
            live = await running.status(key, "Gateway")
            begun = {"conditions": [*live["conditions"], foreign], "addresses": [{"value": "192.0.2.1"}]}
            await running.objects.merge("Gateway", key, {"status": begun}, "status")
            await running.seen.until(lambda now: now.names("Gateway", namespace) == {"gw"})
            accepted = document(key).body["parents"][0]["conditions"]
            listener = {"name": "http", "attachedRoutes": 0, "supportedKinds": [{"kind": "HTTPRoute"}], "conditions": accepted}
            body = {"conditions": accepted, "listeners": [listener]}
            await running.write(StatusDocument("Gateway", key, GATEWAY_API, 1, body))
            status = await running.status(key, "Gateway")
            assert {"Accepted": "True", "example.com/Checked": "False"} == {
                each["type"]: each["status"] for each in status["conditions"]
            }
            assert (["http"], True) == ([each["name"] for each in status["listeners"]], "addresses" not in status)

    asyncio.run(scenario())


def test_a_status_that_the_server_refuses(connect: Connect, namespace: str) -> None:
    """It is a problem that is told, holds up nobody, and is over with the next document."""

    async def scenario() -> None:
        async with writing(connect) as running:
            bad, good = NamespacedName(namespace, "bad"), NamespacedName(namespace, "good")
            await running.objects.namespace(namespace)
            for key in (bad, good):
                await running.objects.route(key)
            await running.seen.until(lambda now: now.names("HTTPRoute", namespace) == {"bad", "good"})
            await running.write(document(bad, accepted="Perhaps"), document(good))
            assert [CONTROLLER] == controllers(await running.status(good))
            assert [("HTTPRoute", bad)] == list(running.writer.problems)
            assert "422" in running.writer.problems["HTTPRoute", bad]
            await running.write(document(bad))
            assert ({}, [CONTROLLER]) == (running.writer.problems, controllers(await running.status(bad)))

    asyncio.run(scenario())


def test_statuses_while_the_server_restarts(bed: Bed, connect: Connect, namespace: str) -> None:
    """Writing goes on when it is back; objects that were deleted meanwhile are nobody's problem."""

    async def scenario() -> None:
        async with writing(connect) as running:
            await running.objects.namespace(namespace)
            keys = await running.objects.routes(namespace, 100)
            await running.seen.until(lambda now: len(now.names("HTTPRoute", namespace)) == 100)
            fault = asyncio.create_task(asyncio.to_thread(bed.fault, "apiserver-restart"))
            await running.writer.write({("HTTPRoute", key): document(key) for key in keys})
            await fault
            for key in keys[:10]:
                await running.objects.delete("HTTPRoute", key)
            for key in keys[10:]:
                await eventually(functools.partial(running.status, key), lambda status: controllers(status) == [CONTROLLER])
            await running.seen.until(lambda now: len(now.names("HTTPRoute", namespace)) == 90)
            await running.idle()
            assert {} == running.writer.problems

    asyncio.run(scenario())
