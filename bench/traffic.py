"""Clients of every protocol, asking without pause, and nothing tried again.

Each client is one thread with one connection (HTTP/1.1 has one more that connects anew for every request). What it gets is
counted by outcome, and what it got of a backend that had been replaced before it asked is counted as stale.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPException
from typing import Any, Final, NamedTuple, Self

import grpc
import httpx

from tests.support.clients import Connection, Tls
from tests.support.ports import LOOPBACK
from tests.support.streams import stream

PAUSE_SECONDS: Final = 0.0005
GRPC_METHOD: Final = "/bench.Echo/Name"
GOOD: Final = "answered"

Ask = Callable[[], str]
"""One request: returns the name of the backend that answered; anything else is raised."""


class Wrong(Exception):  # noqa: N818 - an answer, not an error of ours
    """An answer that is not a backend's."""


class Target(NamedTuple):
    """What a client asks for: a protocol, a port and a host."""

    protocol: str
    port: int
    host: str


class Traffic:
    """Clients of several targets for the duration of a `with` block."""

    def __init__(self, targets: list[Target]) -> None:
        self.outcomes: dict[Target, Counter[str]] = {target: Counter() for target in targets}
        self.expected: Mapping[str, str] = {}
        """The backend by host, while nothing else may answer; a request during which this is replaced is not judged by it."""

        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(target,), daemon=True) for target in targets]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(15)

    @property
    def total(self) -> int:
        """How many requests have been answered or lost."""
        return sum(sum(each.values()) for each in self.outcomes.values())

    def _ask(self, target: Target) -> None:
        with CLIENTS[target.protocol](target) as ask:
            while not self._stop.is_set():
                before = self.expected
                backend, lost = _outcome(ask)
                wanted = before.get(target.host, backend) if before is self.expected else backend
                self.outcomes[target][lost or (GOOD if backend == wanted else f"stale: {backend}")] += 1
                time.sleep(PAUSE_SECONDS)


def _outcome(ask: Ask) -> tuple[str, str]:
    """The backend that answered, or what became of the request."""
    try:
        return ask(), ""
    except Wrong as wrong:
        return "", str(wrong)
    except (OSError, HTTPException, httpx.HTTPError, grpc.RpcError) as error:
        code = error.code().name if isinstance(error, grpc.Call) else str(error)
        return "", f"lost: {type(error).__name__} {code}"[:80]


def _judged(status: int, backend: str) -> str:
    if status != httpx.codes.OK:
        raise Wrong(str(status))
    return backend


@contextmanager
def _kept(target: Target, tls: Tls | None = None) -> Iterator[Ask]:
    with closing(Connection(target.port, tls)) as connection:

        def ask() -> str:
            try:
                answer = connection.ask(target.host)
            except (OSError, HTTPException):
                connection.close()
                raise
            return _judged(answer.status, answer.headers.get("x-backend", ""))

        yield ask


@contextmanager
def _fresh(target: Target) -> Iterator[Ask]:
    def ask() -> str:
        with closing(Connection(target.port)) as connection:
            answer = connection.ask(target.host)
            return _judged(answer.status, answer.headers.get("x-backend", ""))

    yield ask


@contextmanager
def _tls(target: Target) -> Iterator[Ask]:
    with _kept(target, Tls(target.host)) as ask:
        yield ask


@contextmanager
def _http2(target: Target) -> Iterator[Ask]:
    with httpx.Client(http1=False, http2=True, timeout=10) as client:

        def ask() -> str:
            answer = client.get(f"http://{LOOPBACK}:{target.port}/", headers={"Host": target.host})
            return _judged(answer.status_code, answer.headers.get("x-backend", ""))

        yield ask


@contextmanager
def _grpc(target: Target) -> Iterator[Ask]:
    with grpc.insecure_channel(f"{LOOPBACK}:{target.port}", options=[("grpc.default_authority", target.host)]) as channel:
        call = channel.unary_unary(GRPC_METHOD, request_serializer=bytes, response_deserializer=bytes)

        def ask() -> str:
            _, answered = call.with_call(b"", timeout=10)
            return next(str(value) for name, value in answered.initial_metadata() if name == "x-backend")

        yield ask


@contextmanager
def _tcp(target: Target) -> Iterator[Ask]:
    def ask() -> str:
        with stream(target.port) as opened:
            if not opened.backend:
                raise Wrong("lost: closed")
            return opened.backend

    yield ask


CLIENTS: Final[Mapping[str, Callable[[Target], Any]]] = {
    "HTTP/1.1 kept": _kept,
    "HTTP/1.1 fresh": _fresh,
    "HTTP/2": _http2,
    "TLS": _tls,
    "gRPC": _grpc,
    "TCP": _tcp,
}
