"""What there is to read: the files below the paths that were asked for.

Folders are walked recursively, hidden names (editors' temporary files among them) left out. Symbolic links are followed, and a
folder that can be reached twice is read once. A folder with `..data` in it is a mounted ConfigMap or Secret: what counts is what
`..data` points to, since that link is swapped to change everything at once.
"""

# ruff: noqa: PTH112, PTH116, PTH118, PTH208 - paths are text here, as they come from the kernel and go into batches, ten thousand at a time

import os
import stat
from collections.abc import Iterator
from typing import Final, NamedTuple

from gatewright.sources.watch import Watches, trail

SUFFIXES: Final = (".yaml", ".yml", ".json")
_SWAPPED: Final = "..data"
_MISSING: Final = "does not exist; it is read as soon as it does"

Inode = tuple[int, int]


class Found(NamedTuple):
    """A file to read: `path` is its name to us, `opened` what to open, `together` when it changes with others at once.

    With a `problem` it is not to be read; `missing` when there is nothing at all.
    """

    path: str
    opened: str
    together: bool = False
    problem: str = ""
    missing: bool = False


class Tree:
    """The folders and files below some roots, with the watches that tell of changes in them."""

    def __init__(self, roots: tuple[str, ...], watches: Watches) -> None:
        self.roots = roots
        self._watches = watches
        self._folders: dict[Inode, str] = {}
        self._passed_over: set[str] = set()

    def survey(self, top: str) -> Iterator[Found]:
        """Walk `top`, which is a root or something below one, and watch all of it. What is not there yields nothing."""
        below = top.rstrip("/") + "/"
        self._folders = {i: path for i, path in self._folders.items() if path != top and not path.startswith(below)}
        self._passed_over = {path for path in self._passed_over if path != top and not path.startswith(below)}
        with self._watches.renewing(top):
            yield from self._entry(top, top, together=False)

    def widened(self, path: str) -> tuple[str, ...]:
        """What to survey when `path` changed: all of it, if a folder was passed over that may have been known as `path`."""
        return self.roots if self._passed_over else (path,)

    def is_folder(self, path: str) -> bool:
        """Whether `path` was a folder when it was last walked."""
        return path in self._folders.values()

    def concerned(self, path: str) -> str | None:
        """What to look at when `path` was seen to change: itself, its folder for what is known by another name, or nothing."""
        folder, name = os.path.split(path)
        if path in self.roots:
            return path
        if name == _SWAPPED or not _is_text(path):
            return folder
        return None if name.startswith(".") else path

    def _entry(self, path: str, opened: str, *, together: bool) -> Iterator[Found]:
        is_root = path in self.roots
        try:
            if is_root or stat.S_ISLNK(os.lstat(opened).st_mode):
                for directory, name, last in trail(opened):
                    self._watches.hold(path, directory, name, "itself", contents=last)
            found = os.stat(opened)
        except OSError as error:
            missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
            if is_root or (is_wanted(path) and not missing):
                yield Found(path, opened, problem=_MISSING if missing else _why(error), missing=missing)
            return
        if stat.S_ISDIR(found.st_mode):
            yield from self._folder(path, opened, (found.st_dev, found.st_ino), together=together)
        elif is_root or is_wanted(path):
            problem = "" if stat.S_ISREG(found.st_mode) else "is no regular file"
            yield Found(path, opened, together, problem)

    def _folder(self, path: str, opened: str, inode: Inode, *, together: bool) -> Iterator[Found]:
        if self._folders.setdefault(inode, path) != path:
            self._passed_over.add(path)
            return
        self._watches.hold(path, opened)
        data = os.path.join(opened, _SWAPPED)
        try:
            names = set(os.listdir(opened))
            swapped = set(os.listdir(data)) if _SWAPPED in names and os.path.isdir(data) else set()
        except OSError as error:
            yield Found(path, opened, problem=_why(error))
            return
        if swapped:
            self._watches.hold(path, data, concern="itself")
        for name in sorted(names | swapped):
            if not _is_text(name):
                yield Found(
                    os.path.join(path, os.fsencode(name).decode(errors="replace")), opened, problem="its name is not UTF-8"
                )
            elif not name.startswith("."):
                inside = name in swapped
                entry = os.path.join(data if inside else opened, name)
                yield from self._entry(os.path.join(path, name), entry, together=together or inside)


def is_wanted(path: str) -> bool:
    """Whether a file of this name is read when its folder is."""
    return path.endswith(SUFFIXES)


def _is_text(name: str) -> bool:
    """Whether a name that the kernel gave can be shown, which a stray byte in it cannot."""
    return name.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in name)


def _why(error: OSError) -> str:
    return f"cannot be read: {error.strerror}"
