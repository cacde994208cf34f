"""The ADS server: delta xDS to every proxy, over gRPC on a Unix socket or, in a cluster, on a TCP port with TLS.

`publish` changes the desired state of proxies and wakes the streams it concerns; each stream's writer then sends what its
session says. Everything runs on one event loop, and all decisions are made in `session`: here are only the socket, the clock
and who is connected. A proxy is known by the cluster of its node, which Envoy gives in its first message only. It is served
once something was published for it, so that a control plane which has not read its world yet takes nothing away.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import grpc
import grpc.aio
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from gatewright.ads.frames import frame_response, parse_request
from gatewright.ads.messages import Counters, Delivery, Late, Progress, ResourceChange
from gatewright.ads.proxies import Link, Proxy
from gatewright.ads.subscription import Verdict
from gatewright.ads.warmup import Pace

SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_OPTIONS: Final = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0))
_KEEPALIVE: Final = (  # a Pod that is gone without a word is noticed; Envoy asks every 30 seconds or less, and may
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)
_LONGEST_PATH: Final = 107  # bytes; what Linux takes as the name of a Unix socket
_PACE: Final = Pace()

Writer: TypeAlias = grpc.aio.ServicerContext[DeltaDiscoveryRequest, bytes]
Authorise: TypeAlias = Callable[[Mapping[str, str | bytes], str, str], Awaitable[str]]
"""Why a caller with this metadata may not have the resources of this proxy, as this node; empty when it may."""


def _ignore(_: object) -> None:
    """Nobody wants to know."""


class AdsServer:
    """Serves every proxy its desired state. Use it from one event loop; batches are numbered upwards from 1.

    `on_delivery`, `on_progress` and `on_late` are called from the loop and must return soon.
    """

    def __init__(
        self,
        on_delivery: Callable[[Sequence[Delivery]], None],
        on_progress: Callable[[Progress], None],
        *,
        on_late: Callable[[Late], None] = _ignore,
        pace: Pace = _PACE,
    ) -> None:
        self._on_delivery = on_delivery
        self._on_progress = on_progress
        self._on_late = on_late
        self._pace = pace
        self._proxies: dict[str, Proxy] = {}
        self._progress: dict[str, Progress] = {}
        self._streams: dict[Link, _Stream] = {}
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._pushes: Counter[str] = Counter()
        self._verdicts: dict[Verdict, Counter[str]] = {verdict: Counter() for verdict in Verdict}
        self._lates = 0
        self._server: grpc.aio.Server | None = None
        self._authorise: Authorise | None = None

    @property
    def counters(self) -> Counters:
        """What has happened so far."""
        accepted, refused = self._verdicts[Verdict.ACCEPTED], self._verdicts[Verdict.REFUSED]
        return Counters(len(self._streams), dict(self._pushes), dict(accepted), dict(refused), self._lates)

    async def start(self, path: Path) -> None:
        """Listen on the Unix socket `path`, for this user only. Its folder is made if need be.

        Raises:
            OSError: the path is too long for a socket, its folder cannot be made, or somebody else's file is there.
        """
        if len(bytes(path)) > _LONGEST_PATH:
            raise OSError(f"{path}: a Unix socket's path has at most {_LONGEST_PATH} bytes")
        await asyncio.to_thread(path.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        server = self._new(_OPTIONS)
        try:
            server.add_insecure_port(f"unix:{path}")
        except RuntimeError as error:
            raise OSError(f"{path}: cannot listen: {error}") from error
        await asyncio.to_thread(path.chmod, 0o600)
        await server.start()
        self._server = server

    async def start_tls(self, host: str, port: int, credentials: grpc.ServerCredentials, authorise: Authorise) -> int:
        """Listen on a TCP port (0: any free one, which is returned) with TLS; `authorise` says who may have what.

        Raises:
            OSError: the port cannot be listened on.
        """
        server = self._new((*_OPTIONS, *_KEEPALIVE))
        try:
            bound = server.add_secure_port(f"{host}:{port}", credentials)
        except RuntimeError as error:
            raise OSError(f"{host}:{port}: cannot listen: {error}") from error
        self._authorise = authorise
        await server.start()
        self._server = server
        return bound

    def _new(self, options: Sequence[tuple[str, int]]) -> grpc.aio.Server:
        server = grpc.aio.server(options=options)
        handler = grpc.stream_stream_rpc_method_handler(self._serve, DeltaDiscoveryRequest.FromString, bytes)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"DeltaAggregatedResources": handler}),))
        return server

    async def stop(self, grace: float = 1.0) -> None:
        """End all streams and stop listening; calls that do not end within `grace` seconds are cut."""
        server, self._server = self._server, None
        for stream in self._streams.values():
            stream.closed.set()
        if server is not None:
            await server.stop(grace)

    def publish(self, settled: int, changes: Iterable[ResourceChange], proxies: Iterable[str] = ()) -> None:
        """Desire `changes` from batch `settled` on. Takes effect on the proxies as soon as the loop runs.

        `proxies` are served from now on even if nothing was ever published for them: an Envoy without an answer does not start.
        """
        now = asyncio.get_running_loop().time()
        by_proxy: defaultdict[str, list[ResourceChange]] = defaultdict(list)
        for change in changes:
            by_proxy[change.proxy].append(change)
        served = by_proxy.keys() | set(proxies)
        for name in served:
            self._proxy(name)
        for name, proxy in self._proxies.items():
            if name in served or proxy.published is not None:
                proxy.publish(settled, by_proxy.get(name, ()), now)
        for stream in self._streams.values():
            stream.wake.set()

    def retry(self, about: Collection[str]) -> None:
        """Try listeners again that proxies refused with any of these words."""
        for link, stream in self._streams.items():
            if link.session is not None:
                link.session.retry(about)
                stream.wake.set()

    def forget(self, proxy: str) -> None:
        """Serve `proxy` nothing any more, and take nothing away from it."""
        forgotten = self._proxies.pop(proxy, None)
        self._progress.pop(proxy, None)
        for link in forgotten.links if forgotten is not None else ():
            self._streams[link].closed.set()

    async def wait(self, settled: int, timeout: float) -> bool:  # noqa: ASYNC109 - a wait that ends is an answer, not an error
        """Whether, within `timeout` seconds, all connected proxies have confirmed or refused everything up to batch `settled`."""
        if self._reached(settled):
            return True
        moved = asyncio.get_running_loop().create_future()
        entry = (settled, moved)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(timeout):
                await moved
        except TimeoutError:
            return False
        finally:
            self._waiting.remove(entry)
        return True

    def _proxy(self, name: str) -> Proxy:
        proxy = self._proxies.get(name)
        if proxy is None:
            proxy = self._proxies[name] = Proxy(name, self._pace)
        return proxy

    def _reached(self, settled: int) -> bool:
        sessions = [link.session for link in self._streams]
        return all(session.settled >= settled for session in sessions if session is not None)

    async def _serve(self, requests: AsyncIterator[DeltaDiscoveryRequest], writer: Writer) -> None:
        """One stream, from its first request to its end."""
        first = await anext(requests, None)
        if first is None or self._server is None:
            return
        if not first.node.cluster:
            await writer.abort(grpc.StatusCode.INVALID_ARGUMENT, "the first request has no node.cluster")
        metadata = {str(key): value for key, value in writer.invocation_metadata() or ()}
        if self._authorise and (refusal := await self._authorise(metadata, first.node.cluster, first.node.id)):
            await writer.abort(grpc.StatusCode.PERMISSION_DENIED, refusal)
        proxy = self._proxy(first.node.cluster)
        stream = _Stream(proxy.connect(asyncio.get_running_loop().time()))
        self._streams[stream.link] = stream
        try:
            self._receive(stream, first)
            await self._converse(stream, requests, writer)
        finally:
            del self._streams[stream.link]
            self._tell(proxy, proxy.disconnect(stream.link), ())

    async def _converse(self, stream: "_Stream", requests: AsyncIterator[DeltaDiscoveryRequest], writer: Writer) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._read(stream, requests)), group.create_task(self._write(stream, writer))]
            await stream.closed.wait()
            for task in tasks:
                task.cancel()

    async def _read(self, stream: "_Stream", requests: AsyncIterator[DeltaDiscoveryRequest]) -> None:
        async for message in requests:
            self._receive(stream, message)
        stream.closed.set()

    def _receive(self, stream: "_Stream", message: DeltaDiscoveryRequest) -> None:
        verdict = stream.link.receive(parse_request(message))
        self._verdicts[verdict][message.type_url] += 1
        stream.wake.set()

    async def _write(self, stream: "_Stream", writer: Writer) -> None:
        """Send what the session says, whenever something has changed or is overdue."""
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(stream.link.deadline(), loop.time() + 3600)):
                    await stream.wake.wait()
            stream.wake.clear()
            step = stream.link.advance(loop.time())
            self._tell(stream.link.proxy, stream.link.proxy.note(stream.link, step.deliveries), step.late)
            for response in step.responses:
                self._pushes[response.type_url] += 1
                await writer.write(frame_response(response))

    def _tell(self, proxy: Proxy, deliveries: Sequence[Delivery], late: Sequence[Late]) -> None:
        if deliveries:
            self._on_delivery(deliveries)
        for report in late:
            self._lates += 1
            self._on_late(report)
        progress = proxy.progress
        if self._proxies.get(proxy.name) is proxy and progress != self._progress.get(proxy.name):
            self._progress[proxy.name] = progress
            self._on_progress(progress)
        for settled, moved in self._waiting:
            if not moved.done() and self._reached(settled):
                moved.set_result(None)


class _Stream:
    """A link and what wakes its tasks."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.wake = asyncio.Event()
        self.closed = asyncio.Event()
