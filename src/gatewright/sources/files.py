"""The objects in files and folders, and every change of them as it happens.

Whatever inotify reports is reduced to paths to look at. A look reads only what has changed (unchanged content ends there), enters
it into the ledger, and takes in what came meanwhile, so that a burst of changes is one batch without a timer to wait for. A large
file is parsed in a thread, beside everything else. Lost events, missing watches and the first read are looks at everything.
"""

# ruff: noqa: PTH114 - paths are text here, as they come from the kernel and go into batches, ten thousand at a time

import asyncio
import functools
import os
import stat
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Final

from gatewright.sources.changes import Batch
from gatewright.sources.contents import Content, Missing, Parsed, Seen, Trouble, is_being_written, read, read_and_parse, state_of
from gatewright.sources.declarations import Admit, Reader
from gatewright.sources.ledger import Ledger
from gatewright.sources.tree import Found, Tree, is_wanted
from gatewright.sources.watch import Notice, Watches

MIB: Final = 1 << 20
INLINE: Final = 128 << 10  # bytes up to which a file is parsed on the event loop: 300 routes
SLICE: Final = 0.01  # seconds for which the event loop is held at a time
GRACE: Final = 0.1  # seconds in which a file that was created, emptied in place or removed may be written before it is believed
ROUNDS: Final = 8  # times a batch takes in what came while it was made
WATCHING: Final = "(watching)"
"""The name under which a batch has problems of watching itself, rather than of a file."""


class _Parsing:
    """A large file that is being read in a thread."""

    def __init__(self, work: Callable[[threading.Event], Parsed | Missing | Trouble], done: Callable[[], None]) -> None:
        self._abandoned = threading.Event()
        self.task = asyncio.create_task(asyncio.to_thread(work, self._abandoned))
        self.task.add_done_callback(lambda _: done())

    def abandon(self) -> None:
        """Let the thread end at its next document; nobody wants the result any more."""
        self._abandoned.set()


