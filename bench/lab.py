"""A server with very many routes, and the clocks around it.

`Lab` is `gatewright serve` on a folder of N HTTPRoutes to one backend: each on a host of its own, or all on one host and each on
a path of its own. It says how long a change took to be served, and what it cost in processor time.
"""

import json
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from tests.support.backends import Backend, http_backend
from tests.support.clients import Connection
from tests.support.objects import GATEWAY_CLASS, documents, gateway, route, service
from tests.support.ports import free_port
from tests.support.processes import process
from tests.support.serving import Serving, UnixConnection, serving

PER_FILE: Final = 100
POLL_SECONDS: Final = 0.001
PATIENCE_SECONDS: Final = 30.0
SETTLE_SECONDS: Final = 1.0
OK: Final = 200
NOT_FOUND: Final = 404
FORWARD: Final = "- {{matches: [{{path: {{value: {path}}}}}], backendRefs: [{{name: {backend}, port: 80}}]}}"
_MIB: Final = 1 << 20


class Spread(NamedTuple):
    """What repeated measurements say, in their unit."""

    median: float
    p90: float
    max: float
    runs: int


def spread(values: Sequence[float]) -> Spread:
    """Sum up measurements."""
    ordered = sorted(values)
    return Spread(statistics.median(ordered), ordered[int(len(ordered) * 0.9) - 1], ordered[-1], len(ordered))


class Usage(NamedTuple):
    """Processor seconds so far, and memory in MiB now."""

    seconds: float
    mebibytes: float


def usage(pid: int) -> Usage:
    """What a process has used."""
    found = process(pid)
    return Usage(found.seconds, found.resident / _MIB)


class Site(NamedTuple):
    """Where a route is served."""

    host: str
    path: str


class Lab:
    """A running server with routes r0, r1, …; probes come on top."""

    def __init__(
        self, server: Serving, port: int, backends: Mapping[str, Backend], *, one_host: bool, rule: str = FORWARD
    ) -> None:
        self.server = server
        self.port = port
        self.backends = backends
        self._one_host = one_host
        self._rule = rule

    def site(self, name: str) -> Site:
        """Where the route `name` is served."""
        return Site("one.test", f"/{name}") if self._one_host else Site(f"{name}.test", "/")

    def route(self, name: str, backend: str = "one") -> str:
        """The HTTPRoute `name`."""
        site = self.site(name)
        return route(name, self._rule.format(path=site.path, backend=backend), hostnames=[site.host])

    def put_routes(self, count: int) -> None:
        """Write the files of routes r0 … r<count-1>."""
        for first in range(0, count, PER_FILE):
            texts = (self.route(f"r{n}") for n in range(first, min(first + PER_FILE, count)))
            self.server.put(f"routes-{first:06d}", *texts)

    def wait(self, name: str, started: float) -> tuple[float, int]:
        """Milliseconds from `started` until `name` is answered, and the wrong answers meanwhile."""
        return answered(self.port, self.site(name), started)

    @property
    def control_plane(self) -> int:
        """The pid of the control plane."""
        assert self.server.process is not None
        return self.server.process.pid

    @property
    def envoy(self) -> int:
        """The pid of Envoy."""
        (pid,) = self.server.envoys()
        return pid

    def envoy_says(self, path: str) -> str:
        """Ask Envoy's admin interface."""
        (at,) = self.server.state.rglob("*.admin.sock")
        with closing(UnixConnection(at)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()


def answered(port: int, site: Site, started: float) -> tuple[float, int]:
    """Milliseconds from `started` until a site is answered with 200, and the answers meanwhile that were not 404 either."""
    wrong = 0
    with closing(Connection(port)) as connection:
        while (now := time.perf_counter()) < started + PATIENCE_SECONDS:
            try:
                answer = connection.ask(site.host, site.path)
            except (OSError, HTTPException):
                answer = None
                connection.close()
            if answer is not None and answer.status == OK:
                return (time.perf_counter() - started) * 1e3, wrong
            wrong += answer is not None and answer.status != NOT_FOUND
            time.sleep(POLL_SECONDS if answer else 10 * POLL_SECONDS)
    raise TimeoutError(f"{site} was not answered with {OK} in {now - started:.0f} s")


@contextmanager
def lab(count: int, *, one_host: bool = False, start: bool = True, rule: str = FORWARD) -> Iterator[Lab]:
    """A server with `count` routes that are served; gone at the end of the block."""
    with ExitStack() as stack:
        backends = {name: stack.enter_context(http_backend(name)) for name in ("one", "two")}
        server = stack.enter_context(serving())
        made = Lab(server, free_port(), backends, one_host=one_host, rule=rule)
        services = documents(*(service(name, backend.port) for name, backend in backends.items()))
        listener = f"- {{name: http, protocol: HTTP, port: {made.port}}}"
        server.put("00-base", GATEWAY_CLASS, gateway("edge", listener), services)
        made.put_routes(count)
        if start:
            server.start(seconds=120)
            time.sleep(SETTLE_SECONDS)
        yield made


def show(title: str, rows: Sequence[Mapping[str, Any]], output: Path | None) -> None:
    """Print rows as a table, and write them as JSON."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=160).print(table)
    if output is not None:
        output.write_text(json.dumps({"title": title, "rows": list(rows)}, indent=1) + "\n")


def numbers(text: str) -> Iterable[int]:
    """Numbers that are written with commas between them."""
    return [int(number) for number in text.split(",")]
