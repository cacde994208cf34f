"""Backends and clients of connections and datagrams, on loopback.

Every backend greets by its name: a stream backend as soon as it is connected, then it gives back what it gets; a datagram backend
in front of everything it gives back. With a certificate, a stream backend speaks TLS.
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

from tests.support.certificates import Certificate
from tests.support.ports import LOOPBACK

SECONDS: Final = 5.0


class StreamBackend:
    """A running backend of connections; to be used as `with`. `names` are the server names that clients asked for."""

    def __init__(self, name: str, certificate: Certificate | None = None, port: int = 0) -> None:
        self.name = name
        self.names: list[str | None] = []
        self._context = server_context(certificate) if certificate else None
        if self._context is not None:
            self._context.sni_callback = lambda _socket, asked, _context: self.names.append(asked)
        self._listening = socket.create_server((LOOPBACK, port), backlog=256)
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = self._listening.accept()
                threading.Thread(target=self._echo, args=(accepted,), daemon=True).start()

    def _echo(self, accepted: socket.socket) -> None:
        with suppress(OSError), accepted:
            stream = self._context.wrap_socket(accepted, server_side=True) if self._context else accepted
            with stream:
                stream.sendall(f"{self.name}\n".encode())
                while said := stream.recv(4096):
                    stream.sendall(said)


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """TLS as a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        chain, key = Path(folder) / "chain", Path(folder) / "key"
        chain.write_bytes(certificate.certificate)
        key.write_bytes(certificate.key)
        context.load_cert_chain(chain, key)
    return context


class DatagramBackend:
    """A running backend of datagrams; to be used as `with`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._socket.settimeout(0.05)
        self.port: int = self._socket.getsockname()[1]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._echo, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _echo(self) -> None:
        while not self._stop.is_set():
            with suppress(OSError):
                said, source = self._socket.recvfrom(4096)
                self._socket.sendto(f"{self.name} ".encode() + said, source)


class Stream:
    """A connection through Envoy: who greeted at its other end, what certificate it showed (DER), and what is said on it."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, server_name: str | None = None) -> None:
        self._socket = socket.create_connection((LOOPBACK, port), timeout=SECONDS)
        self.certificate = b""
        try:
            if tls is not None:
                secured = tls.wrap_socket(self._socket, server_hostname=server_name)
                self._socket, self.certificate = secured, secured.getpeercert(binary_form=True) or b""
            self.backend = self._line()
        except BaseException:
            self._socket.close()
            raise

    def _line(self) -> str:
        line = b""
        while not line.endswith(b"\n"):
            more = self._socket.recv(1)
            if not more:
                break
            line += more
        return line.decode().strip()

    def says(self, text: str) -> str:
        """Say a line, and hear what comes back."""
        self._socket.sendall(f"{text}\n".encode())
        return self._line()

    def close(self) -> None:
        """End it."""
        self._socket.close()


def reached(port: int, tls: ssl.SSLContext | None = None, server_name: str | None = None) -> str:
    """Open a connection: the backend that greets, or `closed` if it is closed, in whichever way."""
    try:
        with stream(port, tls, server_name) as opened:
            return opened.backend or "closed"
    except (ConnectionError, ssl.SSLError):
        return "closed"


@contextmanager
def stream(port: int, tls: ssl.SSLContext | None = None, server_name: str | None = None) -> Iterator[Stream]:
    """A connection for the duration of a block."""
    opened = Stream(port, tls, server_name)
    try:
        yield opened
    finally:
        opened.close()


class Datagrams:
    """A client of datagrams with a source port of its own, so a session of its own; to be used as `with`."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((LOOPBACK, port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def asked(self, text: str = "hello", seconds: float = 1.0) -> str:
        """Send a datagram: the backend that gives it back, or `dropped`."""
        self._socket.settimeout(seconds)
        try:
            self._socket.send(text.encode())
            answer = self._socket.recv(4096).decode()
        except OSError:
            return "dropped"
        backend, _, echo = answer.partition(" ")
        assert text == echo
        return backend


def datagram(port: int, seconds: float = 1.0) -> str:
    """Send one datagram from a port of its own: the backend that gives it back, or `dropped`."""
    with Datagrams(port) as client:
        return client.asked(seconds=seconds)
