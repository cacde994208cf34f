"""A thousand HTTPRoutes at once, by several ways of making them: how long after the last one is every status right?

    python -m bench.cluster_burst [--routes 1000] [--replicas 2] [--output FILE]

Needs what `make test-kubernetes` needs, and the test cluster that it builds, in which the API server shares its cores with the
control plane, Envoy and whoever makes the routes: so each run also tells the CPU time of each. It ends with the floor: the same
load, and a client that does nothing but write a ready-made status to each route.
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from bench.cluster_usage import percentile, spent, told, usage
from gatewright.api.meta import NamespacedName
from gatewright.apiserver import MERGE_PATCH, OK, lines
from gatewright.sources.kube.client import Client
from gatewright.sources.kube.credentials import Credentials
from gatewright.writers.kubernetes import CONCURRENT
from tests.kubernetes.cluster import CONTROLLER, Objects, in_parallel, resource
from tests.kubernetes.installed import KUBECTL, SYSTEM, Installed, backend, eventually, gateway

PATIENCE: Final = 40.0
SILENCE: Final = 3600.0  # while other things are made, nothing is heard of routes
REST: Final = 3.0  # in which what a load has stirred up settles
ROUTES: Final = resource("HTTPRoute")

Creator = Callable[[Installed, Client, Path, list[NamespacedName]], Awaitable[None]]


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    generation: int = 0
    resource_version: str = ""
    uid: str = ""


class _Parent(msgspec.Struct, frozen=True):
    conditions: list[dict[str, Any]] = []


class _Status(msgspec.Struct, frozen=True):
    parents: list[_Parent] = []


class _Route(msgspec.Struct, frozen=True):
    metadata: _Metadata
    status: _Status = _Status()


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: _Route


_event = msgspec.json.Decoder(_Event)


class Watched:
    """HTTPRoutes of a namespace as a watch shows them: when each came, when its status was right, and how often it changed."""

    def __init__(self) -> None:
        self.made: dict[str, float] = {}
        self.right: dict[str, float] = {}
        self.writes = 0
        self._version = ""
        self.now: dict[str, _Route] = {}
        self.right_at: dict[tuple[str, int], float] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, client: Client, namespace: str) -> AsyncIterator["Watched"]:
        """Watch until the block ends."""
        watched = cls()
        listed = json.loads((await client.request("GET", ROUTES.list_path(namespace))).body)
        version = listed["metadata"]["resourceVersion"]
        task = asyncio.create_task(watched.follow(client, namespace, version))
        try:
            yield watched
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def follow(self, client: Client, namespace: str, version: str) -> None:
        """Take in a watch, and go on where it ended: API servers end watches when a definition has changed."""
        self._version = version
        while True:
            query = {"watch": "1", "resourceVersion": self._version}
            async with client.stream(ROUTES.list_path(namespace), query, silence=SILENCE) as stream:
                async for line in lines(stream.pieces):
                    self.take(_event.decode(line), time.monotonic())

    def take(self, event: _Event, now: float) -> None:
        """One event of the watch."""
        name, self._version = event.object.metadata.name, event.object.metadata.resource_version
        if event.type == "DELETED":
            self.now.pop(name, None)
            return
        self.now[name] = event.object
        if event.type == "ADDED":
            self.made[name] = now
            return
        self.writes += 1
        if is_right(event.object):
            self.right.setdefault(name, now)
            self.right_at.setdefault((event.object.metadata.uid, event.object.metadata.generation), now)

    async def until_right(self, count: int, patience: float = PATIENCE) -> None:
        """Wait until so many statuses are right."""
        async with asyncio.timeout(patience):
            while len(self.right) < count:  # noqa: ASYNC110 - a load looks from outside
                await asyncio.sleep(0.01)

    async def until_all_right(self, count: int) -> None:
        """Wait until there are so many routes, and all statuses are those of the newest generation."""
        async with asyncio.timeout(PATIENCE):
            while len(self.now) != count or not all(map(is_right, self.now.values())):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)


def is_right(route: _Route) -> bool:
    """Whether a route's status says of its newest generation that all is well."""
    wanted = {("Accepted", "True", route.metadata.generation), ("ResolvedRefs", "True", route.metadata.generation)}
    found = [
        {(each["type"], each["status"], each.get("observedGeneration")) for each in parent.conditions}
        for parent in route.status.parents
    ]
    return bool(found) and all(wanted <= each for each in found)


def spec(number: str) -> dict[str, Any]:
    """What the route of this name asks for: a host of its own."""
    return {
        "parentRefs": [{"name": "web", "namespace": "default"}],
        "hostnames": [f"{number}.example.com"],
        "rules": [{"backendRefs": [{"name": "echo", "port": 80}]}],
    }


def document(key: NamespacedName) -> dict[str, Any]:
    """An HTTPRoute."""
    metadata = {"name": key.name, "namespace": key.namespace}
    return {"apiVersion": ROUTES.api_version, "kind": "HTTPRoute", "metadata": metadata, "spec": spec(key.name)}


def by_hands(width: int) -> Creator:
    """So many clients side by side, each as fast as it can."""

    async def create(_cluster: Installed, client: Client, _folder: Path, keys: list[NamespacedName]) -> None:
        objects = Objects(client)
        await in_parallel((objects.create("HTTPRoute", key, spec=spec(key.name)) for key in keys), width)

    return create


