"""The objects of a cluster, for commands that otherwise read files or ask a server.

Everything is read as a running control plane reads it, with the rights of the user: Secrets and ConfigMaps only as far as
something refers to them. What the user may not list, or a server that does not answer, is a `Failure`.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import msgspec

from gatewright.api.admission import Admitted
from gatewright.api.kinds import KINDS, Kind
from gatewright.api.meta import NamespacedName
from gatewright.cli.cluster import Chosen
from gatewright.cli.program import Failure
from gatewright.flow import World
from gatewright.graph.settings import GraphSettings
from gatewright.sources.changes import Batch, SourceProblem
from gatewright.sources.kube.client import Client, Unreachable
from gatewright.sources.kube.credentials import Credentials
from gatewright.sources.kube.fetching import Refused, all_pages
from gatewright.sources.kube.scope import EVERY_NAMESPACE, Scope
from gatewright.sources.kube.source import KubeSource
from gatewright.sources.kube.wire import LAST_APPLIED
from gatewright.world import ASKED, BY_KIND, build

LOOK_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 30.0
REFUSED: Final = ("401", "403")  # begin the message of a state when we may not list
OURS: Final = tuple(kind for kind in KINDS if kind.group.startswith("gateway."))
SETTINGS: Final = GraphSettings(shift_low_ports=True, host_addresses=None)
"""As `gatewright install` configures a control plane."""
WRITTEN: Final = ("name", "namespace", "labels", "annotations")  # of metadata, what somebody has written


class Contents(NamedTuple):
    """What a cluster holds: objects, our kinds' as they were written, and what could not be taken.

    `namespace` is the chosen one, empty for all; `addresses` are those that Gateways have.
    """

    objects: Mapping[tuple[str, NamespacedName], Admitted]
    documents: Mapping[tuple[str, NamespacedName], Mapping[str, Any]]
    problems: Sequence[SourceProblem]
    namespace: str
    addresses: Mapping[NamespacedName, tuple[tuple[str, str], ...]]

    def chosen(self, key: NamespacedName) -> bool:
        """Whether an object is in the chosen namespace, or in none."""
        return not self.namespace or key.namespace in ("", self.namespace)


@asynccontextmanager
async def connected(chosen: Chosen) -> AsyncIterator[tuple[Client, str]]:
    """A client of the cluster, and the chosen namespace, empty for all. Raises: Failure when it does not answer."""
    async with Client(Credentials(os.environ, chosen.kubeconfig, chosen.context)) as client:
        try:
            answer = await client.request("GET", "/version")
            namespace = "" if chosen.everywhere else chosen.namespace or await client.namespace()
            if answer.status in {401, 403}:
                raise Failure(f"the cluster does not let us in: {answer.body[:300].decode(errors='replace')}")
            yield client, namespace
        except (Unreachable, Refused) as problem:
            raise Failure(f"the cluster cannot be read: {problem}") from problem


async def contents(chosen: Chosen, *, only: tuple[Kind, ...] = KINDS) -> Contents:
    """Read a cluster. Whatever objects refer to is needed, too, so all namespaces are read, with `only` some kinds of the chosen.

    Raises: Failure.
    """
    async with connected(chosen) as (client, namespace):
        scope = Scope(namespaces=(namespace,)) if only != KINDS and namespace else EVERY_NAMESPACE
        source = KubeSource(client, scope=scope, kinds=only, on_demand=only == KINDS)
        world, problems = build(SETTINGS), dict[str, tuple[SourceProblem, ...]]()
        async for batch in batches(source):
            problems |= batch.problems
            _take(world, batch)
            if batch.complete:
                break
            world.settle()
            source.want({kind: frozenset(world.asked(ref)) for kind, ref in ASKED.items()})
        documents = {each: document async for each, document in _documents(client, source, namespace, only)}
        told = [problem for found in problems.values() for problem in found]
        return Contents(dict(_objects(world)), documents, told, namespace, _addresses(source))


async def batches(source: KubeSource) -> AsyncIterator[Batch]:
    """The batches of a source. Raises: Failure when the first one cannot be had."""
    following = source.batches()
    try:
        yield await _first(source, following)
        async for batch in following:
            yield batch
    finally:
        await following.aclose()  # type: ignore[attr-defined]  # an async generator, said to be an iterator


async def _first(source: KubeSource, following: AsyncIterator[Batch]) -> Batch:
    async def first() -> Batch:
        return await anext(following)

    asked = asyncio.create_task(first())
    failing: list[str] = []
    for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
        done, _ = await asyncio.wait([asked], timeout=LOOK_SECONDS)
        if done:
            return asked.result()
        failing = [state.message for state in source.states() if state.phase in {"failing", "forbidden"}]
        if any(message.startswith(REFUSED) for message in failing):
            break  # what is not refused may pass: a server that starts, a kind that was just installed
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    reasons = "; ".join(dict.fromkeys(failing)) or f"no answer within {PATIENCE_SECONDS:g} seconds"
    raise Failure(f"the cluster cannot be read: {reasons}")


def _take(world: World, batch: Batch) -> None:
    for change in batch.changes:
        if (ref := BY_KIND.get(change.kind)) is not None:
            world.put(ref, change.key, change.object)


def _objects(world: World) -> Iterator[tuple[tuple[str, NamespacedName], Admitted]]:
    for kind in KINDS:
        if (ref := BY_KIND.get(kind.name)) is not None:
            for key, found in world.rows(ref).items():
                yield (kind.name, key), Admitted(kind, key, found)


async def _documents(
    client: Client, source: KubeSource, namespace: str, kinds: tuple[Kind, ...]
) -> AsyncIterator[tuple[tuple[str, NamespacedName], Mapping[str, Any]]]:
    """Objects of our kinds, without what the API server and its clients have added."""
    for kind in kinds:
        resource = source.resource(kind.name)
        if kind not in OURS or resource is None:
            continue
        async for page in all_pages(client, resource.list_path(namespace if kind.namespaced else ""), {}):
            for item in page.items or ():
                document: dict[str, Any] = msgspec.json.decode(item)
                document = {"apiVersion": resource.api_version, "kind": kind.name} | document
                document["metadata"] = written(document["metadata"])
                document.pop("status", None)
                yield (
                    (kind.name, NamespacedName(document["metadata"].get("namespace", ""), document["metadata"]["name"])),
                    document,
                )


def written(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Of an object's metadata, what somebody has written."""
    kept = {name: metadata[name] for name in WRITTEN if metadata.get(name)}
    if annotations := {name: text for name, text in kept.pop("annotations", {}).items() if name != LAST_APPLIED}:
        kept["annotations"] = annotations
    return kept


def _addresses(source: KubeSource) -> dict[NamespacedName, tuple[tuple[str, str], ...]]:
    found: dict[NamespacedName, tuple[tuple[str, str], ...]] = {}
    for key in source.lives("Gateway"):
        live = source.live("Gateway", key)
        status = msgspec.json.decode(live.status) if live and live.status else {}
        found[key] = tuple((each.get("type", "IPAddress"), each["value"]) for each in status.get("addresses") or ())
    return found
