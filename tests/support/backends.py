"""Backends that say what they were asked, over HTTP/1.1 (in TLS, if wanted) and HTTP/2 without TLS, on free ports of loopback.

Both answer with JSON: who they are, and the request as it reached them. `/slow/1.5` takes that many seconds, and of
`/fails/2/503/any` (HTTP/1.1 only) the first two requests fail: with that status, or `cut` off, or `late` by half a second;
everything else answers at once. What arrived is kept in `seen`, for requests whose answers nobody gets (mirrors, failed tries).
"""

import json
import socket
import socketserver
import ssl
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import h2.config
import h2.connection
import h2.events

from tests.support.certificates import Certificate, names
from tests.support.ports import LOOPBACK


class Seen(NamedTuple):
    """A request as a backend saw it."""

    method: str
    path: str
    host: str
    headers: dict[str, str]
    protocol: str = "HTTP/1.1"
    server_name: str = ""  # that TLS was asked for
    client: str = ""  # the common name of the certificate that was shown


class Backend:
    """A running backend; to be used as `with`."""

    def __init__(self, name: str, server: socketserver.TCPServer) -> None:
        self.name = name
        self.port: int = server.server_address[1]
        self.seen: list[Seen] = []
        self.connections = 0  # of HTTP/1.1
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, seen: Seen) -> bytes:
        """Note a request and describe it; waits if its path says so."""
        self.seen.append(seen)
        _, _, seconds = seen.path.partition("/slow/")
        if seconds:
            time.sleep(float(seconds))
        return json.dumps({"backend": self.name, **seen._asdict()}).encode()

    def failure(self, path: str) -> str:
        """How the request just seen is to fail; empty when it is not."""
        _, _, asked = path.partition("/fails/")
        times, _, how = asked.partition("/")
        failing = bool(asked) and sum(seen.path == path for seen in self.seen) <= int(times)
        return how.partition("/")[0] if failing else ""


_LATE: Final = 0.5


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base class's
        """Stay quiet: clients of these tests break off."""


class ServerTls(NamedTuple):
    """How a backend speaks TLS: the certificate that it shows, and whose its clients need (None: they need none)."""

    certificate: Certificate
    clients: Certificate | None = None

    def context(self) -> ssl.SSLContext:
        """What the ssl module needs; it notes the server name that is asked for on each connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with self.certificate.files() as path:
            context.load_cert_chain(path)
        if self.clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.clients.certificate.decode())
        context.sni_callback = _note_name
        return context


def _note_name(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    connection.asked_for = name or ""  # type: ignore[union-attr]  # it is a plain object, to which this may be added


def _peer(connection: socket.socket) -> tuple[str, str]:
    """The server name that a client asked for, and the common name of its certificate."""
    if not isinstance(connection, ssl.SSLSocket):
        return "", ""
    shown = connection.getpeercert(binary_form=True)
    return getattr(connection, "asked_for", ""), names(shown)[0] if shown else ""


def http_backend(name: str, tls: ServerTls | None = None) -> Backend:
    """A backend that speaks HTTP/1.1, in TLS if told how."""
    context = tls.context() if tls else None

    class Echo(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            backend.connections += 1
            if context is not None:
                self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            if context is not None:
                self.request.close()

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {header.lower(): ", ".join(self.headers.get_all(header, ())) for header in self.headers}
            asked = Seen(self.command, self.path, self.headers.get("Host", ""), headers, "HTTP/1.1", *_peer(self.request))
            body = backend.answer(asked)
            failure = backend.failure(self.path)
            if failure == "cut":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            if failure == "late":
                time.sleep(_LATE)
            self.send_response(int(failure) if failure.isdigit() else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Backend", name)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    backend = Backend(name, _Server((LOOPBACK, 0), Echo))
    return backend


def h2c_backend(name: str) -> Backend:
    """A backend that speaks HTTP/2 without TLS and nothing else."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            speaker = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
            speaker.initiate_connection()
            self.request.sendall(speaker.data_to_send())
            with suppress(ConnectionError):
                while received := self.request.recv(65536):
                    for event in speaker.receive_data(received):
                        if isinstance(event, h2.events.RequestReceived):
                            self.respond(speaker, event)
                    self.request.sendall(speaker.data_to_send())

        def respond(self, speaker: h2.connection.H2Connection, event: h2.events.RequestReceived) -> None:
            headers = {str(header): str(value) for header, value in event.headers or ()}
            seen = Seen(headers[":method"], headers[":path"], headers[":authority"], headers, "HTTP/2")
            speaker.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/json")])
            speaker.send_data(event.stream_id, backend.answer(seen), end_stream=True)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    backend = Backend(name, Server((LOOPBACK, 0), Connection))
    return backend
