"""Requests without pause while something changes, every one of them counted.

Some threads keep their connection, as browsers and proxies do, and others open one for each request. Whatever goes wrong
(refused, reset, broken off, timed out) is counted under its exception's name beside the statuses: nothing is tried again.
"""

import threading
import time
from collections import Counter
from contextlib import closing
from http.client import HTTPException
from types import TracebackType
from typing import Final, Self

from tests.support.clients import Connection, Tls

PAUSE_SECONDS: Final = 0.002  # the machine is shared with what is measured


class Load:
    """Clients of one host on one port, for the duration of a `with` block."""

    def __init__(self, port: int, host: str, path: str = "/", *, kept: int = 2, fresh: int = 1, tls: Tls | None = None) -> None:
        self.answers: Counter[str] = Counter()
        self.backends: Counter[str] = Counter()
        self._target = (port, host, path, tls)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._keep, daemon=True) for _ in range(kept)]
        self._threads += [threading.Thread(target=self._renew, daemon=True) for _ in range(fresh)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(15)

    @property
    def total(self) -> int:
        """How many requests were answered or lost so far."""
        return sum(self.answers.values())

    def wait_for(self, more: int, seconds: float = 20) -> None:
        """Return when so many more requests have been answered or lost."""
        goal, deadline = self.total + more, time.monotonic() + seconds
        while self.total < goal:
            assert time.monotonic() < deadline, (
                f"only {self.total - goal + more} of {more} requests in {seconds} s: {self.answers}"
            )
            time.sleep(0.01)

    def _keep(self) -> None:
        port, _, _, tls = self._target
        with closing(Connection(port, tls)) as connection:
            while not self._stop.is_set():
                self._once(connection)

    def _renew(self) -> None:
        port, _, _, tls = self._target
        while not self._stop.is_set():
            with closing(Connection(port, tls)) as connection:
                self._once(connection)

    def _once(self, connection: Connection) -> None:
        _, host, path, _ = self._target
        try:
            answer = connection.ask(host, path)
            outcome, backend = str(answer.status), answer.headers.get("x-backend", "")
        except (OSError, HTTPException) as error:
            outcome, backend = f"lost: {type(error).__name__}", ""
            connection.close()
        with self._lock:
            self.answers[outcome] += 1
            self.backends[backend] += 1
        time.sleep(PAUSE_SECONDS)
