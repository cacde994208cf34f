"""The latest statuses, and whoever wants to hear of each change.

`publish` never waits: a watcher that reads slowly gets the newest status of each object when it reads again, and misses only what
was replaced meanwhile, so a stalled `gatewright status --watch` costs at most one entry for each object.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator

from gatewright.console.source import StatusEvent, StatusKey, StatusView


class StatusFeed:
    """The published statuses by object; one event loop's."""

    def __init__(self) -> None:
        self._views: dict[StatusKey, StatusView] = {}
        self._watchers: set[_Watcher] = set()

    def publish(self, changed: Iterable[StatusView], removed: Iterable[StatusKey] = ()) -> None:
        """Replace the statuses in `changed`, forget those in `removed`, tell watchers of both; equal statuses are no change."""
        touched: list[StatusKey] = []
        for view in changed:
            if self._views.get(view.key) != view:
                self._views[view.key] = view
                touched.append(view.key)
        touched.extend(key for key in removed if self._views.pop(key, None) is not None)
        if touched:
            for watcher in self._watchers:
                watcher.touch(touched)

    def views(self) -> list[StatusView]:
        """All statuses, ordered by kind, namespace and name."""
        return [self._views[key] for key in sorted(self._views)]

    async def watch(self) -> AsyncGenerator[StatusEvent, None]:
        """All statuses as ADDED, then every change, until closed."""
        watcher = _Watcher()
        watcher.touch(sorted(self._views))
        self._watchers.add(watcher)
        try:
            while True:
                for event in watcher.take(self._views):
                    yield event
                await watcher.touched.wait()
        finally:
            self._watchers.discard(watcher)


class _Watcher:
    """What one watcher was told, and which objects changed since."""

    def __init__(self) -> None:
        self.touched = asyncio.Event()
        self._told: dict[StatusKey, StatusView] = {}
        self._pending: dict[StatusKey, None] = {}

    def touch(self, keys: Iterable[StatusKey]) -> None:
        """Note that the statuses of these objects changed."""
        self._pending.update(dict.fromkeys(keys))
        self.touched.set()

    def take(self, views: dict[StatusKey, StatusView]) -> Iterator[StatusEvent]:
        """The events that bring this watcher up to date with `views`."""
        pending, self._pending = self._pending, {}
        self.touched.clear()
        for key in pending:
            before, now = self._told.pop(key, None), views.get(key)
            if now is not None:
                self._told[key] = now
            if now is not None and now != before:
                yield StatusEvent("MODIFIED" if before else "ADDED", now)
            elif now is None and before is not None:
                yield StatusEvent("DELETED", before)
