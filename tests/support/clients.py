"""Requests to an Envoy on loopback, and their answers.

`ask` opens a connection for each request. The host is what the client says, not where it connects: a route's hostname needs no
name server. With `tls`, the host is also the server name (SNI) unless the context of the test says otherwise.
"""

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from tests.support.certificates import Certificate
from tests.support.ports import LOOPBACK
from tests.support.waiting import eventually


class Answer(NamedTuple):
    """A status, the headers by lower-case name (several of a name joined by commas), and a body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def seen(self) -> Mapping[str, Any]:
        """The request as the backend saw it."""
        read: Mapping[str, Any] = json.loads(self.body)
        return read

    @property
    def backend(self) -> str:
        """The name of the backend that answered; empty when none did."""
        return str(self.seen["backend"]) if self.headers.get("content-type") == "application/json" else ""

    @property
    def chosen(self) -> str:
        """The backend that answered; else the status."""
        return self.backend or str(self.status)


class Tls(NamedTuple):
    """How to speak TLS: `server_name` is the SNI (None sends none), `authority` the PEM of a certificate to trust.

    `identity` is the certificate that the client shows when it is asked for one.
    """

    server_name: str | None
    authority: bytes | None = None
    identity: Certificate | None = None

    def context(self) -> ssl.SSLContext:
        """What the ssl module needs; without an authority, any certificate will do."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.authority is None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context.load_verify_locations(cadata=self.authority.decode())
        if self.identity is not None:
            with self.identity.files() as path:
                context.load_cert_chain(path)
        return context


class Connection(http.client.HTTPConnection):
    """A connection to a port of loopback, with TLS or without."""

    def __init__(self, port: int, tls: Tls | None = None, timeout: float = 10) -> None:
        super().__init__(LOOPBACK, port, timeout=timeout)
        self._tls = tls

    def connect(self) -> None:
        """Connect and, if asked for, shake hands."""
        super().connect()
        if self._tls is not None:
            self.sock = self._tls.context().wrap_socket(self.sock, server_hostname=self._tls.server_name)

    def ask(
        self,
        host: str,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send one request and read its answer."""
        self.request(method, path, body, {"Host": host, **(headers or {})})
        response = self.getresponse()
        content = response.read()
        found: dict[str, str] = {}
        for name, value in response.getheaders():
            found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
        return Answer(response.status, found, content)


def ask(
    port: int,
    host: str,
    path: str = "/",
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    tls: Tls | None = None,
) -> Answer:
    """Send one request on a connection of its own."""
    with closing(Connection(port, tls)) as connection:
        return connection.ask(host, path, method=method, headers=headers)


def answers(question: Callable[[], Answer], status: int, seconds: float = 10) -> Answer:
    """Ask until the answer has `status` (a refused connection is no answer); fails after `seconds` with the last one."""

    def asked() -> Answer | str:
        try:
            return question()
        except OSError as error:
            return f"{type(error).__name__}: {error}"

    last = eventually(asked, lambda answer: isinstance(answer, Answer) and answer.status == status, seconds)
    assert isinstance(last, Answer)
    return last


def served_certificate(port: int, server_name: str | None) -> bytes:
    """The certificate (DER) that a listener shows for a server name.

    Raises OSError when there is none for it.
    """
    tls = Tls(server_name)
    with (
        socket.create_connection((LOOPBACK, port), timeout=5) as plain,
        tls.context().wrap_socket(plain, server_hostname=server_name) as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
        assert shown is not None
        return shown
