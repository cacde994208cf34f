"""What the machine spends on whom: CPU time and memory by program, as the kernel counts them, and tables of figures."""

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

TICKS: Final = os.sysconf("SC_CLK_TCK")
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
PROGRAMS: Final[Mapping[str, str]] = {  # by a word of their command line
    "kube-apiserver": "API server",
    "bed-init": "etcd and node",
    "kube-controller-manager": "controllers",
    "kube-proxy": "kube-proxy",
    "gatewright": "control plane",
    "--service-cluster": "Envoy",
}


class Usage(NamedTuple):
    """CPU seconds since their start, and resident bytes, by program."""

    cpu: Counter[str]
    memory: Counter[str]


class _Process(NamedTuple):
    """A process, as `/proc` has it."""

    words: list[str]
    parent: str
    seconds: float
    resident: int


def usage(bed: str) -> Usage:
    """What every program of this test cluster has used until now; processes of one program are added up."""
    found = Usage(Counter(), Counter())
    processes = dict(_processes())
    ours = {number for number, each in processes.items() if {"up", bed} <= set(each.words)}
    for number in list(ours):
        ours |= set(_below(number, processes))
    for number in ours:
        words = processes[number].words
        program = next((PROGRAMS[word] for word in words if word in PROGRAMS), "")
        if program and (program != "control plane" or "serve" in words):
            found.cpu[program] += processes[number].seconds  # type: ignore[assignment]  # seconds
            found.memory[program] += processes[number].resident
    return found


def _processes() -> Iterator[tuple[str, _Process]]:
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended
                words = (process / "cmdline").read_text().split("\0")
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                seconds = (int(fields[11]) + int(fields[12])) / TICKS
                yield process.name, _Process(words, fields[1], seconds, int(fields[21]) * PAGE)


def _below(number: str, processes: Mapping[str, _Process]) -> Iterator[str]:
    """A process's children, and theirs."""
    for child, each in processes.items():
        if each.parent == number:
            yield child
            yield from _below(child, processes)


def spent(before: Usage, after: Usage) -> dict[str, float]:
    """CPU seconds between the two, by program."""
    seconds = {name: after.cpu[name] - before.cpu[name] for name in PROGRAMS.values()}
    return {f"CPU s, {name}": round(used, 2) for name, used in seconds.items() if used > 0}


def percentile(values: Iterable[float], part: float) -> float:
    """The value below which `part` (0 to 1) of them are; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


def table(figures: Sequence[Mapping[str, Any]]) -> str:
    """Figures as a Markdown table: a column for each run, a line for each figure."""
    names = dict.fromkeys(name for each in figures for name in each)
    rows = [[name, *(str(each.get(name, "")) for each in figures)] for name in names]
    head, *rest = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rest))


def told(figures: Sequence[Mapping[str, Any]], output: Path | None) -> None:
    """Print figures, and write them if that is wanted."""
    sys.stdout.write(table(figures) + "\n")
    if output is not None:
        output.write_text(json.dumps(figures, indent=2) + "\n")
