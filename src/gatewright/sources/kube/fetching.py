"""Fetching what is in demand: several names at a time, each again until it is answered.

What the server refuses to show (403) counts as answered, as if it were not there, and is asked for again later: one Secret that
we may not read must not hold up everything else.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from typing import Final, Generic, TypeVar

import msgspec

from gatewright.sources.kube.client import Client, Unreachable
from gatewright.sources.kube.demand import Demand
from gatewright.sources.kube.mirror import FIRST_PAUSE, FORBIDDEN, GONE, LONGEST_PAUSE, List
from gatewright.sources.kube.reflector import OK, page_query
from gatewright.sources.kube.wire import Failure, Page, failure, pages

CONCURRENT: Final = 16
FORBIDDEN_SECONDS: Final = 30.0
NEVER: Final = sys.maxsize

K = TypeVar("K", bound=Hashable)


class Refused(Exception):  # noqa: N818 - says what is so
    """The server refused a request."""

    def __init__(self, answer: Failure) -> None:
        super().__init__(str(answer))
        self.failure = answer


class Fetcher(Generic[K]):
    """Fetches what one demand asks for by `fetch`, which raises Refused or Unreachable.

    It is given one name at a time, or all that are due when they are more than `many`.
    """

    def __init__(
        self, demand: Demand[K], fetch: Callable[[tuple[K, ...]], Awaitable[None]], told: Callable[[], None], many: int = NEVER
    ) -> None:
        self.failure: Failure | None = None
        self._demand = demand
        self._fetch = fetch
        self._told = told
        self._many = many
        self._wake = asyncio.Event()
        self._places = asyncio.Semaphore(CONCURRENT)
        self._failures = 0

    def wake(self) -> None:
        """There may be something to fetch."""
        if self._demand.due:
            self._wake.set()

    async def run(self) -> None:
        """Fetch, until cancelled."""
        self.wake()
        async with asyncio.TaskGroup() as group:
            while True:
                await self._wake.wait()
                self._wake.clear()
                due = self._demand.take()
                for keys in (due,) if len(due) > self._many else ((key,) for key in due):
                    await self._places.acquire()
                    group.create_task(self._answer(keys))

    async def _answer(self, keys: tuple[K, ...]) -> None:
        try:
            await self._fetch(keys)
        except (Refused, Unreachable) as problem:
            self.failure = problem.failure if isinstance(problem, Refused) else Failure(0, "", str(problem))
            await self._again(keys)
        else:
            self.failure, self._failures = None, 0
            self._demand.answered(keys)
        finally:
            self._places.release()
        self._told()
        self.wake()

    async def _again(self, keys: tuple[K, ...]) -> None:
        if self.failure is not None and self.failure.code == FORBIDDEN:
            self._demand.answered(keys)
            asyncio.get_running_loop().call_later(FORBIDDEN_SECONDS, self._retry, keys)
            return
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        await asyncio.sleep(pause)
        self._demand.failed(keys)

    def _retry(self, keys: tuple[K, ...]) -> None:
        for key in keys:
            self._demand.touched(key)
        self.wake()


async def all_pages(client: Client, path: str, query: Mapping[str, str]) -> AsyncIterator[Page]:
    """The pages of one list, all of the same version. Raises: Refused, also when the list expired meanwhile; Unreachable."""
    continue_ = ""
    while True:
        answer = await client.request("GET", path, query={**query, **page_query(List(continue_))})
        if answer.status != OK:
            raise Refused(failure(answer.status, answer.body))
        page = _page(answer.body)
        yield page
        continue_ = page.metadata.continue_
        if not continue_:
            return


def _page(body: bytes) -> Page:
    try:
        return pages.decode(body)
    except msgspec.MsgspecError as error:
        raise Refused(Failure(GONE, "", f"the answer is no list: {error}")) from error
