"""The HTTP side of the console: statuses, problems, proxies, metrics and health, read only.

One table of routes in three groups; each listening address serves some of the groups, the Unix socket serves all. Long lists are
sent in pieces, so that ten thousand statuses do not hold up the event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from itertools import islice
from socket import socket
from typing import Any, Final, Literal

import msgspec
from aiohttp import web

from gatewright import log
from gatewright.console import guard, kinds
from gatewright.console.listening import bind, bind_unix
from gatewright.console.source import About, ConsoleSource, StatusView
from gatewright.metrics import CONTENT_TYPE, Metrics
from gatewright.settings import ListenAddress, Settings

Group = Literal["admin", "metrics", "health"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

EVERYTHING: Final[tuple[Group, ...]] = ("admin", "metrics", "health")
PIECE: Final = 500  # list items in one write: about 1 ms of encoding
GRACE_SECONDS: Final = 0.2  # requests in flight get this long when the server stops

_log = log.logger(__name__)
_encoder = msgspec.json.Encoder()


class Console:
    """The console's answers over one source."""

    def __init__(self, source: ConsoleSource, metrics: Metrics, about: About) -> None:
        self._source = source
        self._metrics = metrics
        self._about = about

    def routes(self, groups: Sequence[Group]) -> list[web.RouteDef]:
        """The routes of the given groups."""
        table: dict[Group, dict[str, Handler]] = {
            "admin": {
                "/api/about": self.about,
                "/api/status": self.status,
                "/api/status/watch": self.watch,
                "/api/problems": self.problems,
                "/api/proxies": self.proxies,
                "/api/readiness": self.readiness,
                "/api/reports/{name}": self.report,
            },
            "metrics": {"/metrics": self.metrics},
            "health": {"/healthz": self.healthz, "/readyz": self.readyz},
        }
        return [web.get(path, handler) for group in groups for path, handler in table[group].items()]

    async def about(self, _request: web.Request) -> web.StreamResponse:
        """Which server this is."""
        return json_response(self._about)

    async def status(self, request: web.Request) -> web.StreamResponse:
        """The statuses that `kind`, `namespace` and `name` select, as a list."""
        wanted = selector(request)
        return await json_list(request, (view for view in self._source.statuses() if wanted(view)))

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """The same as a stream of events, one JSON object a line, without end."""
        wanted = selector(request)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        sent = 0
        async with aclosing(self._source.watch()) as events:
            async for event in events:
                if wanted(event.object):
                    await response.write(_encoder.encode(event) + b"\n")
                    sent += 1
                    await asyncio.sleep(0) if sent % PIECE == 0 else None
        return response

    async def problems(self, request: web.Request) -> web.StreamResponse:
        """Every document that was not taken, and why."""
        return await json_list(request, self._source.problems())

    async def proxies(self, request: web.Request) -> web.StreamResponse:
        """Every proxy, and how far it is."""
        return await json_list(request, self._source.proxies())

    async def report(self, request: web.Request) -> web.StreamResponse:
        """A report of this name about what the query says.

        Raises: web.HTTPNotFound when there is none, or a word is missing.
        """
        try:
            return json_response(self._source.report(request.match_info["name"], request.query))
        except LookupError as error:
            raise web.HTTPNotFound(text=f"no report: {error}\n") from error

    async def readiness(self, _request: web.Request) -> web.StreamResponse:
        """Whether the server does all that it is asked for, always with 200."""
        return json_response(self._source.ready())

    async def metrics(self, _request: web.Request) -> web.StreamResponse:
        """All metrics in Prometheus' text format; readiness is asked for now, not remembered."""
        self._metrics.ready(ready=self._source.ready().ready)
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    async def healthz(self, _request: web.Request) -> web.StreamResponse:
        """200 while the event loop turns."""
        return web.Response(text="ok\n")

    async def readyz(self, _request: web.Request) -> web.StreamResponse:
        """200 once all that is asked for is done, else 503 with the reasons, one a line."""
        readiness = self._source.ready()
        lines = ("ok",) if readiness.ready else readiness.reasons
        return web.Response(text="".join(f"{line}\n" for line in lines), status=200 if readiness.ready else 503)


@asynccontextmanager
async def serving(
    settings: Settings, source: ConsoleSource, metrics: Metrics, about: About
) -> AsyncIterator[dict[str, ListenAddress]]:
    """Serve the console for the duration of the block; yields where each group really listens (a busy default port gives way).

    Raises: AddressError when an address that was asked for cannot be listened on.
    """
    console = Console(source, metrics, about)
    wanted: dict[Group, ListenAddress | None] = {
        "admin": settings.admin_address,
        "metrics": settings.metrics_address,
        "health": settings.health_address,
    }
    listening: dict[str, ListenAddress] = {}
    async with AsyncExitStack() as stack:
        unix = bind_unix(settings.admin_socket, settings.state_dir)
        await stack.enter_async_context(_site(console, EVERYTHING, unix, None))
        stack.callback(settings.admin_socket.unlink, missing_ok=True)
        for group, address in wanted.items():
            if address is not None:
                bound, listening[group] = bind(address, group)
                await stack.enter_async_context(_site(console, (group,), bound, listening[group]))
        _log.info("console listens", socket=str(settings.admin_socket), **{name: str(at) for name, at in listening.items()})
        yield listening


@asynccontextmanager
async def _site(console: Console, groups: Sequence[Group], bound: socket, address: ListenAddress | None) -> AsyncIterator[None]:
    application = web.Application(middlewares=[_guarded(address)] if address else [])
    application.add_routes(console.routes(groups))
    # Cancelling a handler whose client has gone is what ends a watch on which nothing happens.
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=GRACE_SECONDS)
    await runner.setup()
    try:
        await web.SockSite(runner, bound).start()
        yield
    finally:
        await runner.cleanup()


def _guarded(address: ListenAddress) -> Any:  # noqa: ANN401 - aiohttp's middleware type is private
    loopback_only = guard.is_loopback(address.host)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if refused := guard.objection(request.method, request.headers, loopback_only=loopback_only):
            status, why = refused
            return web.Response(text=f"{why}\n", status=status)
        return await handler(request)

    return check


def selector(request: web.Request) -> Callable[[StatusView], bool]:
    """What the query selects.

    Raises: web.HTTPNotFound with a JSON body when `kind` is no kind.
    """
    kind, namespace, name = (request.query.get(field, "") for field in ("kind", "namespace", "name"))
    resolved = kinds.resolve(kind) if kind else ""
    if resolved is None:
        refusal = {"message": f"no such kind: {kind}", "suggestions": kinds.suggestions(kind)}
        raise web.HTTPNotFound(text=_encoder.encode(refusal).decode(), content_type="application/json")

    def selected(view: StatusView) -> bool:
        return resolved in ("", view.kind) and namespace in ("", view.metadata.namespace) and name in ("", view.metadata.name)

    return selected


def json_response(value: object) -> web.Response:
    """`value` as JSON."""
    return web.Response(body=_encoder.encode(value), content_type="application/json")


async def json_list(request: web.Request, items: Iterable[object]) -> web.StreamResponse:
    """`items` as a JSON list, written in pieces between which the event loop turns."""
    snapshot = iter(list(items))
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    separator = b"["
    while piece := list(islice(snapshot, PIECE)):
        await response.write(separator + _encoder.encode(piece)[1:-1])
        await asyncio.sleep(0)
        separator = b","
    await response.write(b"]" if separator == b"," else b"[]")
    return response
