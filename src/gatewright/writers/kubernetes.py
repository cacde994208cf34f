"""Statuses into the API server: by merge patches on the status subresource, each for one version of one object.

Every desired document is held, and compared with the object's live status whenever one of the two changes: a patch goes out only
when our part differs (`merging`), and only for the generation that the document is about. The patch names the version that it
was made from, so that a writer who was faster makes it fail; then the object is read and compared again. Followers hold
documents, too, and write nothing until they lead.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from gatewright.api.kinds import KINDS
from gatewright.api.meta import NamespacedName
from gatewright.apiserver import CONFLICT, FIELD_MANAGER, FORBIDDEN, MERGE_PATCH, NOT_FOUND, OK, Requests
from gatewright.status.document import StatusDocument
from gatewright.writers.cluster import Live, Objects
from gatewright.writers.merging import patch

CONCURRENT: Final = 128  # as many as a crowd of creators has under way, or an API server at its limit serves them and not us
FIRST_PAUSE: Final = 0.2  # seconds after the first failure, doubled by each further one
LONGEST_PAUSE: Final = 30.0
CONFLICTS: Final = 5  # in a row, after which a conflict is a failure like any other
SERVER_ERRORS: Final = 500
TOO_MANY_REQUESTS: Final = 429
RETRYABLE: Final = frozenset({FORBIDDEN, CONFLICT, 408, TOO_MANY_REQUESTS})

StatusKey: TypeAlias = tuple[str, NamespacedName]


class Change(NamedTuple):
    """What a status was, and is now, of which object, in JSON; empty where there was none."""

    api_version: str
    uid: str
    before: bytes
    after: bytes


class Written(NamedTuple):
    """How the writing of one status went: `problem` is empty when it was written, and `change` is what changed, if anything."""

    kind: str
    key: NamespacedName
    seconds: float
    problem: str
    change: Change | None = None


class _Held(msgspec.Struct, frozen=True):
    """An object as the answer to our last request had it; it holds until the source has heard of that version."""

    resource_version: str
    generation: int
    status: bytes


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = "0"
    generation: int = 0
    uid: str = ""


class _Object(msgspec.Struct, frozen=True, rename="camel"):
    metadata: _Meta
    api_version: str = ""
    status: msgspec.Raw = msgspec.Raw(b"")


class KubernetesStatuses:
    """Writes the statuses of objects in a cluster, while it leads."""

    def __init__(self, api: Requests, objects: Objects, controller_name: str, told: Callable[[Written], None]) -> None:
        """Write by `api` where `objects` differ; `told` hears how each attempt went."""
        self.problems: dict[StatusKey, str] = {}
        self._api = api
        self._objects = objects
        self._controller_name = controller_name
        self._told = told
        self._desired: dict[StatusKey, StatusDocument | None] = {}
        self._newer: dict[StatusKey, _Held] = {}
        self._failures: dict[StatusKey, int] = {}
        self._due: dict[StatusKey, None] = {}
        self._busy: set[StatusKey] = set()
        self._wake = asyncio.Event()
        self._places = asyncio.Semaphore(CONCURRENT)
        self._leading = False
        self._swept = False

    @property
    def idle(self) -> bool:
        """Whether nothing is to be written, or is being written."""
        return not self._due and not self._busy

    async def write(self, documents: Mapping[StatusKey, StatusDocument | None]) -> None:
        """Take the documents; None is an object of which nothing is to be said any more."""
        for key, document in documents.items():
            self._failures.pop(key, None)
            self._desired[key] = document
            if document is None and self._objects.live(*key) is None:
                del self._desired[key]
        self._examine(documents)
        self._sweep()

    def lives_changed(self, kind: str, keys: AbstractSet[NamespacedName]) -> None:
        """The source has heard of new versions of these objects: ours, other writers', or of their spec."""
        for key in keys:
            name = (kind, key)
            held, live = self._newer.get(name), self._objects.live(kind, key)
            if held is not None and (live is None or int(live.resource_version) >= int(held.resource_version)):
                del self._newer[name]
        self._examine((kind, key) for key in keys if (kind, key) in self._desired)

    def lead(self, *, leading: bool) -> None:
        """Begin or cease to write. Whoever begins looks at everything: another may have left it half done."""
        self._leading = leading
        self._swept = False
        if leading:
            self._newer.clear()
            self._examine(self._desired)
            self._sweep()
        else:
            self._due.clear()

    async def run(self) -> None:
        """Write what differs, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._wake.wait()
                self._wake.clear()
                for key in [key for key in self._due if key not in self._busy]:
                    await self._places.acquire()
                    if key in self._due:
                        del self._due[key]
                        self._busy.add(key)
                        group.create_task(self._write(key))
                    else:  # leadership was lost meanwhile
                        self._places.release()

    def _examine(self, keys: Iterable[StatusKey]) -> None:
        if self._leading:
            self._due.update(dict.fromkeys(keys))
            self._wake.set()

    def _sweep(self) -> None:
        """Once there are documents: what has an entry of ours and no document is to lose it."""
        if not self._leading or self._swept or not self._desired:
            return
        self._swept = True
        mark = self._controller_name.encode()
        for kind in KINDS:
            for key in self._objects.lives(kind.name):
                live = self._objects.live(kind.name, key)
                if live is not None and mark in live.status and (kind.name, key) not in self._desired:
                    self._desired[kind.name, key] = None
                    self._examine([(kind.name, key)])

    async def _write(self, key: StatusKey) -> None:
        try:
            pause = await self._attempts(key)
        finally:
            self._busy.discard(key)
            self._places.release()
            if key in self._due:
                self._wake.set()
        if pause:
            asyncio.get_running_loop().call_later(pause, self._examine, [key])

    async def _attempts(self, key: StatusKey) -> float:
        """Write one status until it is right; returns the seconds after which to look again, 0 when there is no need to."""
        began, problem, retry_after = time.monotonic(), "", 0.0
        for _ in range(CONFLICTS):
            path, before = self._objects.status_path(*key), self._live(key)
            body = self._patch(key) if path else None
            if body is None:
                self._settled(key)
                return 0.0
            query = {"fieldManager": FIELD_MANAGER}
            try:
                status, answer, retry_after = await self._api.request(
                    "PATCH", path, query=query, body=body, content_type=MERGE_PATCH
                )
                if status == CONFLICT:
                    await self._read(key, path)
            except OSError as error:
                return self._failed(key, began, str(error), 0.0)
            if status in {OK, NOT_FOUND}:  # deleted meanwhile: there is nothing to say any more
                change = self._keep(key, answer, before.status if before else b"") if status == OK else None
                self._settled(key)
                self._told(Written(*key, time.monotonic() - began, "", change))
                return 0.0
            problem = _problem(status, answer)
            if status != CONFLICT:
                pause = self._failed(key, began, problem, retry_after)
                return pause if status >= SERVER_ERRORS or status in RETRYABLE else 0.0
        return self._failed(key, began, problem, retry_after)

    def _live(self, key: StatusKey) -> "_Held | Live | None":
        """An object as we know it, be it by the answer to our own last request."""
        return self._newer.get(key) or self._objects.live(*key)

    def _patch(self, key: StatusKey) -> bytes | None:
        """The body of the request that is needed, if any."""
        document, live = self._desired.get(key), self._live(key)
        if not self._leading or live is None or (document is not None and document.generation != live.generation):
            return None  # gone; or a document for this generation is on its way, or this is another object of the same name
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status: dict[str, Any] = (msgspec.json.decode(live.status) if live.status else None) or {}
        changed = patch(document.body if document else None, status, self._controller_name, now)
        if changed is None:
            return None
        return msgspec.json.encode({"metadata": {"resourceVersion": live.resource_version}, "status": changed})

    async def _read(self, key: StatusKey, path: str) -> None:
        status, body, _ = await self._api.request("GET", path)
        if status == OK:
            self._keep(key, body)

    def _keep(self, key: StatusKey, body: bytes, before: bytes = b"") -> Change:
        """Remember an object as the server has it, if that is news; returns what has become of the status that was before."""
        found = msgspec.json.decode(body, type=_Object)
        live = self._objects.live(*key)
        if live is not None and int(live.resource_version) < int(found.metadata.resource_version):
            self._newer[key] = _Held(found.metadata.resource_version, found.metadata.generation, bytes(found.status))
        return Change(found.api_version, found.metadata.uid, before, bytes(found.status))

    def _settled(self, key: StatusKey) -> None:
        if self._desired.get(key) is None:
            self._desired.pop(key, None)
        self._failures.pop(key, None)
        self.problems.pop(key, None)

    def _failed(self, key: StatusKey, began: float, problem: str, retry_after: float) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        self.problems[key] = problem
        self._told(Written(*key, time.monotonic() - began, problem))
        return max(retry_after, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (failures - 1)))


def _problem(status: int, body: bytes) -> str:
    try:
        message = str(msgspec.json.decode(body)["message"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        message = body[:200].decode(errors="replace")
    return f"{status}: {message}"
