"""What the machine spends on whom: CPU time and memory by program, as the kernel counts them, and tables of figures."""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.support.processes import processes

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

    cpu: Mapping[str, float]
    memory: Counter[str]


def usage(bed: str) -> Usage:
    """What every program of this test cluster has used until now; processes of one program are added up."""
    found = {each.pid: each for each in processes()}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for each in found.values():
        children[each.parent].append(each.pid)
    ours = [pid for pid, each in found.items() if {"up", bed} <= set(each.words)]
    for pid in ours:  # grows while it is walked
        ours.extend(child for child in children[pid] if child not in ours)
    cpu: defaultdict[str, float] = defaultdict(float)
    memory: Counter[str] = Counter()
    for pid in ours:
        words = found[pid].words
        program = next((PROGRAMS[word] for word in words if word in PROGRAMS), "")
        if program and (program != "control plane" or "serve" in words):
            cpu[program] += found[pid].seconds
            memory[program] += found[pid].resident
    return Usage(cpu, memory)


def spent(before: Usage, after: Usage) -> dict[str, float]:
    """CPU seconds between the two, by program."""
    seconds = {name: after.cpu.get(name, 0.0) - before.cpu.get(name, 0.0) for name in PROGRAMS.values()}
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
