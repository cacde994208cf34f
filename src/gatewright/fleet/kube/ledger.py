"""What should be in the cluster, what is, and hence what to do: pure, fed by `fleet`.

An object is applied when what is wanted of it has changed since we applied it, when somebody has changed what we had applied, or
when it is gone. An object that is ours and that nobody wants is deleted, whoever made it: the control plane may have been
restarted since. What takes another's place is there before the other goes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from gatewright.fleet.kube.objects import (
    DAEMON_SET,
    DEPLOYMENT,
    SERVICE,
    Document,
    ManagedKind,
    ManagedObject,
    ObjectKey,
    managed_objects,
)
from gatewright.fleet.kube.observed import FleetState, NodeAddresses, replicas_of, state_of
from gatewright.fleet.kube.workload import CONTROLLER, Installation, Workload
from gatewright.fleet.spec import Phase

FIRST_PAUSE: Final = 0.2  # seconds after a first failure; doubled by each further one
LONGEST_PAUSE: Final = 30.0

_WORKLOADS: Final = (DEPLOYMENT, DAEMON_SET)


class Apply(NamedTuple):
    """Apply this document."""

    key: ObjectKey
    document: Document


class Delete(NamedTuple):
    """Delete this very object."""

    key: ObjectKey
    uid: str


class _Applied(msgspec.Struct, frozen=True):
    """What we applied, what the API server made of it, and at which version; who undoes it is not answered before `until`."""

    document: Document
    outcome: Any
    version: int
    count: int
    until: float


class _Trouble(msgspec.Struct, frozen=True):
    """A key that failed: why, how often, and when to try again."""

    message: str
    count: int
    until: float


class Ledger:
    """The books of a fleet. `now` is seconds of any clock that only goes forward."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self._workloads: Mapping[str, Workload] = {}
        self._wanted: dict[ObjectKey, ManagedObject] = {}
        self._keys: dict[str, tuple[ManagedObject, ...]] = {}
        self._live: dict[ObjectKey, Document] = {}
        self._applied: dict[ObjectKey, _Applied] = {}
        self._trouble: dict[ObjectKey, _Trouble] = {}
        self._listed: set[tuple[ManagedKind, str]] = set()

    def want(self, workloads: Mapping[str, Workload], installation: Installation) -> None:
        """These proxies are wanted from now on, and no others."""
        same = installation == self.installation
        self._keys = {
            proxy: self._keys[proxy]
            if same and self._workloads.get(proxy) == workload
            else managed_objects(workload, installation)
            for proxy, workload in workloads.items()
        }
        self._workloads, self.installation = dict(workloads), installation
        wanted: dict[ObjectKey, ManagedObject] = {}
        for proxy in sorted(self._keys):
            for each in self._keys[proxy]:
                wanted.setdefault(each.key, each)  # two proxies may share a ServiceAccount: the first by name describes it
        for key, each in wanted.items():
            if each != self._wanted.get(key):
                self._trouble.pop(key, None)
        self._wanted = wanted
        self._applied = {key: applied for key, applied in self._applied.items() if key in wanted}
        self._trouble = {key: trouble for key, trouble in self._trouble.items() if key in wanted or key in self._live}

    def listed(self, kind: ManagedKind, namespace: str, documents: Iterable[Document]) -> None:
        """These are all objects of a kind in a namespace (in all of them when it is empty)."""
        found = {key_of(kind, document): document for document in documents}
        for key in [key for key in self._live if key.kind == kind and namespace in {"", key.namespace} and key not in found]:
            self.removed(key)
        for document in found.values():
            self.changed(kind, document)
        self._listed.add((kind, namespace))

    def is_listed(self, kinds: Iterable[ManagedKind], namespaces: Iterable[str]) -> bool:
        """Whether all of these have been listed once."""
        places = tuple(namespaces)
        return all((kind, namespace) in self._listed for kind in kinds for namespace in places)

    def changed(self, kind: ManagedKind, document: Document) -> None:
        """An object is now so."""
        key = key_of(kind, document)
        if version_of(document) >= version_of(self._live.get(key)):
            self._live[key] = document

    def removed(self, key: ObjectKey) -> None:
        """An object is gone."""
        self._live.pop(key, None)
        self._applied.pop(key, None)
        if key not in self._wanted:
            self._trouble.pop(key, None)

    def applied(self, step: Apply, outcome: Document, now: float) -> None:
        """The API server has taken what we applied, and made `outcome` of it."""
        before = self._applied.get(step.key)
        count = before.count + 1 if before is not None and before.document == step.document else 0
        made = projection(step.document, outcome)
        self._applied[step.key] = _Applied(step.document, made, version_of(outcome), count, now + _pause(count) * bool(count))
        self._trouble.pop(step.key, None)
        self.changed(step.key.kind, outcome)

    def failed(self, key: ObjectKey, message: str, now: float, least: float = 0.0) -> None:
        """A step was refused, or not answered; it is tried again, ever less often, and not before `least` seconds."""
        count = self._trouble[key].count + 1 if key in self._trouble else 0
        self._trouble[key] = _Trouble(message, count, now + max(least, _pause(count)))

    def retry(self, key: ObjectKey) -> None:
        """What stood against a step is out of the way: try it again at once."""
        if key in self._trouble:
            self._trouble[key] = msgspec.structs.replace(self._trouble[key], until=float("-inf"))

    def uses_node_ports(self) -> bool:
        """Whether the addresses of nodes matter."""
        services = (live for key, live in self._live.items() if key.kind == SERVICE and key in self._wanted)
        return any(live.get("spec", {}).get("type") == "NodePort" for live in services)

    def forget(self) -> None:
        """Apply everything again: somebody else may have been at it."""
        self._applied.clear()

    def steps(self, now: float) -> dict[str, list[Apply | Delete]]:
        """What to do now, by proxy: steps of one are to be taken one after another; those of no proxy stand under ""."""
        found: dict[str, list[Apply | Delete]] = {}
        for proxy, objects in self._keys.items():
            steps = [Apply(each.key, each.document) for each in objects if self._is_due(each, now) and each.document is not None]
            if steps:
                found[proxy] = list(steps)
        if leaving := [Delete(key, uid) for key, uid in self._unwanted(now)]:
            found[""] = list(leaving)
        return found

    def deadline(self) -> float | None:
        """When there is something to try again; None when there is not."""
        waiting = [trouble.until for trouble in self._trouble.values()]
        waiting += [applied.until for key, applied in self._applied.items() if applied.count and self._is_undone(key, applied)]
        return min(waiting, default=None)

    def states(self, nodes: NodeAddresses | None = None) -> dict[str, FleetState]:
        """All proxies that are wanted, and those that are leaving, as they are."""
        states = {proxy: self._state(proxy, nodes) for proxy in self._keys}
        for key, live in self._live.items():
            if key.kind in _WORKLOADS and key not in self._wanted and self._is_ours(live):
                proxy = proxy_of(live)
                available, total, _ = replicas_of(live)
                states.setdefault(proxy, FleetState(proxy=proxy, phase=Phase.DRAINING, available=available, wanted=total))
        return states

    def _state(self, proxy: str, nodes: NodeAddresses | None) -> FleetState:
        objects = self._keys[proxy]
        live = {each.key.kind: self._live.get(each.key) for each in objects}
        problems = [each.problem for each in objects if each.problem]
        trouble = {each.key.kind: self._trouble[each.key].message for each in objects if each.key in self._trouble}
        problems += [f"{each.key}: {trouble[each.key.kind]}" for each in objects if each.key.kind in trouble]
        return state_of(
            proxy,
            live.get(SERVICE),
            live.get(DEPLOYMENT) or live.get(DAEMON_SET),
            problem="; ".join(problems),
            refused=trouble.get(SERVICE, ""),
            nodes=nodes,
        )

    def _is_due(self, wanted: ManagedObject, now: float) -> bool:
        if wanted.document is None or self._wanted[wanted.key] is not wanted:
            return False
        if wanted.key in self._trouble:
            return now >= self._trouble[wanted.key].until
        applied, live = self._applied.get(wanted.key), self._live.get(wanted.key)
        if applied is None or live is None or applied.document != wanted.document:
            return True
        return now >= applied.until and self._is_undone(wanted.key, applied)

    def _is_undone(self, key: ObjectKey, applied: _Applied) -> bool:
        """Whether somebody has changed what we had applied."""
        live = self._live.get(key)
        if live is None or version_of(live) <= applied.version:
            return False
        return bool(projection(applied.document, live) != applied.outcome)

    def _unwanted(self, now: float) -> Iterator[tuple[ObjectKey, str]]:
        for key, live in self._live.items():
            leaving = live["metadata"].get("deletionTimestamp") is not None
            waits = key in self._trouble and now < self._trouble[key].until
            if key not in self._wanted and not leaving and not waits and self._is_ours(live) and not self._is_needed(key, live):
                yield key, str(live["metadata"]["uid"])

    def _is_ours(self, live: Document) -> bool:
        return bool((live["metadata"].get("annotations") or {}).get(CONTROLLER) == self.installation.identity)

    def _is_needed(self, key: ObjectKey, live: Document) -> bool:
        """Whether an unwanted object still does the work of the one that takes its place."""
        successors = self._keys.get(proxy_of(live), ())
        if key.kind in _WORKLOADS:
            workloads = [each.key for each in successors if each.key.kind in _WORKLOADS]
            return any(replicas_of(self._live.get(each)).available == 0 for each in workloads)
        return any(each.key.kind == key.kind and each.key not in self._applied for each in successors)


