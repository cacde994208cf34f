"""Requests to the API server: one at a time, or a stream that goes on.

Every request goes out with the credentials of the moment; a 401 renews them, once. What the server refuses is an answer; only a
server that does not answer at all is an exception, `Unreachable`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from gatewright import __version__
from gatewright.apiserver import JSON, OK, UNAUTHORISED, Answer, Stream
from gatewright.sources.kube.credentials import Access, Credentials, Unconfigured

REQUEST_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 5.0
READ_BYTES: Final = 1 << 20
CLOSING_SECONDS: Final = 0.1  # in which TLS connections that were ended, or never quite begun, let go of their sockets


class Unreachable(ConnectionError):  # noqa: N818 - says what is so
    """The API server did not answer, or stopped to; the message says how."""


class Client:
    """The API server, for as long as this is entered."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60, ttl_dns_cache=30)
        headers = {"User-Agent": f"gatewright/{__version__}"}
        self._session = aiohttp.ClientSession(connector=connector, headers=headers, read_bufsize=READ_BYTES)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
            await asyncio.sleep(CLOSING_SECONDS)

    async def namespace(self) -> str:
        """The namespace of our Pod, or of the kubeconfig's context. Raises: Unconfigured."""
        return (await self._credentials.access()).namespace

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Answer:
        """Ask, and return what was answered. Raises: Unreachable."""
        headers = {"Accept": accept, "Content-Type": content_type}
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
        async with self._response(method, path, headers, timeout, params=query, data=body) as response:
            return await _answer(response)

    @contextlib.asynccontextmanager
    async def stream(self, path: str, query: Mapping[str, str], *, silence: float, accept: str = JSON) -> AsyncIterator[Stream]:
        """Ask for a response that goes on; nothing for `silence` seconds is no answer. Raises: Unreachable."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)
        async with self._response("GET", path, {"Accept": accept}, timeout, params=query) as response:
            answer = await _answer(response) if response.status != OK else Answer(response.status, b"")
            try:
                yield Stream(answer, response.content.iter_any())
            finally:
                _abort(response)

    @contextlib.asynccontextmanager
    async def _response(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own, with more than one limit
        **content: Any,  # noqa: ANN401 - as aiohttp takes it
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            access = await self._credentials.access()
            response = await self._send(access, method, path, headers, timeout, content)
            if response.status == UNAUTHORISED:
                response.release()
                access = await self._credentials.access(refused=access)
                response = await self._send(access, method, path, headers, timeout, content)
            async with response:
                yield response
        except (TimeoutError, aiohttp.ClientError, OSError, Unconfigured) as error:
            raise Unreachable(f"{type(error).__name__}: {error}".rstrip(": ")) from error

    async def _send(
        self,
        access: Access,
        method: str,
        path: str,
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as above
        content: Mapping[str, Any],
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError("the client is not entered")
        return await self._session.request(
            method,
            access.url + path,
            headers={**headers, **access.headers},
            timeout=timeout,
            ssl=access.tls,
            server_hostname=access.server_name,
            proxy=access.proxy,
            allow_redirects=False,
            **content,
        )


def _abort(response: aiohttp.ClientResponse) -> None:
    """End a response that is not over: to close its TLS properly would take the server's attention for half a minute."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    body = await response.read()
    try:
        retry_after = float(response.headers.get("Retry-After", 0))
    except ValueError:  # a date, which API servers do not send
        retry_after = 1.0
    return Answer(response.status, body, retry_after)
