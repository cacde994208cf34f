"""Statuses on their way out: held until the data plane has caught up, stamped with times, given to every writer.

A status never runs ahead of the proxies: documents of a batch are published once every connected proxy has confirmed (or refused)
that batch, or after a bounded wait for one that does neither. Of several documents of one object the newest wins.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from gatewright.api.meta import NamespacedName
from gatewright.status.document import StatusDocument, stamped

PATIENCE_SECONDS: Final = 2.0
ECHO_SECONDS: Final = 0.005  # what Envoy confirms settles once more: publish "programmed" in place of "pending", not after it

StatusKey = tuple[str, NamespacedName]
Publishable = Mapping[StatusKey, StatusDocument | None]


class Writer(Protocol):
    """Where published statuses go; None is an object that has no status any more."""

    async def write(self, documents: Publishable) -> None:
        """Take the documents; failures are the writer's own to report and retry."""


class Publication:
    """Collects the documents of settled batches and publishes them."""

    def __init__(
        self,
        confirmed: Callable[[int, float], Awaitable[bool]],
        writers: Sequence[Writer],
        on_written: Callable[[Counter[str], float], None],
    ) -> None:
        """`confirmed(batch, seconds)` waits for the proxies; `on_written` hears how many of which kind took how many seconds."""
        self.published: dict[StatusKey, StatusDocument] = {}
        self._on_written = on_written
        self._confirmed = confirmed
        self._writers = writers
        self._pending: dict[StatusKey, StatusDocument | None] = {}
        self._settled = 0
        self._busy = False
        self._wake = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Whether all that was settled is published."""
        return not self._pending and not self._busy

    def settled(self, batch: int, documents: Publishable) -> None:
        """Take the documents that changed with `batch`."""
        self._settled = batch
        self._pending.update(documents)
        if self._pending:
            self._wake.set()

    async def run(self) -> None:
        """Publish, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, pending, self._pending = self._settled, self._pending, {}
            self._busy = True
            await self._confirmed(batch, PATIENCE_SECONDS)
            await asyncio.sleep(ECHO_SECONDS)
            if self._settled != batch:
                echo, self._pending = self._pending, {}
                await self._confirmed(self._settled, PATIENCE_SECONDS)
                pending |= echo
            await self._publish(pending)
            self._busy = False

    async def _publish(self, pending: Publishable) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        documents: dict[StatusKey, StatusDocument | None] = {}
        for key, document in pending.items():
            before = self.published.get(key)
            after = None if document is None else _timed(document, before, now)
            if after == before:
                continue
            documents[key] = after
            if after is None:
                self.published.pop(key, None)
            else:
                self.published[key] = after
        if documents:
            started = time.perf_counter()
            for writer in self._writers:
                await writer.write(documents)
            self._on_written(Counter(kind for kind, _ in documents), time.perf_counter() - started)


def _timed(document: StatusDocument, before: StatusDocument | None, now: str) -> StatusDocument:
    body: dict[str, Any] = stamped(document.body, before.body if before else None, now)
    return msgspec.structs.replace(document, body=body)
