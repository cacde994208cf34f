"""Calls of gRPC, made and answered by the real library, without any schema: messages are bytes.

A backend answers every method of every service. The method's name says how: `Expand` streams the words of its message back,
`Collect` joins the messages that it is sent, `Chat` answers each as it comes, `Wait` waits so many seconds, `Fail` ends with
NOT_FOUND and a trailer; anything else repeats its message. The header and the trailer `x-backend` say who answered.
"""

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import grpc
import grpc.aio

from tests.support.certificates import Certificate
from tests.support.ports import LOOPBACK

Context = grpc.aio.ServicerContext[bytes, bytes]
Stream = Any  # a call on which messages come; the stubs have no name for one of bytes
Metadata = tuple[tuple[str, str], ...]
CALL_SECONDS: Final = 10


class Received(NamedTuple):
    """A call as a backend saw it; `seconds` is how long it may take (None: as long as it likes)."""

    method: str
    metadata: Mapping[str, str]
    seconds: float | None


class CallBackend:
    """A running backend, over TLS if it has a certificate; to be used as `with`."""

    def __init__(self, name: str, certificate: Certificate | None = None) -> None:
        self.name = name
        self._certificate = certificate
        self.port = 0
        self.received: list[Received] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: grpc.aio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(CALL_SECONDS)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(CALL_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((_Handlers(self),))
        address = f"{LOOPBACK}:0"
        if self._certificate is None:
            self.port = self._server.add_insecure_port(address)
        else:
            credentials = grpc.ssl_server_credentials([(self._certificate.key, self._certificate.certificate)])
            self.port = self._server.add_secure_port(address, credentials)
        await self._server.start()

    async def _stop(self) -> None:
        assert self._server is not None
        await self._server.stop(None)

    async def note(self, method: str, context: Context, wait: float = 0) -> None:
        """Remember a call, and, after so many seconds, say who answers it."""
        metadata: dict[str, str] = {}
        for header, value in context.invocation_metadata() or ():
            metadata[header] = f"{metadata[header]},{value!s}" if header in metadata else str(value)
        remaining = context.time_remaining()
        self.received.append(Received(method, metadata, remaining))
        context.set_trailing_metadata((("x-backend", self.name),))
        await asyncio.sleep(wait)
        await context.send_initial_metadata((("x-backend", self.name),))


class _Handlers(grpc.GenericRpcHandler):
    """What answers each method."""

    def __init__(self, backend: CallBackend) -> None:
        self._backend = backend

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        method = handler_call_details.method
        backend = self._backend

        async def expand(message: bytes, context: Context) -> AsyncIterator[bytes]:
            await backend.note(method, context)
            for word in message.split():
                yield word

        async def collect(messages: AsyncIterable[bytes], context: Context) -> bytes:
            await backend.note(method, context)
            return b" ".join([message async for message in messages])

        async def chat(messages: AsyncIterable[bytes], context: Context) -> AsyncIterator[bytes]:
            await backend.note(method, context)
            async for message in messages:
                yield message

        async def answer(message: bytes, context: Context) -> bytes:
            await backend.note(method, context, float(message) if method.endswith("/Wait") else 0)
            if method.endswith("/Fail"):
                await context.abort(grpc.StatusCode.NOT_FOUND, "there is none", (("x-backend", backend.name), ("x-why", "test")))
            return message

        return {
            "Expand": grpc.unary_stream_rpc_method_handler(expand),
            "Collect": grpc.stream_unary_rpc_method_handler(collect),
            "Chat": grpc.stream_stream_rpc_method_handler(chat),
        }.get(method.rpartition("/")[2]) or grpc.unary_unary_rpc_method_handler(answer)


class Outcome(NamedTuple):
    """How a call ended: its status, its messages, and its metadata before and after them."""

    code: grpc.StatusCode
    messages: tuple[bytes, ...]
    headers: Mapping[str, str]
    trailers: Mapping[str, str]
    details: str

    @property
    def backend(self) -> str:
        """Who answered; else the status."""
        return self.headers.get("x-backend") or self.code.name


class Caller:
    """A caller of one host on one port of loopback; with an `authority` (PEM), over TLS."""

    def __init__(self, port: int, host: str, authority: bytes | None = None) -> None:
        self._address = f"{LOOPBACK}:{port}"
        self._host = host
        self._authority = authority

    def channel(self) -> grpc.aio.Channel:
        """A channel of its own: no connection is shared with another."""
        options = [("grpc.default_authority", self._host), ("grpc.use_local_subchannel_pool", 1)]
        if self._authority is None:
            return grpc.aio.insecure_channel(self._address, options=options)
        credentials = grpc.ssl_channel_credentials(self._authority)
        options.append(("grpc.ssl_target_name_override", self._host))
        return grpc.aio.secure_channel(self._address, credentials, options=options)

    def call(self, method: str, *messages: bytes, metadata: Metadata = (), seconds: float = CALL_SECONDS) -> Outcome:
        """Make one call on a connection of its own; several messages, or none, are a stream."""
        return asyncio.run(self._call(method, messages, metadata, seconds))

    async def _call(self, method: str, messages: tuple[bytes, ...], metadata: Metadata, seconds: float) -> Outcome:
        async with self.channel() as channel:
            return await outcome_of(begun(channel, method, *messages, metadata=metadata, seconds=seconds))


def begun(
    channel: grpc.aio.Channel, method: str, *messages: bytes, metadata: Metadata = (), seconds: float = CALL_SECONDS
) -> Stream:
    """Begin a call on a channel; several messages, or none, are a stream."""
    untyped: Any = channel
    if len(messages) == 1:
        return untyped.unary_stream(method)(messages[0], metadata=metadata, timeout=seconds)
    return untyped.stream_stream(method)(iter(messages), metadata=metadata, timeout=seconds)


def chat(channel: grpc.aio.Channel, method: str) -> Stream:
    """Begin a call whose messages the test writes and reads one by one."""
    untyped: Any = channel
    return untyped.stream_stream(method)(timeout=3 * CALL_SECONDS)


async def outcome_of(call: Stream) -> Outcome:
    """Read a call to its end, whatever that is."""
    messages: list[bytes] = []
    with suppress(grpc.aio.AioRpcError):
        messages.extend([message async for message in call])
    headers, trailers = await call.initial_metadata(), await call.trailing_metadata()
    return Outcome(await call.code(), tuple(messages), _plain(headers), _plain(trailers), await call.details() or "")


def _plain(metadata: Iterable[tuple[str, Any]] | None) -> dict[str, str]:
    return {name: str(value) for name, value in metadata or ()}


class Calls:
    """Calls without pause on a few kept connections while something changes, every one of them counted by how it ended."""

    def __init__(self, caller: Caller, method: str, *, connections: int = 3) -> None:
        self.outcomes: dict[str, int] = {}
        self._caller = caller
        self._method = method
        self._connections = connections
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(15)

    @property
    def total(self) -> int:
        """How many calls have ended."""
        return sum(self.outcomes.values())

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._connections):
                tasks.create_task(self._keep())

    async def _keep(self) -> None:
        async with self._caller.channel() as channel:
            call: Callable[..., Awaitable[Any]] = channel.unary_unary(self._method)
            while not self._over.is_set():
                started: Any = call(b"hello", timeout=CALL_SECONDS)
                code = await started.code()
                self.outcomes[code.name] = self.outcomes.get(code.name, 0) + 1
                await asyncio.sleep(0.001)
