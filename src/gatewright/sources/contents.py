"""Reading one file, bounded in size and never blocking.

What comes back is a value: what the file holds, that it is as it was, that it is gone, or why it cannot be read. All of it may
run in any thread.
"""

# ruff: noqa: PTH116 - paths are text here, as they come from the kernel and go into batches, ten thousand at a time

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

from gatewright.sources.declarations import Declaration

State: TypeAlias = tuple[int, ...]

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_TICK: Final = 20_000_000  # nanoseconds, more than a tick of any kernel's file clock

# A thread that often lets go of the interpreter lock for a moment, as RE2 does, takes it back before anyone else has woken up:
# the event loop would stand still. So it really sleeps from time to time.
BREATH_SECONDS: Final = 0.005
PAUSE_SECONDS: Final = 0.0005


class Seen(NamedTuple):
    """What was read of a file: the state of its inode before, and the hash of its content."""

    state: State
    digest: bytes


class Missing(NamedTuple):
    """There is no such file any more."""


class Trouble(NamedTuple):
    """The file cannot be read."""

    message: str


class Content(NamedTuple):
    """What the file holds; `text` is None when it is what was seen before."""

    seen: Seen
    text: bytes | None


class Parsed(NamedTuple):
    """What a large file declares."""

    content: Content
    declarations: tuple[Declaration, ...]


def state_of(path: str) -> tuple[State, int] | Missing | Trouble:
    """The state of a file's inode, empty when it says nothing since the file was only just written, and its size in bytes."""
    try:
        return _regular(os.stat(path))
    except FileNotFoundError:
        return Missing()
    except OSError as error:
        return Trouble(f"cannot be read: {error.strerror}")


def read(path: str, size_limit: int, before: Seen | None) -> Content | Missing | Trouble:
    """Read `path`, at most `size_limit` bytes of it; `before` is what was seen of it last."""
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        return Missing()
    except OSError as error:
        return Trouble(f"cannot be read: {error.strerror}")
    try:
        regular = _regular(os.fstat(descriptor))
        if isinstance(regular, Trouble):
            return regular
        state, size = regular
        text = b"" if size > size_limit else _read(descriptor, size, size_limit)
    except OSError as error:
        return Trouble(f"cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)
    if max(size, len(text)) > size_limit:
        return Trouble(f"is larger than {size_limit} bytes")
    digest = hashlib.blake2b(text, digest_size=16).digest()
    return Content(Seen(state, digest), None if before is not None and digest == before.digest else text)


def read_and_parse(
    path: str, size_limit: int, before: Seen | None, parse: Callable[[bytes], Iterator[Declaration]], abandoned: threading.Event
) -> Parsed | Missing | Trouble:
    """Read `path` and parse it, in whatever thread this runs; it ends early when `abandoned` is set."""
    content = read(path, size_limit, before)
    if not isinstance(content, Content) or content.text is None:
        return Parsed(content, ()) if isinstance(content, Content) else content
    declarations = []
    breathe_at = time.monotonic() + BREATH_SECONDS
    for declaration in parse(content.text):
        declarations.append(declaration)
        if abandoned.is_set():
            break
        if time.monotonic() >= breathe_at:
            time.sleep(PAUSE_SECONDS)
            breathe_at = time.monotonic() + BREATH_SECONDS
    return Parsed(content._replace(text=b""), tuple(declarations))


def is_being_written(path: str, seconds: float) -> bool:
    """Whether `path` was written in the last `seconds`, so that more may follow."""
    try:
        return 0 <= time.time() - os.stat(path).st_mtime < seconds
    except OSError:
        return False


def _regular(found: os.stat_result) -> tuple[State, int] | Trouble:
    if not stat.S_ISREG(found.st_mode):
        return Trouble("is no regular file")
    if time.time_ns() - found.st_mtime_ns < _TICK:  # a second write could leave the same time: nothing is known for sure
        return (), found.st_size
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns), found.st_size


def _read(descriptor: int, size: int, size_limit: int) -> bytes:
    """All that is in a file of about `size` bytes; one byte more than `size_limit` is enough to know that it is too large."""
    parts, left = [], size_limit + 1
    while left > 0 and (part := os.read(descriptor, min(left, max(size + 1, 4096)))):
        parts.append(part)
        left -= len(part)
        size -= len(part)
    return b"".join(parts)
