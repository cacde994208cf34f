"""Events for what goes wrong, as `kubectl describe` and `kubectl events` show them (events.k8s.io/v1).

They follow the statuses that this replica writes: a condition that becomes wrong is one Event. So only the leader makes any, and
a new leader that finds everything as it was says nothing. What passes by itself (a load balancer without an address yet) is told
when it has lasted. The same again within some minutes counts up in the Event that is there; one object has a few Events at a
time, and all of them together come no faster than an API server bears. Sources: KEP-383; client-go, tools/events.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from gatewright import log
from gatewright.api.meta import NamespacedName
from gatewright.apiserver import CREATED, JSON, MERGE_PATCH, NOT_FOUND, SUCCESS, Requests
from gatewright.status.verdicts import judge, scopes

TRANSIENT: Final = frozenset({"AddressNotAssigned", "NoResources", "Pending"})
TRANSIENT_SECONDS: Final = 30.0  # after which what passes by itself is worth an Event
SERIES_SECONDS: Final = 360.0  # as long as an Event stays the same one
OBJECT_BURST: Final = 10
OBJECT_SECONDS: Final = 60.0  # in which an object that has used up its burst may have one more
PAUSE_SECONDS: Final = 0.02  # between two Events
MOST_WAITING: Final = 1000
ATTEMPTS: Final = 3
RETRY_SECONDS: Final = 1.0
CLUSTER_NAMESPACE: Final = "default"  # in which Events of objects without a namespace are
NOTE_LIMIT: Final = 1024
NAME_LIMIT: Final = 200
API_VERSION: Final = "events.k8s.io/v1"

ACTIONS: Final[Mapping[str, str]] = {"Accepted": "Accept", "ResolvedRefs": "ResolveRefs", "Programmed": "Program"}

_log = log.logger(__name__)


class Regarding(NamedTuple):
    """The object that an Event is about."""

    api_version: str
    kind: str
    key: NamespacedName
    uid: str = ""


class Said(NamedTuple):
    """What an Event says, without when: the same again is the same Event."""

    regarding: Regarding
    type: str
    action: str
    reason: str
    note: str


class _Series(msgspec.Struct):
    """An Event that was made: its path, how often it has happened, and when last, by the monotonic clock."""

    path: str
    count: int
    last: float


def complaints(regarding: Regarding, status: Any, controller_name: str) -> Iterator[Said]:  # noqa: ANN401 - JSON
    """What is wrong in our part of a status; what is not decided yet is not wrong."""
    told = status or {}
    shared = {
        name: [entry for entry in told.get(name) or () if entry.get("controllerName") == controller_name]
        for name in ("parents", "ancestors")
    }
    metadata = {"namespace": regarding.key.namespace, "name": regarding.key.name}
    for scope in scopes({"kind": regarding.kind, "metadata": metadata, "status": {**told, **shared}}):
        for condition in scope.conditions:
            if condition["status"] != "Unknown" and judge(condition) == "wrong":
                reason = condition.get("reason") or condition["type"]
                text = f"{condition['type']}={condition['status']}: {condition.get('message', '')}"
                note = f"{scope.what}: {text}" if scope.what else text
                action = ACTIONS.get(condition["type"], "Check")
                yield Said(regarding, "Warning", action, reason, note[:NOTE_LIMIT])


class Events:
    """Makes Events, one at a time and never in anybody's way: what cannot be made is given up."""

    def __init__(self, api: Requests, controller_name: str, instance: str) -> None:
        """Report as `instance` (a Pod's name) of `controller_name`."""
        self._api = api
        self._controller_name = controller_name
        self._instance = instance
        self._due: dict[Said, float] = {}
        self._series: dict[Said, _Series] = {}
        self._spent: dict[Regarding, float] = {}
        self._wake = asyncio.Event()

    def status_written(self, regarding: Regarding, before: Any, after: Any) -> None:  # noqa: ANN401 - JSON
        """Our part of a status was changed: what was not wrong before and is now is told, what is not any more is not."""
        known = set(complaints(regarding, before, self._controller_name))
        now = dict.fromkeys(complaints(regarding, after, self._controller_name))
        for said in [said for said in self._due if said.regarding == regarding and said not in now]:
            del self._due[said]
        for said in now:
            if said not in known:
                self.say(said, TRANSIENT_SECONDS if said.reason in TRANSIENT else 0.0)

    def say(self, said: Said, after: float = 0.0) -> None:
        """Make an Event, `after` so many seconds."""
        if len(self._due) < MOST_WAITING:
            self._due.setdefault(said, time.monotonic() + after)
            self._wake.set()

    def forget(self) -> None:
        """Somebody else leads: what was not told yet is theirs to tell."""
        self._due.clear()

    async def run(self) -> None:
        """Make what is due, until cancelled."""
        while True:
            now = time.monotonic()
            for said in [said for said, due in self._due.items() if due <= now]:
                if self._due.pop(said, None) is not None and self._may(said.regarding, now):
                    await self._make(said)
                    await asyncio.sleep(PAUSE_SECONDS)
            self._tidy(now)
            self._wake.clear()
            due = min(self._due.values(), default=now + SERIES_SECONDS)
            try:
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _may(self, regarding: Regarding, now: float) -> bool:
        """Whether the object has Events left: a burst of them, then one every while."""
        spent = max(self._spent.get(regarding, 0.0), now - OBJECT_SECONDS * OBJECT_BURST)
        if spent + OBJECT_SECONDS > now:
            return False
        self._spent[regarding] = spent + OBJECT_SECONDS
        return True

    def _tidy(self, now: float) -> None:
        for said in [said for said, series in self._series.items() if series.last + SERIES_SECONDS < now]:
            del self._series[said]
        for regarding in [each for each, spent in self._spent.items() if spent + OBJECT_SECONDS * OBJECT_BURST < now]:
            del self._spent[regarding]

    async def _make(self, said: Said) -> None:
        for attempt in range(ATTEMPTS):
            try:
                status = await self._sent(said)
            except OSError as problem:
                _log.debug("an Event cannot be made", object=str(said.regarding.key), problem=str(problem))
                await asyncio.sleep(RETRY_SECONDS * (attempt + 1))
                continue
            if status not in SUCCESS and status != NOT_FOUND:  # its namespace is going
                _log.debug("an Event is refused", object=str(said.regarding.key), reason=said.reason, status=status)
            return

    async def _sent(self, said: Said) -> int:
        """Count up the Event that says so, or make one."""
        now, at = time.monotonic(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        series = self._series.get(said)
        if series is not None:
            body = {"series": {"count": series.count + 1, "lastObservedTime": at}}
            answer = await self._api.request("PATCH", series.path, body=msgspec.json.encode(body), content_type=MERGE_PATCH)
            if answer.status in SUCCESS:
                series.count, series.last = series.count + 1, now
                return answer.status
        path = f"/apis/{API_VERSION}/namespaces/{said.regarding.key.namespace or CLUSTER_NAMESPACE}/events"
        event = self._event(said, at)
        answer = await self._api.request("POST", path, body=msgspec.json.encode(event), content_type=JSON)
        if answer.status == CREATED:
            self._series[said] = _Series(f"{path}/{event['metadata']['name']}", 1, now)
        return answer.status

    def _event(self, said: Said, at: str) -> dict[str, Any]:
        of = said.regarding
        name = f"{of.key.name[:NAME_LIMIT]}.{time.time_ns():x}"
        return {
            "apiVersion": API_VERSION,
            "kind": "Event",
            "metadata": {"name": name, "namespace": of.key.namespace or CLUSTER_NAMESPACE},
            "eventTime": at,
            "reportingController": self._controller_name,
            "reportingInstance": self._instance[:128],
            "action": said.action,
            "reason": said.reason[:128],
            "regarding": {
                "apiVersion": of.api_version,
                "kind": of.kind,
                "name": of.key.name,
                **({"namespace": of.key.namespace} if of.key.namespace else {}),
                **({"uid": of.uid} if of.uid else {}),
            },
            "note": said.note,
            "type": said.type,
        }
