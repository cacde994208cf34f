"""The fleet of a cluster: makes its objects what is wanted, and tells what became of the proxies.

`apply` only says what is wanted. One loop then takes the steps that the ledger names, several proxies at a time, one step of a
proxy after another; watches of all managed kinds tell it what is. Whoever runs this must be the leader: two that want different
things would undo each other's work.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Final

from gatewright import log
from gatewright.apiserver import GONE, NOT_FOUND, Api, ApiProblem, selector_of
from gatewright.fleet.kube.ledger import LONGEST_PAUSE, Apply, Delete, Ledger, key_of
from gatewright.fleet.kube.objects import MANAGED_KINDS, SERVICE, ManagedKind
from gatewright.fleet.kube.observed import FleetState, NodeAddresses, node_addresses
from gatewright.fleet.kube.workload import FLEET_LABELS, Installation, Workload

EVERYWHERE: Final = ""
CONCURRENT: Final = 8  # proxies at a time
NODES_SECONDS: Final = 60.0
WATCH_PAUSE: Final = 0.1
FORBIDDEN: Final = 403
INVALID: Final = 422
REFUSED_SECONDS: Final = 5.0  # what the API server judged bad will hardly be good in a moment

_IMMUTABLE: Final = ("field is immutable", "may not change once set")
_RECREATED: Final = frozenset({SERVICE})
_log = log.logger("fleet")


class KubernetesFleet:
    """Runs proxies in a cluster. `on_state` is called from the loop for each proxy whose state has changed; None: it is gone."""

    def __init__(
        self,
        api: Api,
        installation: Installation,
        on_state: Callable[[str, FleetState | None], None],
        *,
        namespaces: Sequence[str] = (EVERYWHERE,),
    ) -> None:
        """`namespaces` are those of the Gateways, which count in GatewayNamespace mode only."""
        self._api = api
        self._ledger = Ledger(installation)
        self._on_state = on_state
        self._namespaces = tuple(namespaces) if installation.gateway_namespace_mode else (installation.namespace,)
        self._told: dict[str, FleetState] = {}
        self._nodes: NodeAddresses | None = None
        self._nodes_read = float("-inf")
        self._wanted = False
        self._busy: set[str] = set()
        self._wake = asyncio.Event()

    def apply(self, desired: Mapping[str, Workload], installation: Installation | None = None) -> None:
        """Make the cluster run these proxies and no others; `installation` when it has changed (a new authority, an image)."""
        self._ledger.want(desired, installation or self._ledger.installation)
        self._wanted = True
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind, namespace in product(MANAGED_KINDS, self._namespaces):
                group.create_task(self._follow(kind, namespace), name=f"watch {kind.plural}")
            places = asyncio.Semaphore(CONCURRENT)
            while True:
                self._wake.clear()
                if self._wanted and self._ledger.is_listed(MANAGED_KINDS, self._namespaces):
                    await self._look_at_nodes()
                    self._begin(group, places)
                    self._tell()
                await self._wait()

    def _begin(self, group: asyncio.TaskGroup, places: asyncio.Semaphore) -> None:
        for proxy, steps in self._ledger.steps(time.monotonic()).items():
            if proxy not in self._busy:
                self._busy.add(proxy)
                group.create_task(self._take(proxy, steps, places), name=f"apply {proxy}")

    async def _take(self, proxy: str, steps: list[Apply | Delete], places: asyncio.Semaphore) -> None:
        try:
            async with places:
                for step in steps:
                    await self._step(step)
        finally:
            self._busy.discard(proxy)
            self._wake.set()

    async def _step(self, step: Apply | Delete) -> None:
        try:
            if isinstance(step, Apply):
                self._ledger.applied(step, await self._api.apply(step.key.path, step.document), time.monotonic())
            else:
                await self._api.delete(step.key.path, step.uid)
                _log.info("removed", object=str(step.key))
        except ApiProblem as problem:
            _log.warning("the API server refuses", object=str(step.key), message=str(problem), status=problem.status)
            least = max(problem.retry_after, REFUSED_SECONDS if 400 <= problem.status < 500 else 0.0)  # noqa: PLR2004
            self._ledger.failed(step.key, str(problem), time.monotonic(), least)
            await self._make_way(step, problem)

    async def _make_way(self, step: Apply | Delete, problem: ApiProblem) -> None:
        """Delete a Service of which something was changed that cannot be (its cluster IP): the next attempt makes it anew."""
        if problem.status != INVALID or step.key.kind not in _RECREATED or not any(each in str(problem) for each in _IMMUTABLE):
            return
        try:
            live = await self._api.read(step.key.path)
            if live is not None:
                await self._api.delete(step.key.path, str(live["metadata"]["uid"]))
                self._ledger.retry(step.key)
        except ApiProblem as again:
            _log.warning("cannot make way for the new one", object=str(step.key), message=str(again))

    async def _follow(self, kind: ManagedKind, namespace: str) -> None:
        """Tell the ledger of all our objects of a kind, until cancelled."""
        version, failures, path, selector = "", 0, kind.path(namespace), selector_of(FLEET_LABELS)
        while True:
            try:
                if not version:
                    listed = await self._api.list(path, selector)
                    self._ledger.listed(kind, namespace, [_typed(kind, each) for each in listed.documents])
                    version = listed.version
                    self._wake.set()
                async for event in self._api.watch(path, selector, version):
                    version, failures = str(event.document["metadata"]["resourceVersion"]), 0
                    if event.type == "DELETED":
                        self._ledger.removed(key_of(kind, event.document))
                    elif event.type != "BOOKMARK":
                        self._ledger.changed(kind, event.document)
                    self._wake.set()
                await asyncio.sleep(WATCH_PAUSE)
            except ApiProblem as problem:
                version = "" if problem.status == GONE else version
                failures += 1
                if problem.status in {FORBIDDEN, NOT_FOUND}:  # then what we cannot see is no reason to do nothing at all
                    self._ledger.listed(kind, namespace, ())
                    self._wake.set()
                if failures > 1:
                    _log.warning("cannot watch", kind=kind.kind, namespace=namespace, message=str(problem))
                await asyncio.sleep(max(problem.retry_after, min(LONGEST_PAUSE, 0.1 * 2 ** min(failures, 16))))

    async def _look_at_nodes(self) -> None:
        """Addresses of the nodes, for Services of type NodePort only."""
        if not self._ledger.uses_node_ports() or time.monotonic() - self._nodes_read < NODES_SECONDS:
            return
        self._nodes_read = time.monotonic()
        try:
            self._nodes = node_addresses((await self._api.list("/api/v1/nodes")).documents)
        except ApiProblem as problem:
            _log.warning("cannot read the nodes' addresses", message=str(problem))

    def _tell(self) -> None:
        states = self._ledger.states(self._nodes)
        for proxy in [proxy for proxy in self._told if proxy not in states]:
            del self._told[proxy]
            self._on_state(proxy, None)
        for proxy, state in states.items():
            if self._told.get(proxy) != state:
                self._told[proxy] = state
                self._on_state(proxy, state)

    async def _wait(self) -> None:
        until = None if self._busy else self._ledger.deadline()  # whoever is busy wakes us
        pause = LONGEST_PAUSE if until is None else max(0.01, until - time.monotonic())
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            return


def _typed(kind: ManagedKind, document: dict[str, object]) -> dict[str, object]:
    """Items of a list do not say what they are."""
    return {"apiVersion": kind.api_version, "kind": kind.kind, **document}
