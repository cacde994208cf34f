"""What tests of several folders share; what only one folder needs stands in its own conftest."""

import socket
from collections.abc import Callable

import pytest


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Picks TCP ports on loopback that nothing listens on; none is given twice to one test."""
    given: set[int] = set()

    def pick() -> int:
        while True:
            with socket.socket() as trial:
                trial.bind(("127.0.0.1", 0))
                port: int = trial.getsockname()[1]
            if port not in given:
                given.add(port)
                return port

    return pick
