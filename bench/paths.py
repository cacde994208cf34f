"""What a request costs by where its route stands: the last of very many paths on one host beside a host with one route.

    python -m bench.paths [--routes 10000] [--seconds 5] [--output FILE]

Needs `wrk`. Each rate is the median of three runs, turn about; every route answers by redirect, so no backend is measured.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.lab import lab, show

TURNS: Final = 3
_RULE: Final = "- {{matches: [{{path: {{value: {path}}}}}], filters: [{{type: RequestRedirect, requestRedirect: {{port: 1}}}}]}}"


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m bench.paths")
    parser.add_argument("--routes", type=int, default=10000)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("bench.paths needs wrk (Debian: apt-get install wrk)")
    with lab(given.routes, one_host=True, rule=_RULE) as made:
        made.server.apply("single", made.route("single").replace("one.test", "single.test"))
        last = max(range(given.routes), key=lambda n: (-len(f"r{n}"), n))  # shortest, so tried last
        questions = {"single route": ("single.test", "/single"), f"last of {given.routes}": ("one.test", f"/r{last}")}
        rates: dict[str, list[float]] = {name: [] for name in questions}
        for _ in range(TURNS):
            for name, (host, path) in questions.items():
                rates[name].append(_rate(made.port, host, path, given.seconds))
    medians = {name: statistics.median(each) for name, each in rates.items()}
    single = medians["single route"]
    rows = [
        {"route": name, "requests/s": round(rate), "of a single one": f"{rate / single:.0%}"} for name, rate in medians.items()
    ]
    show("requests a second by place of the route", rows, given.output)


def _rate(port: int, host: str, path: str, seconds: int) -> float:
    """Requests a second, all of them answered by the redirect."""
    command = ["wrk", "-t1", "-c16", f"-d{seconds}", "-H", f"Host: {host}", f"http://127.0.0.1:{port}{path}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx or 3xx" in ran:
        raise RuntimeError(f"{host}{path} is not answered by its route:\n{ran}")
    return float(ran.partition("Requests/sec:")[2].split()[0])


if __name__ == "__main__":
    main()
