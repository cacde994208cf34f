"""Processes of this machine as `/proc` has them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Process(NamedTuple):
    """A process: its command line, who started it, processor seconds so far, and resident bytes."""

    pid: int
    words: list[str]
    parent: int
    seconds: float
    resident: int


def process(pid: int) -> Process:
    """A process that is there; OSError when it is not."""
    folder = Path(f"/proc/{pid}")
    words = (folder / "cmdline").read_text().split("\0")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return Process(pid, words, int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE)


def processes() -> Iterator[Process]:
    """Every process that does not end meanwhile."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                yield process(int(folder.name))
