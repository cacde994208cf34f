"""A backend to point routes at: it answers every request with what it was asked, as JSON.

The quickstart starts one; `python -m gatewright.demo --port 3001 --name second` starts another, to split traffic or to see which
backend a rule chose. Method, path, host, headers and body size come back as the backend saw them, so a rewrite or a header
modifier shows in the answer. With `--certificate` it speaks TLS, and with `--clients` it wants a certificate, and tells whose it
was. It listens on loopback only and is no part of the control plane.
"""

from __future__ import annotations

import argparse
import json
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOPBACK = "127.0.0.1"


class Echo(BaseHTTPRequestHandler):
    """Answers the usual methods on any path with 200 and a description of the request."""

    protocol_version = "HTTP/1.1"  # keep-alive, as Envoy expects of an upstream
    disable_nagle_algorithm = True
    timeout = 75  # seconds a silent connection is kept, in the base class's sense
    server: Backend

    def answer(self) -> None:
        """Describe the request; the body is read, so that the connection can be used again."""
        received = self.read_body()
        description = {
            "backend": self.server.name,
            "method": self.command,
            "path": self.path,
            "host": self.headers.get("Host", ""),
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body_bytes": received,
        }
        if isinstance(self.connection, ssl.SSLSocket):
            description["client"] = _common_name(self.connection)
        body = json.dumps(description, indent=1).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def read_body(self) -> int:
        """Read the request's body, of known length or chunked, and tell how many bytes it had."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self.read_chunks()
        return len(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def read_chunks(self) -> int:
        """Read a chunked body (RFC 9112, 7.1) and its trailers."""
        total = 0
        while size := int(self.rfile.readline().split(b";")[0], 16):
            total += len(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return total

    def log_message(self, *_: object) -> None:
        """Stay quiet: the terminal belongs to the gateway."""


def _common_name(connection: ssl.SSLSocket) -> str:
    """The name in the certificate that a client has shown; empty without one."""
    shown = connection.getpeercert() or {}
    return ", ".join(pair[1] for part in shown.get("subject", ()) for pair in part if pair[0] == "commonName")


for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(Echo, f"do_{method}", Echo.answer)  # the names that the base class looks up


class Backend(ThreadingHTTPServer):
    """The listening server; `name` tells several of them apart.

    Raises:
        OSError: when the port cannot be bound.

    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, name: str = "demo", tls: ssl.SSLContext | None = None) -> None:
        super().__init__((LOOPBACK, port), Echo)
        self.name = name
        if tls is not None:  # the handshake is the business of the connection's own thread, which reads first
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet about clients that break off or cannot shake hands."""
        del request, client_address


def _tls(certificate: str, clients: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 1 when the port cannot be bound."""
    parser = argparse.ArgumentParser("python -m gatewright.demo", description="Answers every request with what it was asked.")
    parser.add_argument("--port", type=int, default=3000, help="port on 127.0.0.1 (default 3000)")
    parser.add_argument("--name", default="demo", help="what the answers call this backend (default demo)")
    parser.add_argument("--certificate", metavar="FILE", help="speak TLS with the certificate and key of this PEM file")
    parser.add_argument("--clients", metavar="FILE", help="ask clients for a certificate that one in this PEM file has signed")
    options = parser.parse_args(arguments)
    try:
        tls = _tls(options.certificate, options.clients) if options.certificate else None
    except OSError as error:  # ssl.SSLError is one
        parser.exit(1, f"{options.certificate}, {options.clients}: {error}\n")
    try:
        backend = Backend(options.port, options.name, tls)
    except OSError as error:
        parser.exit(1, f"{LOOPBACK}:{options.port} cannot be bound: {error.strerror}\n")
    with backend:
        try:
            backend.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
