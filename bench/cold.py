"""Cold start, and what stays: from nothing to the last of very many routes, and what it takes to hold them.

    python -m bench.cold [--routes 10000] [--churn-seconds 60] [--output FILE]

Seconds from the start of the process to the first 200 of the last route; memory of Envoy and of the control plane, before and
after so many seconds of churn (a route flips every 20 ms); pauses of the event loop that were longer than 50 ms. Then the
control plane is killed and started again over the running Envoy: what it sends to it must be nothing.
"""

import argparse
import signal
import time
from pathlib import Path
from typing import Any, Final

from bench.lab import Lab, lab, show, usage

FLIP_SECONDS: Final = 0.02
_IN_TIME: Final = 'gatewright_loop_lag_seconds_bucket{le="0.05"}'


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold")
    parser.add_argument("--routes", type=int, default=10000)
    parser.add_argument("--churn-seconds", type=float, default=60)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    with lab(given.routes, start=False) as made:
        rows = [{"routes": given.routes} | _measured(made, f"r{given.routes - 1}", given.churn_seconds)]
    show("cold start and memory", rows, given.output)


def _measured(made: Lab, last: str, seconds: float) -> dict[str, Any]:
    started = time.perf_counter()
    made.server.start(ready=False)
    cold, _ = made.wait(last, started)
    made.server.sync(60)
    before, envoy_before = usage(made.control_plane), usage(made.envoy)
    flips = _churn(made, seconds)
    after, envoy = usage(made.control_plane), usage(made.envoy)
    late = _late(made)
    resent = _restarted(made, last)
    return {
        "cold s": cold / 1e3,
        "control plane MiB": before.mebibytes,
        "growth %": (after.mebibytes / before.mebibytes - 1) * 100,
        "Envoy MiB": envoy_before.mebibytes,
        "Envoy growth %": (envoy.mebibytes / envoy_before.mebibytes - 1) * 100,
        "flips": flips,
        "CPU ms a flip": (after.seconds - before.seconds) * 1e3 / max(flips, 1),
        "pauses over 50 ms": late,
        "sent on restart": resent,
    }


def _churn(made: Lab, seconds: float) -> int:
    """Flip a route between two backends, until the time is up."""
    flips, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        made.server.put("churn", made.route("churn", ("one", "two")[flips % 2]))
        flips += 1
        time.sleep(FLIP_SECONDS)
    made.server.sync()
    return flips


def _late(made: Lab) -> int:
    """How often the event loop was later than 50 ms while there was churn."""
    return int(made.server.metric("gatewright_loop_lag_seconds_count") - made.server.metric(_IN_TIME))


def _restarted(made: Lab, last: str) -> int:
    """Updates that Envoy takes from a control plane that finds it running."""
    before = _updates(made)
    made.server.stop(signal.SIGKILL)
    made.server.start(seconds=60)
    made.wait(last, time.perf_counter())
    return _updates(made) - before


def _updates(made: Lab) -> int:
    """How many updates Envoy has taken."""
    stats = made.envoy_says("/stats?filter=update_success")
    return sum(int(line.rpartition(": ")[2]) for line in stats.splitlines())


if __name__ == "__main__":
    main()