def _pause(count: int) -> float:
    return min(LONGEST_PAUSE, FIRST_PAUSE * float(2 ** min(count, 16)))


def key_of(kind: ManagedKind, document: Document) -> ObjectKey:
    """Identity of an object."""
    return ObjectKey(kind, document["metadata"].get("namespace", ""), document["metadata"]["name"])


def version_of(document: Document | None) -> int:
    """The version of an object, to compare with others of its kind; 0 for none."""
    return int(document["metadata"].get("resourceVersion", 0)) if document is not None else 0


def proxy_of(document: Document) -> str:
    """The proxy whose object this is, by its labels."""
    found = document["metadata"].get("labels") or {}
    owning = "gateway.envoyproxy.io/owning-gateway"
    return found.get(f"{owning}class") or f"{found.get(f'{owning}-namespace', '')}/{found.get(f'{owning}-name', '')}"


def projection(shape: Any, actual: Any) -> Any:  # noqa: ANN401 - JSON
    """The part of `actual` that `shape` speaks of."""
    if isinstance(shape, dict) and isinstance(actual, dict):
        return {name: projection(value, actual.get(name)) for name, value in shape.items()}
    if isinstance(shape, list) and isinstance(actual, list) and len(shape) == len(actual):
        return [projection(each, there) for each, there in zip(shape, actual, strict=True)]
    return actual