def by_kubectl(verb: str) -> Creator:
    """One `kubectl`, with one file."""

    async def create(cluster: Installed, _client: Client, folder: Path, keys: list[NamespacedName]) -> None:
        file = folder / "routes.yaml"
        await asyncio.to_thread(file.write_text, yaml.safe_dump_all([document(key) for key in keys]))
        command = (KUBECTL, "--kubeconfig", str(cluster.kubeconfig), verb, "-f", str(file))
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        assert await process.wait() == 0

    return create


CREATORS: Final[dict[str, Creator]] = {
    "64 clients": by_hands(64),
    "16 clients": by_hands(16),
    "kubectl apply": by_kubectl("apply"),
}


@contextlib.asynccontextmanager
async def installed(folder: Path, name: str, replicas: int) -> AsyncIterator[Installed]:
    """A cluster with Gatewright in it, and a Gateway that serves all namespaces."""
    context = Installed.up(folder, name, "--gateway-class", "eg", "--replicas", str(replicas))
    cluster = await asyncio.to_thread(context.__enter__)
    try:
        await asyncio.to_thread(_prepare, cluster)
        yield cluster
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


async def measure(folder: Path, count: int, replicas: int) -> list[dict[str, Any]]:
    """Install, and have the routes made in each way; then the same for a client that does the least that can be done."""
    async with installed(folder, "gw-burst", replicas) as cluster, Client(Credentials({}, str(cluster.kubeconfig))) as client:
        figures = [await _run(cluster, client, folder, name, count) for name in CREATORS]
        await asyncio.to_thread(_stop, cluster)
        floor = [await _run(cluster, client, folder, name, count, least) for name in ("64 clients", "16 clients")]
        return [*figures, *floor]


def _prepare(cluster: Installed) -> None:
    cluster.kubectl("rollout", "status", "-n", SYSTEM, "deployment/gatewright", "--timeout=60s")
    everywhere = gateway("web").replace("protocol: HTTP", "protocol: HTTP, allowedRoutes: {namespaces: {from: All}}")
    cluster.apply(backend("echo") + everywhere)
    cluster.programmed("web")


def _stop(cluster: Installed) -> None:
    cluster.kubectl("scale", "-n", SYSTEM, "deployment/gatewright", "--replicas=0")
    eventually(lambda: cluster.pods("control-plane=envoy-gateway"), lambda pods: pods == [])


@contextlib.asynccontextmanager
async def least(client: Client, watched: Watched) -> AsyncIterator[None]:
    """Write a ready-made status to each route that comes."""
    seen: set[str] = set()
    wide = asyncio.Semaphore(CONCURRENT)

    async def one(name: str) -> None:
        async with wide:
            path = ROUTES.object_path(NamespacedName("default", name), "status")
            answer = await client.request("PATCH", path, body=_READY, content_type=MERGE_PATCH)
            assert answer.status == OK, answer

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                for name in watched.made.keys() - seen:
                    seen.add(name)
                    group.create_task(one(name))
                await asyncio.sleep(0.01)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _ready() -> bytes:
    told = {"status": "True", "reason": "Accepted", "message": "", "observedGeneration": 1}
    told["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    conditions = [{**told, "type": "Accepted"}, {**told, "type": "ResolvedRefs"}]
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "web", "namespace": "default"}
    return json.dumps(
        {"status": {"parents": [{"parentRef": parent, "controllerName": CONTROLLER, "conditions": conditions}]}}
    ).encode()


_READY: Final = _ready()
Controller = Callable[[Client, Watched], contextlib.AbstractAsyncContextManager[None]]


async def _run(
    cluster: Installed, client: Client, folder: Path, name: str, count: int, floor: Controller | None = None
) -> dict[str, Any]:
    """One burst, and its figures."""
    objects = Objects(client)
    await objects.namespace("default")
    keys = [NamespacedName("default", f"r{number:05}") for number in range(count)]
    before = usage(cluster.name)
    async with Watched.of(client, "default") as watched, contextlib.AsyncExitStack() as stack:
        if floor is not None:
            await stack.enter_async_context(floor(client, watched))
        began = time.monotonic()
        await CREATORS[name](cluster, client, folder, keys)
        made, after_making = time.monotonic(), len(watched.right)
        await watched.until_right(count)
        last = max(watched.right.values())
        after = usage(cluster.name)
        await asyncio.sleep(REST)
        writes = watched.writes
    each = [watched.right[key] - watched.made[key] for key in watched.made]
    await client.request("DELETE", ROUTES.list_path("default"))
    await asyncio.sleep(REST)
    return {
        f"{count} HTTPRoutes made by": name + (", the least client" if floor else ""),
        "made in s": round(made - began, 2),
        "right by then": after_making,
        "last status after the last route, s": round(last - made, 2),
        "status of a route, median s": round(percentile(each, 0.5), 2),
        "status of a route, p99 s": round(percentile(each, 0.99), 2),
        "writes to routes": writes,
    } | spent(before, after)


def main() -> None:
    """Measure, print a table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--routes", type=int, default=1000)
    parser.add_argument("--replicas", type=int, default=2, help="of the control plane")
    parser.add_argument("--output", type=Path, help="where to write the figures as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        told(asyncio.run(measure(Path(folder), arguments.routes, arguments.replicas)), arguments.output)


if __name__ == "__main__":
    main()
