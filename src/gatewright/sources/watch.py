"""Being told of changes: inotify watches, and who is concerned by what they see.

A concern is a path of ours (a root, a folder, a symbolic link) whose fate depends on a directory: on all that is in it, or on one
name. Watches are shared by inode, as the kernel shares them. When the kernel has no watch to spare, or there is no inotify,
`incomplete` says so, and whoever waits has to look for himself from time to time.

Measured from rename(2) to the event in asyncio: inotify_simple 0.4 ms, asyncinotify 0.5, watchdog 0.7, watchfiles 1.8 with all
its delays turned down (50 as it comes).
"""

# ruff: noqa: PTH100, PTH115, PTH118, PTH120 - paths are text here, as they come from the kernel and go into batches, ten thousand at a time

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple, TypeAlias

Concern: TypeAlias = Literal["entries", "itself"]
"""What an event in the directory means: look at the entry it names, or at the one that is concerned."""

ANY: Final = "*"
_POLLED: Final = "changes are found late, by looking at everything from time to time: "
_MAX_LINKS: Final = 40  # on one trail, as in the kernel


class Notice(NamedTuple):
    """`path` should be looked at; `sign` says what was seen, as far as it matters."""

    path: str
    sign: Literal["changed", "created", "touched"]


class _Watched:
    """One watch: who is concerned by which names in it."""

    __slots__ = ("concerns",)

    def __init__(self) -> None:
        self.concerns: set[tuple[str, str, Concern]] = set()


class Watches:
    """The watches of one source; not for several threads."""

    def __init__(self, limit: int | None = None) -> None:
        """Make an inotify instance; `limit` caps its watches, to leave some of the machine's to others."""
        self.incomplete = ""
        self._limit = limit
        self._watched: dict[int, _Watched] = {}
        self._held: dict[str, set[int]] = {}
        self._inotify: Any = None
        try:
            import inotify_simple  # noqa: PLC0415 - only Linux has it

            self._inotify = inotify_simple.INotify()
            self._flags = inotify_simple.flags
        except (ImportError, AttributeError, OSError) as error:
            self.incomplete = _POLLED + f"no inotify here ({error})"
            return
        flags = self._flags
        self._names = flags.CREATE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO | flags.DELETE_SELF | flags.MOVE_SELF
        self._contents = self._names | flags.CLOSE_WRITE | flags.ATTRIB

    def close(self) -> None:
        """Give the watches back."""
        if self._inotify is not None:
            self._inotify.close()

    def retry(self) -> None:
        """Forget that watches were wanting; what is held next shows whether they still are."""
        if self._inotify is not None:
            self.incomplete = ""

    def fileno(self) -> int | None:
        """What to poll for reading before `read`; None without inotify."""
        return None if self._inotify is None else int(self._inotify.fileno())

    def hold(self, path: str, directory: str, name: str = ANY, concern: Concern = "entries", *, contents: bool = True) -> None:
        """Watch `directory` on behalf of `path`: for `name` in it or ANY; with `contents`, also for what is written to files.

        A directory that does not exist is passed over: what makes it appear must be watched as well.
        """
        if self._inotify is None:
            return
        try:
            mask = (self._contents if contents else self._names) | self._flags.MASK_ADD | self._flags.ONLYDIR
            descriptor = self._inotify.add_watch(directory, mask)
            if descriptor not in self._watched and len(self._watched) == self._limit:
                self._inotify.rm_watch(descriptor)
                raise OSError(f"the limit is {self._limit} folders")  # noqa: TRY301 - the kernel's limit raises the same
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            hint = "; raise fs.inotify.max_user_watches" if error.errno is not None else ""
            self.incomplete = _POLLED + f"{directory} is not watched ({error.args[-1]}{hint})"
            return
        self._watched.setdefault(descriptor, _Watched()).concerns.add((path, name, concern))
        self._held.setdefault(path, set()).add(descriptor)

    @contextlib.contextmanager
    def renewing(self, top: str) -> Iterator[None]:
        """While this is open, what is held on behalf of `top` and all below is held anew; the rest of it is let go at the end."""
        below = top.rstrip("/") + "/"
        before = [path for path in self._held if path == top or path.startswith(below)]
        stale = [
            (descriptor, concern)
            for path in before
            for descriptor in self._held.pop(path)
            for concern in self._watched[descriptor].concerns
            if concern[0] == path
        ]
        for descriptor, concern in stale:
            self._watched[descriptor].concerns.discard(concern)
        try:
            yield
        finally:
            for descriptor in {descriptor for descriptor, _ in stale}:
                self._let_go(descriptor)

    def read(self) -> tuple[list[Notice], bool]:
        """What was seen since the last call, and whether events were lost, so that everything has to be looked at."""
        if self._inotify is None:
            return [], False
        notices: dict[Notice, None] = {}
        lost = False
        for event in self._inotify.read(timeout=0):
            lost |= bool(event.mask & self._flags.Q_OVERFLOW)
            if (watched := self._watched.get(event.wd)) is not None:
                notices |= dict.fromkeys(self._notices(watched, event))
                if event.mask & self._flags.IGNORED:
                    self._forget(event.wd)
        return list(notices), lost

    def _notices(self, watched: _Watched, event: Any) -> Iterator[Notice]:  # noqa: ANN401 - inotify_simple has no types
        flags, mask = self._flags, event.mask
        if mask & (flags.DELETE_SELF | flags.MOVE_SELF | flags.IGNORED | flags.UNMOUNT):
            yield from (Notice(path, "changed") for path, _, _ in watched.concerns)
            return
        sign: Literal["changed", "created", "touched"] = "changed"
        if mask & flags.CREATE and not mask & flags.ISDIR:
            sign = "created"
        elif mask & flags.ATTRIB:
            sign = "touched"
        for path, name, concern in watched.concerns:
            if name in {ANY, event.name} and event.name:
                yield Notice(f"{path.rstrip('/')}/{event.name}", sign) if concern == "entries" else Notice(path, "changed")

    def _let_go(self, descriptor: int) -> None:
        watched = self._watched.get(descriptor)
        if watched is not None and not watched.concerns:
            del self._watched[descriptor]
            with contextlib.suppress(OSError):  # the directory is gone, and its watch with it
                self._inotify.rm_watch(descriptor)

    def _forget(self, descriptor: int) -> None:
        """The kernel has taken the watch back."""
        for path, _, _ in self._watched.pop(descriptor).concerns:
            if (held := self._held.get(path)) is not None:
                held.discard(descriptor)


class Step(NamedTuple):
    """A directory entry on the way to a path; `last` when it is where the path, or a link on its way, ends."""

    directory: str
    name: str
    last: bool


def trail(path: str) -> Iterator[Step]:
    """Yield every directory entry that decides what `path` is: its own parts, and those of all symbolic links on the way.

    The first one that is missing ends the trail. Each entry is yielded before it is looked at, so that a watch can be there.
    """
    parts = list(reversed(os.path.abspath(path).split("/")[1:]))
    at, links = "/", 0
    while parts:
        name = parts.pop()
        if name in {"", ".", ".."}:
            at = os.path.dirname(at) if name == ".." else at
            continue
        yield Step(at, name, not parts)
        entry = os.path.join(at, name)
        try:
            target = os.readlink(entry)
        except FileNotFoundError:
            return
        except OSError:  # not a link, or nothing that we may look into: go on below it
            at = entry
            continue
        links += 1
        if links > _MAX_LINKS:
            return
        at = "/" if target.startswith("/") else at
        parts += reversed(target.split("/"))
