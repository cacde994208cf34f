"""Objects in the cluster, written as any client would, and a consumer of a Kubernetes source."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

import msgspec
import pytest
import yaml

from gatewright.api.httproute import HTTPRoute
from gatewright.api.meta import NamespacedName
from gatewright.apiserver import MERGE_PATCH
from gatewright.sources.changes import Batch, SourceProblem
from gatewright.sources.kube.client import Client
from gatewright.sources.kube.resource import BY_NAME, Resource
from gatewright.sources.kube.source import KubeSource
from tests.kubernetes.bed import CRDS

PATIENCE = 30.0
CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def resource(kind: str) -> Resource:
    """A kind in its first version."""
    return Resource(BY_NAME[kind], BY_NAME[kind].versions[0])


class Objects:
    """Writes objects."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def ask(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> dict[str, Any]:
        """A request that must succeed, and go on trying while the server is away."""
        content = None if body is None else json.dumps(body).encode()
        for _ in range(100):
            try:
                status, answer, _ = await self.client.request(method, path, body=content, content_type=content_type)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            if status in {429, 503}:
                await asyncio.sleep(0.1)
                continue
            assert status in {200, 201, 202, 404, 409}, (method, path, status, answer)
            found: dict[str, Any] = json.loads(answer)
            return found
        raise AssertionError(f"no answer: {method} {path}")

    async def create(self, kind: str, key: NamespacedName, **rest: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Create an object; `metadata` is added to its own."""
        of = resource(kind)
        metadata = {"name": key.name, **({"namespace": key.namespace} if key.namespace else {}), **rest.pop("metadata", {})}
        body = {"apiVersion": of.api_version, "kind": kind, "metadata": metadata, **rest}
        return await self.ask("POST", of.list_path(key.namespace), body)

    async def read(self, kind: str, key: NamespacedName) -> dict[str, Any]:
        """Read an object."""
        return await self.ask("GET", resource(kind).object_path(key))

    async def merge(self, kind: str, key: NamespacedName, body: object, subresource: str = "") -> dict[str, Any]:
        """Merge into an object."""
        return await self.ask("PATCH", resource(kind).object_path(key, subresource), body, MERGE_PATCH)

    async def delete(self, kind: str, key: NamespacedName) -> None:
        """Delete an object."""
        await self.ask("DELETE", resource(kind).object_path(key))

    async def namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Create a namespace."""
        await self.create("Namespace", NamespacedName("", name), metadata={"labels": dict(labels or {})})

    async def route(self, key: NamespacedName, backend: str = "one") -> dict[str, Any]:
        """Create an HTTPRoute."""
        return await self.create("HTTPRoute", key, spec=route_spec(backend))

    async def routes(self, namespace: str, count: int) -> list[NamespacedName]:
        """Create many HTTPRoutes, as fast as the server takes them."""
        keys = [NamespacedName(namespace, f"r{number:04}") for number in range(count)]
        await in_parallel((self.route(key) for key in keys), 16)
        return keys


def route_spec(backend: str) -> dict[str, Any]:
    """The spec of an HTTPRoute with one backend."""
    return {"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": backend, "port": 80}]}]}


async def in_parallel(tasks: Iterable[Awaitable[object]], width: int) -> None:
    """Await all of them, at most `width` at a time."""
    places = asyncio.Semaphore(width)

    async def one(task: Awaitable[object]) -> None:
        async with places:
            await task

    await asyncio.gather(*(one(task) for task in tasks))


T = TypeVar("T")


async def eventually(ask: Callable[[], Awaitable[T]], holds: Callable[[T], object]) -> T:
    """The first answer that `holds`."""
    async with asyncio.timeout(PATIENCE):
        while not holds(answer := await ask()):  # noqa: ASYNC110 - the server has to be asked
            await asyncio.sleep(0.05)
    return answer


def is_missing(answer: Mapping[str, Any]) -> bool:
    """Whether an answer says that there is no such object."""
    return answer.get("code") == 404


def shows(namespace: str, **routes: str) -> Callable[["Followed"], bool]:
    """A condition: these are all routes of a namespace, with these backends."""
    return lambda now: now.backends(namespace) == routes


def measured(capsys: pytest.CaptureFixture[str], line: str) -> None:
    """Show a figure to whoever runs the tests."""
    with capsys.disabled():
        sys.stdout.write(f"\n    {line}\n")


class Followed:
    """What the batches of a source add up to."""

    def __init__(self, source: KubeSource) -> None:
        self.source = source
        self.objects: dict[tuple[str, NamespacedName], msgspec.Struct] = {}
        self.gone: list[tuple[str, NamespacedName]] = []
        self.problems: dict[str, tuple[SourceProblem, ...]] = {}
        self.batches = 0
        self.complete = False
        self.wanted: Mapping[str, AbstractSet[NamespacedName]] = {}
        self._changed = asyncio.Condition()

    async def follow(self) -> None:
        """Take in batches until cancelled."""
        async for batch in self.source.batches():
            self._take(batch)
            if not batch.complete:
                self.source.want(self.wanted)
            async with self._changed:
                self._changed.notify_all()

    def _take(self, batch: Batch) -> None:
        self.batches += 1
        self.complete = batch.complete
        for change in batch.changes:
            if change.object is None:
                del self.objects[change.kind, change.key]
                self.gone.append((change.kind, change.key))
            else:
                self.objects[change.kind, change.key] = change.object
        for place, problems in batch.problems.items():
            self.problems[place] = problems

    async def until(self, condition: Callable[["Followed"], object], seconds: float = PATIENCE) -> None:
        """Return as soon as `condition` holds after a batch."""
        async with self._changed, asyncio.timeout(seconds):
            await self._changed.wait_for(lambda: self.complete and condition(self))

    async def told(self, condition: Callable[["Followed"], object]) -> None:
        """Return when `condition` holds, even if no batch says so."""
        async with asyncio.timeout(PATIENCE):
            while not condition(self):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)

    def names(self, kind: str, namespace: str) -> set[str]:
        """The objects of a kind in a namespace."""
        return {key.name for of, key in self.objects if of == kind and key.namespace == namespace}

    def backends(self, namespace: str) -> dict[str, str]:
        """The backends of the HTTPRoutes in a namespace."""
        return {
            key.name: each.spec.rules[0].backend_refs[0].name
            for (_, key), each in self.objects.items()
            if isinstance(each, HTTPRoute) and key.namespace == namespace
        }


@contextlib.asynccontextmanager
async def following(
    source: KubeSource, wanted: Mapping[str, AbstractSet[NamespacedName]] | None = None
) -> AsyncIterator[Followed]:
    """A consumer that has the initial read behind it."""
    followed = Followed(source)
    followed.wanted = wanted or {}
    async with asyncio.TaskGroup() as group:
        task = group.create_task(followed.follow())
        try:
            await followed.until(lambda _: True)
            yield followed
        finally:
            task.cancel()


def definition(plural: str) -> dict[str, Any]:
    """A CustomResourceDefinition of the Gateway API."""
    found: dict[str, Any] = yaml.safe_load((CRDS / f"gateway.networking.k8s.io_{plural}.yaml").read_text())
    return found
