"""Statuses as they stand in a cluster's objects, for `gatewright status`.

They are what the leading control plane has written. Proxies are Pods there, and no matter of this command: what they refuse
stands in the statuses.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import msgspec

from gatewright.api.kinds import KINDS
from gatewright.api.meta import NamespacedName
from gatewright.cli import cluster_objects
from gatewright.cli.cluster import Chosen
from gatewright.cli.cluster_objects import batches, connected
from gatewright.cli.program import Failure
from gatewright.reports import REPORTS
from gatewright.sources.changes import SourceProblem
from gatewright.sources.kube.scope import EVERY_NAMESPACE, Scope
from gatewright.sources.kube.source import KubeSource
from gatewright.status.tables import DOCUMENTS
from gatewright.translation import settled

View = dict[str, Any]


class AskedCluster(NamedTuple):
    """A cluster; of all kinds and names, where none is given."""

    chosen: Chosen
    kind: str
    object: str

    @property
    def name(self) -> str:
        """What people call it."""
        return "the cluster"

    def views(self) -> tuple[Sequence[View], Sequence[Mapping[str, Any]]]:
        """The statuses that stand in the objects, and what this version cannot read. Raises: Failure."""
        return asyncio.run(self._views())

    def proxies(self) -> Sequence[Mapping[str, Any]]:
        """Nothing is known of them."""
        return ()

    def route(self, about: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        """Found out here and now; nothing, for a user who may not read all that this takes."""
        try:
            contents = asyncio.run(cluster_objects.contents(self.chosen))
        except Failure:
            return None
        world = settled(contents.objects.values(), cluster_objects.SETTINGS, int(time.time()), contents.addresses)
        return msgspec.to_builtins(REPORTS["route"](world, about))

    def follow(self, tell: Callable[[View], None]) -> None:
        """Every object, then every change. Raises: Failure when the cluster cannot be read."""
        asyncio.run(self._follow(tell))

    async def _views(self) -> tuple[Sequence[View], Sequence[Mapping[str, Any]]]:
        async with connected(self.chosen) as (client, namespace):
            source = self._follower(client, namespace)
            async for batch in batches(source):
                names = sorted((kind, key) for kind in self._kinds() for key in source.lives(kind))
                views = [view for kind, key in names if self._means(key) and (view := _view(source, kind, key))]
                return views, [_problem(problem) for found in batch.problems.values() for problem in found]
        return (), ()

    async def _follow(self, tell: Callable[[View], None]) -> None:
        known: dict[tuple[str, NamespacedName], View] = {}
        async with connected(self.chosen) as (client, namespace):
            source = self._follower(client, namespace)

            def changed(kind: str, keys: AbstractSet[NamespacedName]) -> None:
                for each in sorted((kind, key) for key in keys if self._means(key)):
                    before, view = known.pop(each, None), _view(source, *each)
                    if view is not None:
                        known[each] = view
                    if view != before:
                        change = "DELETED" if view is None else "MODIFIED" if before else "ADDED"
                        tell({"type": change, "object": view or before})

            source.on_lives_changed(changed)
            async for _ in batches(source):
                pass

    def _follower(self, client: Any, namespace: str) -> KubeSource:  # noqa: ANN401 - as `connected` gives it
        kinds = tuple(kind for kind in KINDS if kind.name in self._kinds())
        return KubeSource(
            client, scope=Scope(namespaces=(namespace,)) if namespace else EVERY_NAMESPACE, kinds=kinds, on_demand=False
        )

    def _kinds(self) -> tuple[str, ...]:
        return tuple(name for name in DOCUMENTS if self.kind in ("", name))

    def _means(self, key: NamespacedName) -> bool:
        return self.object in ("", key.name)


def _view(source: KubeSource, kind: str, key: NamespacedName) -> View | None:
    live, resource = source.live(kind, key), source.resource(kind)
    if live is None or resource is None:
        return None
    namespace = {"namespace": key.namespace} if key.namespace else {}
    metadata = {"name": key.name, **namespace, "generation": live.generation}
    status = msgspec.json.decode(live.status) if live.status else {}
    return {"kind": kind, "apiVersion": resource.api_version, "metadata": metadata, "status": status}


def _problem(problem: SourceProblem) -> Mapping[str, Any]:
    """As the console tells it, but for a line: there is no file."""
    key = problem.key or NamespacedName("", "")
    about = {"kind": problem.kind, "namespace": key.namespace, "name": key.name}
    return {"file": problem.file, "message": problem.message, "path": problem.path, **about}
