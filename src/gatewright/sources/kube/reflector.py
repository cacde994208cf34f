"""The edge of a mirror: asks the API server what the mirror wants to know, and tells it what came back.

A watch is ended by us when nothing has come for longer than bookmarks take, for a server (or a network) that is gone does not
say so.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from random import random
from typing import Final

from gatewright.sources.kube.client import Client, Unreachable
from gatewright.sources.kube.mirror import List, Mirror, Watch
from gatewright.sources.kube.wire import Failure, failure

SILENCE: Final = 100.0  # seconds; API servers send a bookmark each minute or so
SHORTEST_WATCH: Final = 300  # seconds; up to twice as long, so that watches do not all end together
OK: Final = 200


class Accept:
    """How objects are to be sent."""

    WHOLE: Final = ("application/json", "application/json")
    METADATA: Final = (
        "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
        "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    )


class Reflector:
    """Keeps one mirror going."""

    def __init__(
        self, client: Client, path: str, mirror: Mirror, told: Callable[[], None], accept: tuple[str, str] = Accept.WHOLE
    ) -> None:
        """Follow the list at `path`; `told` is called after the mirror was told something."""
        self.mirror = mirror
        self._client = client
        self._path = path
        self._told = told
        self._accept_list, self._accept_watch = accept

    async def run(self) -> None:
        """List and watch, until cancelled."""
        while True:
            request = self.mirror.request()
            try:
                await (self._list(request) if isinstance(request, List) else self._watch(request))
            except Unreachable as problem:
                self.mirror.failed(Failure(0, "", str(problem)))
            self._told()
            if pause := self.mirror.pause():
                await asyncio.sleep(pause)

    async def _list(self, request: List) -> None:
        query = page_query(request)
        answer = await self._client.request("GET", self._path, query=query, accept=self._accept_list)
        if answer.status == OK:
            self.mirror.page(answer.body)
        else:
            self.mirror.failed(failure(answer.status, answer.body), answer.retry_after)

    async def _watch(self, request: Watch) -> None:
        query = {
            "watch": "1",
            "resourceVersion": request.resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(SHORTEST_WATCH * (1 + random()))),  # noqa: S311 - spreads load, guards nothing
        }
        began = time.monotonic()
        async with self._client.stream(self._path, query, silence=SILENCE, accept=self._accept_watch) as stream:
            if stream.answer.status != OK:
                self.mirror.failed(failure(stream.answer.status, stream.answer.body), stream.answer.retry_after)
                return
            self.mirror.opened()
            async for piece in stream.pieces:
                useful = self.mirror.piece(piece)
                self._told()
                if not useful:
                    return
        self.mirror.ended(time.monotonic() - began)


def page_query(request: List) -> Mapping[str, str]:
    """The query of one page. There is no resourceVersion in it: the list is how things are now, not how a cache has them."""
    return {"limit": str(request.limit)} | ({"continue": request.continue_} if request.continue_ else {})
