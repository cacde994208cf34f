"""What most end-to-end tests stand on: one server with one Gateway, and three backends behind Services.

The Gateway `edge` has a listener `http` that takes routes from its own namespace. Services `one`, `two` and `three` (port 80)
have a backend of the same name each.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import Final

from tests.support.backends import Backend, http_backend
from tests.support.clients import Answer, Connection
from tests.support.objects import GATEWAY_CLASS, documents, gateway, route, service
from tests.support.ports import free_port
from tests.support.serving import Serving, serving

NAMES: Final = ("one", "two", "three")


class Edge:
    """A running server, the port of its Gateway, and its backends."""

    def __init__(self, server: Serving, port: int, backends: Mapping[str, Backend]) -> None:
        self.server = server
        self.port = port
        self.backends = backends

    def ask(
        self,
        host: str,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send one request to the listener `http`."""
        with closing(Connection(self.port)) as connection:
            return connection.ask(host, path, method=method, headers=headers, body=body)

    def chosen(self, host: str, path: str = "/", *, method: str = "GET", headers: Mapping[str, str] | None = None) -> str:
        """The backend that answers; else the status."""
        return self.ask(host, path, method=method, headers=headers).chosen


@contextmanager
def edge_with_backends() -> Iterator[Edge]:
    """Start it all; it is gone at the end of the block."""
    with ExitStack() as stack:
        backends = {name: stack.enter_context(http_backend(name)) for name in NAMES}
        server = stack.enter_context(serving())
        port = free_port()
        server.put(
            "edge",
            GATEWAY_CLASS,
            gateway("edge", f"- {{name: http, protocol: HTTP, port: {port}}}"),
            route("base", "- backendRefs: [{name: one, port: 80}]"),
            documents(*(service(name, backend.port) for name, backend in backends.items())),
        )
        server.start()
        yield Edge(server, port, backends)
