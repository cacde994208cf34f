"""What the console asks of the running server, and the shapes in which it tells it.

`control` implements `ConsoleSource` over its tables. Every view is a plain value, encoded to JSON as it is; a status may be any
value that msgspec encodes (a struct, a dict, `msgspec.Raw`). Nothing of a Secret's content belongs in any of them.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import msgspec


class StatusKey(NamedTuple):
    """Identity of an object with a status; `namespace` is empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str


class StatusMetadata(msgspec.Struct, frozen=True, omit_defaults=True):
    """As much of an object's metadata as says which one it is, and which of its generations was read."""

    name: str
    namespace: str = ""
    generation: int = 0


class StatusView(msgspec.Struct, frozen=True, rename="camel"):
    """An object's status in the object's own outline, as kubectl would print it without its spec."""

    kind: str
    api_version: str
    metadata: StatusMetadata
    status: Any

    @property
    def key(self) -> StatusKey:
        """The object that this is the status of."""
        return StatusKey(self.kind, self.metadata.namespace, self.metadata.name)


class StatusEvent(msgspec.Struct, frozen=True):
    """A change, as a Kubernetes watch tells it; a deletion carries the last status that was seen."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: StatusView


class ProblemView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a document (or a whole file) was not taken; `document` and `line` count from 1, 0 is unknown; `path` is a field's."""

    file: str
    message: str
    document: int = 0
    line: int = 0
    path: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""


class ProxyView(msgspec.Struct, frozen=True):
    """One Envoy: its process, and how far it has come. `confirmed` is the last batch that it confirmed whole, of `settled`."""

    proxy: str
    phase: str
    message: str = ""
    pid: int | None = None
    connected: bool = False
    confirmed: int = 0
    settled: int = 0


class Readiness(msgspec.Struct, frozen=True):
    """Whether every desired proxy serves the settled configuration; if not, why, one line a reason."""

    ready: bool
    reasons: tuple[str, ...] = ()


class About(msgspec.Struct, frozen=True):
    """Which server this is, for people who run several."""

    version: str
    pid: int
    paths: tuple[str, ...]
    state_dir: str
    started: str


class ConsoleSource(Protocol):
    """The running server, as the console sees it. All but `watch` answer at once, from memory."""

    def statuses(self) -> Iterable[StatusView]:
        """The published status of every object of a kind that has one, ordered by kind, namespace and name.

        An object that is in memory and has no status yet, or concerns no one here, is shown with an empty one: whoever asks
        for it by name must not be told that it does not exist.
        """

    def problems(self) -> Iterable[ProblemView]:
        """Every document (or file) that was not taken, ordered by file and line."""

    def proxies(self) -> Iterable[ProxyView]:
        """Every proxy that is desired or still running."""

    def ready(self) -> Readiness:
        """Whether the server does all that it is asked for."""

    def report(self, name: str, query: Mapping[str, str]) -> object:
        """One of the reports of `gatewright.reports`, as a value that msgspec encodes.

        Raises: LookupError when there is no such report, or `query` lacks a word that it needs.
        """

    def watch(self) -> AsyncGenerator[StatusEvent, None]:
        """All statuses as ADDED, then every change, until the caller closes the iterator (`StatusFeed.watch` does this)."""
