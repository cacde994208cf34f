"""Events in a real API server: one for what goes wrong, counted up when it happens again, and not too many."""

import asyncio
import subprocess
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

from gatewright.api.meta import NamespacedName
from gatewright.sources.kube.client import Client
from gatewright.writers.events import OBJECT_BURST, Events, Regarding, Said
from tests.kubernetes.bed import Bed
from tests.kubernetes.cluster import CONTROLLER, Objects, eventually
from tests.kubernetes.installed import KUBECTL

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Client]]
API_VERSION = "gateway.networking.k8s.io/v1"


def status(accepted: str, reason: str = "NoMatchingParent") -> dict[str, Any]:
    """The status of a route with one parent of ours."""
    condition = {"type": "Accepted", "status": accepted, "reason": reason, "message": "there is no such listener"}
    return {"parents": [{"parentRef": {"name": "gw"}, "controllerName": CONTROLLER, "conditions": [condition]}]}


async def found(client: Client, namespace: str) -> list[dict[str, Any]]:
    """The Events of a namespace that are ours."""
    listed = await Objects(client).ask("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
    return [each for each in listed["items"] if each["reportingController"] == CONTROLLER]


async def about_a_route(client: Client, namespace: str) -> Regarding:
    """A namespace, and a route in it."""
    key = NamespacedName(namespace, "web")
    await Objects(client).namespace(namespace)
    made = await Objects(client).route(key)
    return Regarding(API_VERSION, "HTTPRoute", key, made["metadata"]["uid"])


def test_what_goes_wrong_is_an_event(bed: Bed, connect: Connect, namespace: str) -> None:
    """Once when it begins, and the same Event counts when it happens again; kubectl shows it with the object."""

    async def scenario() -> None:
        async with connect() as client, asyncio.TaskGroup() as group:
            about = await about_a_route(client, namespace)
            events = Events(client, CONTROLLER, "replica-0")
            task = group.create_task(events.run())
            events.status_written(about, {}, status("False"))
            (event,) = await eventually(lambda: found(client, namespace), bool)
            assert ("Warning", "NoMatchingParent", "Accept", "replica-0") == tuple(
                event[field] for field in ("type", "reason", "action", "reportingInstance")
            )
            assert f"Gateway {namespace}/gw: Accepted=False: there is no such listener" == event["note"]
            assert about.uid == event["regarding"]["uid"]
            events.status_written(about, status("False"), status("False"))
            events.status_written(about, status("False"), status("True"))
            events.status_written(about, status("True"), status("False"))
            await eventually(lambda: found(client, namespace), lambda all_: [_count(each) for each in all_] == [2])
            task.cancel()

    asyncio.run(scenario())
    command = (KUBECTL, "--kubeconfig", bed.kubeconfig, "describe", "httproute", "web", "-n", namespace)
    described = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "NoMatchingParent" in described.partition("Events:")[2]


def _count(event: dict[str, Any]) -> int:
    count: int = event.get("series", {}).get("count", 1)
    return count


def test_what_passes_is_no_event(connect: Connect, namespace: str) -> None:
    """A Gateway that has no address yet is told only if that lasts."""

    async def scenario() -> None:
        async with connect() as client, asyncio.TaskGroup() as group:
            about = await about_a_route(client, namespace)
            events = Events(client, CONTROLLER, "replica-0")
            task = group.create_task(events.run())
            events.status_written(about, {}, status("False", "AddressNotAssigned"))
            events.status_written(about, status("False", "AddressNotAssigned"), status("True"))
            events.say(Said(about, "Normal", "Elect", "LeaderElection", "the last one"))
            await eventually(
                lambda: found(client, namespace), lambda all_: [each["reason"] for each in all_] == ["LeaderElection"]
            )
            task.cancel()

    asyncio.run(scenario())


def test_an_object_has_a_few_events_at_a_time(connect: Connect, namespace: str) -> None:
    """One that is wrong in ever new ways does not fill the cluster, and does not take from another's."""

    async def scenario() -> None:
        async with connect() as client, asyncio.TaskGroup() as group:
            about = await about_a_route(client, namespace)
            other = about._replace(key=NamespacedName(namespace, "other"), uid="")
            events = Events(client, CONTROLLER, "replica-0")
            task = group.create_task(events.run())
            for number in range(OBJECT_BURST * 3):
                events.say(Said(about, "Warning", "Accept", "Invalid", str(number)))
            events.say(Said(other, "Warning", "Accept", "Invalid", "the other"))
            await eventually(lambda: found(client, namespace), lambda all_: any(each["note"] == "the other" for each in all_))
            assert OBJECT_BURST + 1 == len(await found(client, namespace))
            task.cancel()

    asyncio.run(scenario())
