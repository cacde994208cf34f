"""The list-and-watch protocol for one kind in one place, without a network.

`request` says what to ask next, and what comes back is told: pages of the list, pieces of the watch's stream, failures. A watch
goes on where the last one ended. When the server has forgotten that version (410 Gone) all is listed again; nothing is given up
for it meanwhile. What is forbidden (403) several times in a row is believed, and asked for again in longer pauses. Source:
Kubernetes API concepts, "Efficient detection of changes", "Watch bookmarks", "Retrieving large results sets".
"""

import contextlib
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, TypeAlias

import msgspec

from gatewright.sources.kube.wire import Failure, pages

FORBIDDEN: Final = 403
GONE: Final = 410
TOO_MANY_REQUESTS: Final = 429
PAGE_SIZE: Final = 500
LONGEST_LINE: Final = 32 << 20  # bytes; an API server takes objects of at most 3 MiB
FIRST_PAUSE: Final = 0.1  # seconds after the first failure, doubled by each further one
LONGEST_PAUSE: Final = 1.5  # short, for a server that is back should be heard at once; a busy one says itself when to ask again
REFUSALS: Final = 5  # in a row (about two seconds) until it is believed: a server that starts may not know its roles yet
REFUSED_PAUSE: Final = 5.0  # seconds from then on
LASTED: Final = 1.0  # seconds after which a watch that ends has done its work


class List(NamedTuple):
    """Ask for a page; `continue_` is empty for the first one. `limit` is 1 when only the version is of interest."""

    continue_: str
    limit: int = PAGE_SIZE


class Watch(NamedTuple):
    """Ask for all that comes after this version."""

    resource_version: str


Request: TypeAlias = List | Watch


class Sink(Protocol):
    """Where objects go."""

    @property
    def whole(self) -> bool:
        """Whether lists are wanted; else a list only tells from where to watch."""

    def asking(self) -> None:
        """A list is about to be asked for (again)."""

    def begin(self, *, anew: bool) -> None:
        """It begins; with `anew` its versions cannot be compared with earlier ones."""

    def items(self, items: list[msgspec.Raw]) -> None:
        """A page of the list."""

    def listed(self, version: int) -> None:
        """The list has ended; it is how things were at `version`."""

    def line(self, line: bytes) -> str | Failure:
        """Take one line of a watch; returns its version. Raises: msgspec.MsgspecError, for what is no such line."""


class Mirror:
    """Follows one list of objects into a sink."""

    def __init__(self, sink: Sink, random: Callable[[], float]) -> None:
        """Begin; `random` gives numbers from 0 to 1, by which pauses are spread."""
        self.synced = False
        self.failure: Failure | None = None
        self.relists = 0
        self.watches = 0
        self._sink = sink
        self._random = random
        self._version = ""
        self._continue = ""
        self._snapshot = ""
        self._rest = b""
        self._failures = 0
        self._refusals = 0
        self._pause = 0.0

    @property
    def refused(self) -> bool:
        """Whether we may not list, or not watch; `failure` then says so in the server's words."""
        return self._refusals >= REFUSALS

    def request(self) -> Request:
        """What to ask now."""
        if self._version:
            return Watch(self._version)
        if not self._continue:
            self._sink.asking()
        return List(self._continue, PAGE_SIZE if self._sink.whole else 1)

    def pause(self) -> float:
        """Seconds to wait before that."""
        pause, self._pause = self._pause, 0.0
        return pause

    def page(self, body: bytes) -> None:
        """A page of the list has come."""
        try:
            page = pages.decode(body)
        except msgspec.MsgspecError as error:
            self.failed(Failure(0, "", f"the answer is no list: {error}"))
            return
        self._answered()
        if not self._continue:
            anew = bool(self._snapshot) and int(page.metadata.resource_version) < int(self._snapshot)
            self._snapshot = page.metadata.resource_version
            self._sink.begin(anew=anew)
        self._continue = page.metadata.continue_ if self._sink.whole else ""
        if self._sink.whole:
            self._sink.items(page.items or [])
        if not self._continue:
            self._version = self._snapshot
            self._sink.listed(int(self._snapshot))
            self.synced = True
            self.relists += 1

    def opened(self) -> None:
        """The watch has begun."""
        self.watches += 1
        self._rest = b""

    def piece(self, data: bytes) -> bool:
        """A piece of the watch's stream has come; returns False when the watch is of no use any more."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line and not self._line(line):
                return False
        if len(self._rest) > LONGEST_LINE:
            self.failed(Failure(0, "", f"a line of the watch is longer than {LONGEST_LINE} bytes"))
            return False
        return True

    def ended(self, seconds: float) -> None:
        """The watch has ended by itself after `seconds`; one that ends at once counts as a failure."""
        if seconds < LASTED:
            self.failed(Failure(0, "", "the watch ended at once"))
        else:
            self._answered()

    def failed(self, failure: Failure, retry_after: float = 0.0) -> None:
        """A request was refused, or got no answer, or the connection broke."""
        if failure.code == GONE:
            self._version = self._continue = ""
            if self.failure is None or self.failure.code != GONE:
                self._failures = 0  # an answer after all: list at once
        self.failure = failure
        self._refusals = self._refusals + 1 if failure.code == FORBIDDEN else 0
        longest = REFUSED_PAUSE if self.refused else min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        asked = retry_after if failure.code == TOO_MANY_REQUESTS else 0.0  # a server that starts asks for too much: 5 s
        self._pause = max(asked, longest * (0.5 + 0.5 * self._random()))

    def list_again(self) -> None:
        """Begin anew with a list."""
        self._version = self._continue = ""

    def _line(self, line: bytes) -> bool:
        try:
            told = self._sink.line(line)
        except msgspec.MsgspecError as error:
            self.failed(Failure(0, "", f"the watch says what is no event: {error}"))
            self._version = self._continue = ""
            return False
        if isinstance(told, Failure):
            self.failed(told)
            return False
        with contextlib.suppress(ValueError):
            self._version = self._snapshot = str(max(int(told), int(self._version)))
        self._answered()
        return True

    def _answered(self) -> None:
        self.failure = None
        self._failures = self._refusals = 0
        self._pause = 0.0
