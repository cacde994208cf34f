"""A consumer of a file source: what it knows after all batches so far."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from gatewright.api.admission import admit
from gatewright.api.httproute import HTTPRoute
from gatewright.sources.changes import Batch, SourceProblem
from gatewright.sources.files import FileSource

PATIENCE = 30.0  # seconds after which something that should happen does not


class Watching:
    """The objects and problems that the batches of one source add up to."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.routes: dict[str, str] = {}
        self.generations: dict[str, int] = {}
        self.problems: dict[str, tuple[SourceProblem, ...]] = {}
        self._changed = asyncio.Condition()

    async def follow(self, source: FileSource) -> None:
        """Take in batches until cancelled."""
        batches = source.batches()
        try:
            async for batch in batches:
                self._take(batch)
                async with self._changed:
                    self._changed.notify_all()
        finally:
            await batches.aclose()

    def _take(self, batch: Batch) -> None:
        self.batches.append(batch)
        for change in batch.changes:
            if isinstance(change.object, HTTPRoute):
                self.routes[change.key.name] = change.object.spec.rules[0].backend_refs[0].name
                self.generations[change.key.name] = change.object.metadata.generation
            else:
                self.routes.pop(change.key.name, None)
        for file, problems in batch.problems.items():
            self.problems[file] = problems
            if not problems:
                del self.problems[file]

    async def until(self, condition: Callable[["Watching"], object]) -> None:
        """Return as soon as `condition` holds after a batch."""
        async with self._changed, asyncio.timeout(PATIENCE):
            await self._changed.wait_for(lambda: bool(self.batches) and condition(self))

    async def quiet(self, seconds: float = 0.2) -> int:
        """How many batches come in some time."""
        before = len(self.batches)
        await asyncio.sleep(seconds)
        return len(self.batches) - before

    def messages(self, file: str | os.PathLike[str]) -> list[str]:
        """The problems of one file as they print, without its folder."""
        folder = os.path.dirname(os.fspath(file))  # noqa: PTH120 - as the source writes it
        return [str(problem).replace(f"{folder}/", "") for problem in self.problems.get(os.fspath(file), ())]

    def deletions(self) -> list[str]:
        """The objects of which a deletion was ever seen."""
        return [change.key.name for batch in self.batches for change in batch.changes if change.object is None]


@contextlib.asynccontextmanager
async def watching(*paths: Path, **options: Any) -> AsyncIterator[Watching]:  # noqa: ANN401 - FileSource's own options
    """A consumer that has the initial read behind it."""
    seen = Watching()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(seen.follow(FileSource(paths, admit, **options)))
        try:
            await seen.until(lambda now: now.batches[-1].complete)
            yield seen
        finally:
            task.cancel()


def put(path: Path, text: str) -> None:
    """Write `path` as careful programs do: beside it, then renamed over it in one step."""
    beside = path.with_name(f".{path.name}.{time.monotonic_ns()}")
    beside.write_text(text)
    beside.replace(path)


def holds(**routes: str) -> Callable[[Watching], bool]:
    """A condition: these are all routes, with these backends."""
    return lambda now: now.routes == routes


def shows(name: str, backend: str) -> Callable[[Watching], bool]:
    """A condition: this route has this backend, whatever else there is."""
    return lambda now: now.routes.get(name) == backend
