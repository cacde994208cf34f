"""What Envoy writes: its log (stderr) and its access log (stdout), both plain files.

Files, because Envoy outlives its control plane: a pipe without a reader would end it or block it. `Follower` reads what was
appended, and keeps a file below a limit by copying it to `<name>.1` and emptying it, which works while Envoy appends to it. Lines
that come in between are in neither file, so the copy is made in the same breath as the emptying.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec

ROTATE_BYTES: Final = 16 << 20
READ_BYTES: Final = 1 << 20
TAIL_LINES: Final = 5
_LEVELS_OF_FAILURE: Final = ("error", "critical")


class LogLine(msgspec.Struct, frozen=True):
    """A line of Envoy's log; what is no line of its logger (a crash, a refused option) has level `error` and no logger."""

    message: str
    level: str = "error"
    logger: str = ""
    time: str = ""


class Follower:
    """Reads a growing file from its end at the time of creation (or from its start), and rotates it."""

    def __init__(self, path: Path, *, from_start: bool = False) -> None:
        self._path = path
        self._offset = 0 if from_start or not path.exists() else path.stat().st_size

    def read(self) -> bytes:
        """Whole lines appended since the last call, a megabyte at most; rotates the file when it is large and read to its end."""
        try:
            with self._path.open("rb+") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(0 if size < self._offset else self._offset)
                chunk = file.read(READ_BYTES)
                whole = chunk.rfind(b"\n") + 1 or (len(chunk) if len(chunk) == READ_BYTES else 0)
                self._offset = (0 if size < self._offset else self._offset) + whole
                if size >= ROTATE_BYTES and self._offset >= size:
                    self._rotate(file.fileno(), size)
        except OSError:  # not there yet, or not to be read: then there is nothing to tell
            return b""
        return chunk[:whole]

    def _rotate(self, source: int, size: int) -> None:
        with contextlib.suppress(OSError), self._path.with_name(self._path.name + ".1").open("wb") as kept:
            # A full disk costs the old lines, never the limit.
            os.sendfile(kept.fileno(), source, 0, size)
        os.ftruncate(source, 0)
        self._offset = 0


def parse(line: bytes) -> LogLine:
    """One line of Envoy's log."""
    try:
        return msgspec.json.decode(line, type=LogLine)
    except msgspec.DecodeError:
        return LogLine(line.decode(errors="replace").rstrip())


def lines(chunk: bytes) -> list[LogLine]:
    """The lines of a chunk of Envoy's log, blank ones left out."""
    return [parse(line) for line in chunk.splitlines() if line.strip()]


def tail(path: Path, offset: int) -> str:
    """The last words of an Envoy whose log began at `offset`: its errors, or for want of these its last lines."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(min(offset, size), size - (64 << 10)))
            told = lines(file.read())
    except FileNotFoundError:
        return ""
    grave = [line for line in told if line.level in _LEVELS_OF_FAILURE] or told
    refused = next((number for number, line in enumerate(grave) if line.message.startswith("PARSE ERROR")), None)
    last = grave[-TAIL_LINES:] if refused is None else grave[refused : refused + 2]  # the usage of all options follows
    return "\n".join(line.message.strip() for line in last)
