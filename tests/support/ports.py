"""Free TCP ports for what listens for longer than one test.

They are taken from below the range from which the kernel picks the ports of outgoing connections, so that no client of a busy
test happens to sit on a port that a listener is about to bind. No port is given twice in one run.
"""

import random
import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"
LOWEST, HIGHEST = 20_000, 32_000

_given: set[int] = set()
_random = random.Random()  # noqa: S311 - ports need no secrecy


def free_port() -> int:
    """A port on loopback on which nothing listens."""
    while True:
        port = _random.randrange(LOWEST, HIGHEST)
        if port in _given:
            continue
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("", port))
            except OSError:
                continue
        _given.add(port)
        return port


def listens(port: int) -> bool:
    """Whether a connection to `port` is taken."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