class FileSource:
    """The objects below some paths; `batches` may be called once."""

    def __init__(
        self,
        paths: Iterable[str | os.PathLike[str]],
        admit: Admit,
        *,
        size_limit: int = 64 * MIB,
        interval: float = 1.0,
        watch_limit: int | None = None,
    ) -> None:
        """Read `paths`, files and folders that need not exist yet, and judge each document by `admit`.

        A file of more than `size_limit` bytes is not read. `interval` is how often, in seconds, everything is looked at when not
        all folders can be watched, be it by the machine's limits or for `watch_limit`, the number of watches to make do with.
        """
        self._reader = Reader(admit)
        self._size_limit = size_limit
        self._interval = interval
        self._watches = Watches(watch_limit)
        self._tree = Tree(tuple(dict.fromkeys(os.path.normpath(path) for path in paths)), self._watches)
        self._ledger = Ledger()
        self._seen: dict[str, Seen] = {}
        self._parsing: dict[str, _Parsing] = {}
        self._later: dict[str, float] = {}
        self._emptied: set[str] = set()
        self._missed: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._slice_ends = 0.0
        self._sweep_at = 0.0

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Yield the initial read, `complete` in its one batch, then a batch for each burst of changes, without end."""
        loop = asyncio.get_running_loop()
        descriptor = self._watches.fileno()
        if descriptor is not None:
            loop.add_reader(descriptor, self._wake.set)
        try:
            await self._look_everywhere(changed_only=False)
            while self._parsing:
                await self._parsed(wait=True)
            yield self._batch() or Batch((), {}, complete=True)
            while True:
                await self._wait()
                await self._look_around()
                if (batch := self._batch()) is not None:
                    yield batch
        finally:
            if descriptor is not None:
                loop.remove_reader(descriptor)
            for parsing in self._parsing.values():
                parsing.abandon()
            await asyncio.gather(*(parsing.task for parsing in self._parsing.values()), return_exceptions=True)
            self._watches.close()

    def _batch(self) -> Batch | None:
        if self._watches.incomplete:
            self._ledger.trouble(WATCHING, self._watches.incomplete)
        else:
            self._ledger.remove(WATCHING)
        changes, problems = self._ledger.settle()
        return Batch(changes, problems, complete=True) if changes or problems else None

    async def _wait(self) -> None:
        """Return when there may be something to look at."""
        loop = asyncio.get_running_loop()
        due = min(self._later.values(), default=None)
        if self._watches.incomplete:
            due = self._sweep_at if due is None else min(due, self._sweep_at)
        timer = None if due is None else loop.call_later(max(0.0, due - time.monotonic()), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()
        self._wake.clear()

    async def _look_around(self) -> None:
        """Look at all that is to be looked at, and at what comes meanwhile."""
        self._slice_ends = time.monotonic() + SLICE
        if self._watches.incomplete and time.monotonic() >= self._sweep_at:
            await self._look_everywhere(changed_only=True)
        for _ in range(ROUNDS):
            await self._parsed()
            notices, lost = self._watches.read()
            if lost:
                await self._look_everywhere(changed_only=False)
            paths = self._to_look_at(notices)
            for path in paths:
                await self._look(path)
            if not paths and not lost:
                return
        self._wake.set()

    def _to_look_at(self, notices: Iterable[Notice]) -> list[str]:
        """The paths that notices and the clock name, each once, in order; what was only created is left for later."""
        now = time.monotonic()
        paths = {path for path, due in self._later.items() if due <= now and not is_being_written(path, GRACE)}
        for notice in notices:
            path = self._tree.concerned(notice.path)
            if path is None:
                continue
            if notice.sign == "created" and not os.path.islink(path):
                self._later.setdefault(path, now + GRACE)
            elif notice.sign == "changed" or (path not in self._later and not self._is_good(path)):
                paths.add(path)
        for path in paths:
            self._later.pop(path, None)
        return sorted(paths)

    def _is_good(self, path: str) -> bool:
        """Whether a change of permissions cannot matter: `path` was read, and nothing stands against reading it again."""
        return path in self._seen and os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids)

    async def _look_everywhere(self, *, changed_only: bool) -> None:
        if not changed_only:
            self._seen = {path: seen._replace(state=()) for path, seen in self._seen.items()}
        self._watches.retry()
        for root in self._tree.roots:
            await self._survey(root)
        self._sweep_at = time.monotonic() + self._interval

    async def _look(self, path: str) -> None:
        """Read `path` if it is a plain file, else walk it; what is not there any more is gone."""
        try:
            is_file = stat.S_ISREG(os.lstat(path).st_mode)
        except OSError:
            is_file = False
        if not is_file or path in self._tree.roots or self._tree.is_folder(path):
            for top in self._tree.widened(path):
                await self._survey(top)
        elif is_wanted(path):
            await self._read(Found(path, path), trust_state=False)
            await self._breathe()

    async def _survey(self, top: str) -> None:
        below = top.rstrip("/") + "/"
        gone = {path for path in self._known() if path == top or path.startswith(below)}
        together = False
        for found in self._tree.survey(top):
            gone.discard(found.path)
            together |= found.together
            if found.missing:
                self._forget(found.path)
            elif found.problem:  # what is below a folder that may not be read, keeps
                gone = {path for path in gone if not path.startswith(f"{found.path}/")}
            if found.problem:
                self._trouble(found.path, found.problem)
            else:
                await self._read(found, trust_state=True)
            await self._breathe()
        for path in gone:
            self._forget(path, at_once=together)

    def _known(self) -> set[str]:
        return self._seen.keys() | self._parsing.keys() | self._ledger.files()

    def _forget(self, path: str, *, at_once: bool = False) -> None:
        """`path` is gone; one that declares something is given time to come back, as it does when vim or git replaces it.

        `at_once`: it was one of several that change together (a ConfigMap's), so what is gone is gone.
        """
        self._abandon(path)
        self._seen.pop(path, None)
        self._emptied.discard(path)
        now = time.monotonic()
        if not at_once and self._ledger.declares(path) and now < (believed := self._missed.setdefault(path, now + GRACE)):
            self._later[path] = believed
            self._ledger.miss(path)
            return
        self._missed.pop(path, None)
        self._ledger.remove(path)

    def _trouble(self, path: str, message: str) -> None:
        self._abandon(path)
        self._seen.pop(path, None)
        self._ledger.trouble(path, message)

    def _abandon(self, path: str) -> None:
        if (parsing := self._parsing.pop(path, None)) is not None:
            parsing.abandon()

    async def _read(self, found: Found, *, trust_state: bool) -> None:
        """Read one file, unless it is as it was; a large one goes to a thread and comes back by `_parsed`."""
        path, before = found.path, self._seen.get(found.path)
        current = state_of(found.opened)
        if isinstance(current, Missing):
            self._forget(path)
        elif isinstance(current, Trouble):
            self._trouble(path, current.message)
        elif trust_state and before is not None and before.state and before.state == current[0]:
            self._ledger.readable(path)
        elif current[1] > INLINE:
            self._abandon(path)
            self._parsing[path] = _Parsing(self._parser(found, before), self._wake.set)
            if found.together:
                await asyncio.wait([self._parsing[path].task])
                await self._parsed()
        else:
            self._abandon(path)
            await self._take(path, read(found.opened, self._size_limit, before))

    def _parser(self, found: Found, before: Seen | None) -> Callable[[threading.Event], Parsed | Missing | Trouble]:
        parse = functools.partial(self._reader.declarations, found.path)
        return functools.partial(read_and_parse, found.opened, self._size_limit, before, parse)

    async def _take(self, path: str, content: Content | Missing | Trouble) -> None:
        """Enter what was read of a small file."""
        if isinstance(content, Content) and content.text is not None:
            if not content.text.strip() and self._ledger.declares(path) and path not in self._emptied:
                self._emptied.add(path)
                self._later[path] = time.monotonic() + GRACE
                return
            declarations = []
            for declaration in self._reader.declarations(path, content.text):
                declarations.append(declaration)
                await self._breathe()
            self._enter(path, Parsed(content, tuple(declarations)))
        else:
            self._enter(path, Parsed(content, ()) if isinstance(content, Content) else content)

    async def _parsed(self, *, wait: bool = False) -> None:
        """Enter what threads have parsed; with `wait`, wait for one of them."""
        if wait:
            await asyncio.wait([parsing.task for parsing in self._parsing.values()], return_when=asyncio.FIRST_COMPLETED)
        for path, parsing in list(self._parsing.items()):
            if parsing.task.done():
                del self._parsing[path]
                self._enter(path, parsing.task.result())

    def _enter(self, path: str, outcome: Parsed | Missing | Trouble) -> None:
        self._emptied.discard(path)
        if isinstance(outcome, Missing):
            self._forget(path)
        elif isinstance(outcome, Trouble):
            self._trouble(path, outcome.message)
        else:
            self._missed.pop(path, None)
            self._seen[path] = outcome.content.seen
            if outcome.content.text is None:
                self._ledger.readable(path)
            else:
                self._ledger.enter(path, outcome.declarations)

    async def _breathe(self) -> None:
        """Let others run when the event loop was held for a while."""
        if time.monotonic() > self._slice_ends:
            await asyncio.sleep(0)
            self._slice_ends = time.monotonic() + SLICE
