"""Change → served, and change → status: what one more route costs where there are very many.

    python -m bench.changes [--routes 10,100,1000,10000] [--one-host] [--runs 30] [--output FILE]

For each number of routes: milliseconds from the rename of a new route's file until its first 200 and until its status is
published, beside Envoy's own time for the same RouteConfiguration; processor time of the control plane for a new route and for
new endpoints; and answers other than 404 and 200 on the way.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from bench import floor
from bench.lab import Lab, lab, numbers, show, spread, usage
from gatewright.api.admission import Admitted, admit
from gatewright.api.kinds import KINDS
from gatewright.graph.settings import GraphSettings
from gatewright.sources.declarations import Reader
from gatewright.translation import translate
from gatewright.wire.resource import ROUTES
from tests.support.objects import service

PAUSE_SECONDS = 0.15


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m bench.changes")
    parser.add_argument("--routes", type=numbers, default=[10, 100, 1000, 10000], help="how many routes, with commas between")
    parser.add_argument("--one-host", action="store_true", help="all routes on one host, each on a path of its own")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    rows = []
    for count in given.routes:
        with lab(count, one_host=given.one_host) as made:
            rows.append({"routes": count} | _measured(made, given.runs))
    where = "one host" if given.one_host else "hosts"
    show(f"a new route among routes on {where} ({given.runs} runs, milliseconds)", rows, given.output)


def _measured(made: Lab, runs: int) -> dict[str, Any]:
    before = usage(made.control_plane).seconds
    served, wrong = _served(made, runs)
    spent = (usage(made.control_plane).seconds - before) * 1e3 / runs
    reported = spread([_reported(made, f"s{run}") for run in range(runs)])
    endpoints = _endpoints(made, runs)
    alone = spread(floor.swaps(_route_configuration(made), runs))
    found = spread(served)
    return {
        "served median": found.median,
        "p90": found.p90,
        "max": found.max,
        "Envoy alone": alone.median,
        "ratio": round(found.median / alone.median, 2),
        "wrong answers": wrong,
        "status median": reported.median,
        "status max": reported.max,
        "CPU a route": spent,
        "CPU endpoints": endpoints,
    }


def _served(made: Lab, runs: int) -> tuple[list[float], int]:
    taken, wrong = [], 0
    for run in range(runs):
        made.server.put(f"probe-{run}", made.route(f"p{run}"))
        milliseconds, bad = made.wait(f"p{run}", time.perf_counter())
        taken.append(milliseconds)
        wrong += bad
        time.sleep(PAUSE_SECONDS)
    return taken, wrong


def _reported(made: Lab, name: str) -> float:
    """Milliseconds until the status of a new route is published."""
    made.server.put(name, made.route(name))
    started = time.perf_counter()
    while not any(each["status"] for each in made.server.statuses("HTTPRoute", name)):
        time.sleep(0.001)
    taken = (time.perf_counter() - started) * 1e3
    time.sleep(PAUSE_SECONDS)
    return taken


def _endpoints(made: Lab, runs: int) -> float:
    """Milliseconds of processor time for one change of endpoints."""
    ports = [backend.port for backend in made.backends.values()]
    made.server.apply("moved", service("moved", ports[0]), made.route("moved", "moved"))
    before = usage(made.control_plane).seconds
    for run in range(runs):
        made.server.put("moved", service("moved", ports[run % 2]), made.route("moved", "moved"))
        time.sleep(PAUSE_SECONDS)
    return (usage(made.control_plane).seconds - before) * 1e3 / runs


def _route_configuration(made: Lab) -> bytes:
    """The RouteConfiguration that the lab's Envoy has, from the same files."""
    reader, kinds = Reader(admit), {kind.name: kind for kind in KINDS}
    admitted = [
        Admitted(kinds[declared.identity[0]], declared.identity[1], declared.object)
        for path in sorted(made.server.folder.glob("*.yaml"))
        for declared in reader.declarations(path.name, path.read_bytes())
        if declared.identity is not None and declared.object is not None
    ]
    translation = translate(admitted, GraphSettings(), int(time.time()))
    (body,) = [each.body for each in translation.resources["default/edge"] if each.type_url == ROUTES]
    return body


if __name__ == "__main__":
    main()
