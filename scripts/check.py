"""Runs every static check, all of them whatever the first one says, and ends with one line for each.

The checks are independent, so they run side by side; what each one printed is shown whole and in a fixed order. Names given on
the command line choose among them: `python scripts/check.py types imports`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "tests", "scripts", "bench")
CHECKS: dict[str, tuple[str, ...]] = {
    "format": ("-m", "ruff", "format", "--check", *FOLDERS),
    "lint": ("-m", "ruff", "check", "--quiet", *FOLDERS),
    "types": ("-m", "mypy", "--strict", *FOLDERS),
    "imports": ("-c", "from importlinter.cli import lint_imports_command as lint; lint()"),
    "sizes": ("scripts/check_sizes.py",),
}


class Outcome(NamedTuple):
    """What a check printed, whether it passed, and how many seconds it took."""

    name: str
    passed: bool
    seconds: float
    output: str


def main(chosen: list[str]) -> int:
    """Run the chosen checks (all when none is named); 1 when one fails, 2 when a name is unknown."""
    unknown = [name for name in chosen if name not in CHECKS]
    if unknown:
        print(f"no such check: {', '.join(unknown)} (there are {', '.join(CHECKS)})", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(max_workers=2) as pool:
        outcomes = list(pool.map(outcome_of, chosen or CHECKS))
    for outcome in outcomes:
        if outcome.output and (not outcome.passed or outcome.name == "sizes"):
            print(f"── {outcome.name}\n{outcome.output}")
    for outcome in outcomes:
        print(f"{'ok    ' if outcome.passed else 'FAILED'}  {outcome.name:<8} {outcome.seconds:5.1f} s")
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def outcome_of(name: str) -> Outcome:
    """Run one check with this interpreter and keep what it says."""
    started = time.monotonic()
    command = [sys.executable, *CHECKS[name]]
    ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return Outcome(name, ran.returncode == 0, time.monotonic() - started, ran.stdout.strip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
