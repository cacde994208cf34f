"""A control plane in a process of its own, to be killed: keeps one proxy until SIGTERM, then stops it.

owner.py STATE_DIR ENVOY PORT BACKEND_PORT: prints a line for each state that is reported.
"""

import asyncio
import signal
import sys
from pathlib import Path

from gatewright.fleet.host import HostFleet
from tests.fleet.fleets import proxy


async def own(state_dir: Path, envoy: Path, port: int, backend: int) -> None:
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    async with HostFleet(state_dir, envoy, lambda state: print(state.phase, state.pid, flush=True)) as fleet:  # noqa: T201
        await fleet.apply(proxy(port, backend))
        await asked.wait()
        await fleet.stop(10)


if __name__ == "__main__":
    asyncio.run(own(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
