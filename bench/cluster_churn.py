"""Many HTTPRoutes, Services and Pods that change all the time: what the control plane spends, and how far behind statuses are.

    python -m bench.cluster_churn [--size 5000] [--minutes 10] [--rate 10] [--replicas 2] [--output FILE]

Needs what `make test-kubernetes` needs, and the test cluster that it builds. Pods are paused ones: nothing runs in them. The run
fails if in the end one status is not that of its route's newest generation.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.cluster_burst import Watched, installed
from bench.cluster_burst import spec as route_spec
from bench.cluster_usage import Usage, percentile, spent, told, usage
from gatewright.api.meta import NamespacedName
from gatewright.sources.kube.client import Client
from gatewright.sources.kube.credentials import Credentials
from tests.kubernetes.cluster import Objects, in_parallel
from tests.kubernetes.installed import Installed

HANDS: Final = 32
SAMPLE_SECONDS: Final = 5.0
NAMESPACE: Final = "default"
PATIENCE: Final = 120.0  # with a machine that does other things as well
METRICS_PORT: Final = 19001
WATCHES: Final = "gatewright_source_watches{"
LISTS: Final = "gatewright_source_lists{"
PODS: Final = "/api/v1/namespaces/default/pods"
SERVICES: Final = "/api/v1/namespaces/default/services"


class Plan(NamedTuple):
    """How many of each kind there are, for how long they change, and how many changes come a second."""

    size: int
    seconds: float
    rate: float


class Load:
    """The objects, and the changes of them."""

    def __init__(self, client: Client, watched: Watched, plan: Plan) -> None:
        self.changes: Counter[str] = Counter()
        self.written: dict[tuple[str, int], float] = {}
        self._client = client
        self._objects = Objects(client)
        self._watched = watched
        self._plan = plan
        self._dice = random.Random(plan.size)  # noqa: S311 - a history, not a secret
        self._turns = Counter[int]()

    async def prepare(self) -> None:
        """Make everything."""
        numbers = range(self._plan.size)
        for make in (self._make_service, self._make_pod, self._make_route):
            await in_parallel((make(number) for number in numbers), HANDS)

    async def run(self) -> None:
        """Change things at the rate of the plan, until its end."""
        ends = time.monotonic() + self._plan.seconds
        kinds: tuple[tuple[str, Callable[[int], Coroutine[Any, Any, None]]], ...] = (
            ("routes changed", self._change_route),
            ("routes changed", self._change_route),
            ("routes made anew", self._remake_route),
            ("Pods made anew", self._remake_pod),
            ("Services changed", self._change_service),
        )
        async with asyncio.TaskGroup() as group:
            due = time.monotonic()
            while (due := due + 1 / self._plan.rate) < ends:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                name, change = self._dice.choice(kinds)
                self.changes[name] += 1
                group.create_task(change(self._dice.randrange(self._plan.size)))

    async def _make_service(self, number: int) -> None:
        body = {"metadata": {"name": _name(number)}, "spec": {"selector": {"app": _name(number)}, "ports": [{"port": 80}]}}
        await self._objects.ask("POST", SERVICES, body)

    async def _make_pod(self, number: int) -> None:
        """A Pod of which nothing runs, and which is ready at once."""
        container = {"name": "paused", "image": "registry.k8s.io/pause:3.10", "ports": [{"containerPort": 80}]}
        metadata = {"name": f"{_name(number)}-{self._turns[number]}", "labels": {"app": _name(number)}}
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
        await self._objects.ask("POST", PODS, {"metadata": metadata, "spec": spec})

    async def _make_route(self, number: int) -> None:
        await self._objects.create("HTTPRoute", _key(number), spec=_spec(number, 0))

    async def _change_route(self, number: int) -> None:
        body = {"spec": _spec(number, self._dice.randrange(1 << 20))}
        changed = await self._objects.merge("HTTPRoute", _key(number), body)
        self._wrote(changed)

    async def _remake_route(self, number: int) -> None:
        await self._objects.delete("HTTPRoute", _key(number))
        made = await self._objects.create("HTTPRoute", _key(number), spec=_spec(number, self._dice.randrange(1 << 20)))
        self._wrote(made)

    async def _remake_pod(self, number: int) -> None:
        await self._objects.ask("DELETE", f"{PODS}/{_name(number)}-{self._turns[number]}")
        self._turns[number] += 1
        await self._make_pod(number)

    async def _change_service(self, number: int) -> None:
        body = {"metadata": {"labels": {"turn": str(self._dice.randrange(1 << 20))}}}
        await self._objects.merge("Service", NamespacedName(NAMESPACE, _name(number)), body)

    def _wrote(self, route: dict[str, Any]) -> None:
        """Note when a route was written; it may have been deleted by another hand."""
        if "uid" in route.get("metadata", {}):
            self.written[route["metadata"]["uid"], route["metadata"]["generation"]] = time.monotonic()

    def lags(self) -> list[float]:
        """How long after each was written its status was right; those that were changed again before do not count."""
        right = self._watched.right_at
        return [max(0.0, right[each] - at) for each, at in self.written.items() if each in right]


async def measure(folder: Path, plan: Plan, replicas: int) -> list[dict[str, Any]]:
    """Install, make everything, churn, and tell what it took."""
    async with (
        installed(folder, "gw-churn", replicas) as cluster,
        Client(Credentials({}, str(cluster.kubeconfig))) as client,
        Watched.of(client, NAMESPACE) as watched,
    ):
        load = Load(client, watched, plan)
        began = time.monotonic()
        await load.prepare()
        await watched.until_right(plan.size, plan.size / 5 + 60)
        made = time.monotonic() - began
        before, watches = usage(cluster.name), await asyncio.to_thread(_watches, cluster)
        peak = await _sampled(asyncio.create_task(load.run()), cluster.name)
        await watched.until_all_right(plan.size)
        after, again = usage(cluster.name), await asyncio.to_thread(_watches, cluster)
    lags = load.lags()
    cpu = after.cpu["control plane"] - before.cpu["control plane"]
    changes = sum(load.changes.values())
    return [
        {"HTTPRoutes, Services and Pods": f"{plan.size} each", "made and right in s": round(made)}
        | {"churn": f"{plan.seconds / 60:g} min, {changes} changes"}
        | load.changes
        | {
            "status of a changed route, median s": round(percentile(lags, 0.5), 3),
            "status of a changed route, p99 s": round(percentile(lags, 0.99), 3),
            "status of a changed route, longest s": round(max(lags, default=0.0), 3),
            f"control plane, CPU ms a change, {replicas} replicas": round(1000 * cpu / max(1, changes), 1),
            f"control plane, memory MiB, {replicas} replicas, before": before.memory["control plane"] >> 20,
            "the same, most": peak.memory["control plane"] >> 20,
            "the same, after": after.memory["control plane"] >> 20,
            "Envoy, memory MiB": after.memory["Envoy"] >> 20,
            "watches begun meanwhile": again[0] - watches[0],
            "lists meanwhile": again[1] - watches[1],
        }
        | spent(before, after)
    ]


async def _sampled(task: "asyncio.Task[None]", bed: str) -> Usage:
    """The most memory that each program had until the task ended."""
    peak = usage(bed)
    while not task.done():
        await asyncio.wait([task], timeout=SAMPLE_SECONDS)
        peak = Usage(peak.cpu, peak.memory | usage(bed).memory)
    await task
    return peak


def _watches(cluster: Installed) -> tuple[int, int]:
    """How many watches and lists all replicas have begun since their start."""
    texts = [
        cluster.inside("curl", "-s", f"http://{pod['status']['podIP']}:{METRICS_PORT}/metrics", timeout=PATIENCE).stdout
        for pod in cluster.pods("control-plane=envoy-gateway")
    ]
    lines = [line for text in texts for line in text.splitlines()]
    watches, lists = (sum(float(line.split()[-1]) for line in lines if line.startswith(name)) for name in (WATCHES, LISTS))
    return int(watches), int(lists)


def _name(number: int) -> str:
    return f"r{number:05}"


def _key(number: int) -> NamespacedName:
    return NamespacedName(NAMESPACE, _name(number))


def _spec(number: int, turn: int) -> dict[str, Any]:
    """The route of this number to the Service of this number, with something in it that changes."""
    added = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-turn", "value": str(turn)}]}}
    spec = route_spec(_name(number))
    return {**spec, "rules": [{"filters": [added], "backendRefs": [{"name": _name(number), "port": 80}]}]}


def main() -> None:
    """Measure, print a table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=5000, help="how many HTTPRoutes, Services and Pods, each")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=10.0, help="changes a second")
    parser.add_argument("--replicas", type=int, default=2, help="of the control plane")
    parser.add_argument("--output", type=Path, help="where to write the figures as JSON")
    arguments = parser.parse_args()
    plan = Plan(arguments.size, arguments.minutes * 60, arguments.rate)
    with tempfile.TemporaryDirectory() as folder:
        told(asyncio.run(measure(Path(folder), plan, arguments.replicas)), arguments.output)


if __name__ == "__main__":
    main()
