"""The API server as everybody here sees it: requests, and what it answers, each an answer or one exception that says why not.

`Client` is the seam: `sources.kube` has the one that speaks HTTP and knows of addresses and credentials; folders on one level do
not import each other. `Api` is for objects as plain documents. Sources: Kubernetes API concepts ("Server-Side Apply", "Efficient
detection of changes").
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

import msgspec

Document: TypeAlias = dict[str, Any]  # an object in JSON

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
FIELD_MANAGER: Final = "gatewright"

OK: Final = 200
CREATED: Final = 201
UNAUTHORISED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409
GONE: Final = 410
SUCCESS: Final = range(200, 300)

SILENCE: Final = 100.0  # seconds; a watch that says nothing for longer, not even a bookmark, is dead
WATCH_SECONDS: Final = 300


class Answer(NamedTuple):
    """What the server answered; `retry_after` is in seconds, 0 when it did not say."""

    status: int
    body: bytes
    retry_after: float = 0.0


class Stream(NamedTuple):
    """An open response: its pieces if the status is 200, else the whole body is in `answer`."""

    answer: Answer
    pieces: AsyncIterator[bytes]


class Requests(Protocol):
    """Whoever asks the API server; one that does not answer is an OSError."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
    ) -> Answer:
        """Ask once."""


class Client(Requests, Protocol):
    """The same, and what goes on."""

    def stream(self, path: str, query: Mapping[str, str], *, silence: float) -> AbstractAsyncContextManager[Stream]:
        """Ask for what goes on; end it when nothing has come for `silence` seconds."""


class ApiProblem(Exception):  # noqa: N818 - says what is so
    """The API server refused, or did not answer (status 0). The text is its own."""

    def __init__(self, status: int, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Event(NamedTuple):
    """One event of a watch; of a bookmark only the version counts."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    document: Document


class Listed(NamedTuple):
    """All objects of a list, and the version from which to watch."""

    documents: list[Document]
    version: str


class Api:
    """The API server through a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def apply(self, path: str, document: Document) -> Document:
        """Apply server-side and return the object as it is then. Raises: ApiProblem."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        answer = await self._ask("PATCH", path, query, msgspec.json.encode(document), APPLY_PATCH)
        return _decoded(answer)

    async def delete(self, path: str, uid: str) -> None:
        """Delete the object with this uid; it is no problem if it is gone, or another. Raises: ApiProblem."""
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._ask("DELETE", path, None, msgspec.json.encode(options))
        except ApiProblem as problem:
            if problem.status not in {NOT_FOUND, CONFLICT}:
                raise

    async def read(self, path: str) -> Document | None:
        """One object, or None when there is none. Raises: ApiProblem."""
        try:
            return _decoded(await self._ask("GET", path))
        except ApiProblem as problem:
            if problem.status == NOT_FOUND:
                return None
            raise

    async def create(self, path: str, document: Document) -> Document:
        """Create an object in the list at `path`. Raises: ApiProblem (409: it is there already)."""
        return _decoded(await self._ask("POST", path, None, msgspec.json.encode(document)))

    async def replace(self, path: str, document: Document) -> Document:
        """Replace an object by a newer one with the same resourceVersion. Raises: ApiProblem (409: it has changed meanwhile)."""
        return _decoded(await self._ask("PUT", path, None, msgspec.json.encode(document)))

    async def list(self, path: str, selector: str = "") -> Listed:
        """All objects that `selector` selects. Raises: ApiProblem."""
        query = {"labelSelector": selector} if selector else None
        body = _decoded(await self._ask("GET", path, query))
        return Listed(list(body.get("items") or ()), str(body["metadata"]["resourceVersion"]))

    async def watch(self, path: str, selector: str, version: str) -> AsyncIterator[Event]:
        """What happens after `version`, until the server ends it. Raises: ApiProblem (410: list again)."""
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "labelSelector": selector,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        try:
            async with self._client.stream(path, query, silence=SILENCE) as stream:
                if stream.answer.status not in SUCCESS:
                    raise _problem(stream.answer)
                async for line in lines(stream.pieces):
                    yield _event(line)
        except OSError as error:
            raise ApiProblem(0, str(error)) from error

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
    ) -> Answer:
        try:
            answer = await self._client.request(method, path, query=query, body=body, content_type=content_type)
        except OSError as error:
            raise ApiProblem(0, str(error)) from error
        if answer.status not in SUCCESS:
            raise _problem(answer)
        return answer


def denied(answer: Answer) -> OSError:
    """A refusal, for whoever makes no difference between that and no answer at all."""
    return OSError(f"{answer.status}: {answer.body[:200].decode(errors='replace')}")


def selector_of(labels: Mapping[str, str]) -> str:
    """Labels as a labelSelector."""
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _decoded(answer: Answer) -> Document:
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ApiProblem(answer.status, f"the API server's answer is no object: {error}") from error


def _problem(answer: Answer) -> ApiProblem:
    """The refusal in the words of its Status."""
    try:
        message = str(msgspec.json.decode(answer.body, type=dict[str, Any])["message"])
    except (msgspec.MsgspecError, KeyError):
        message = f"HTTP status {answer.status}: {answer.body[:200].decode(errors='replace')}"
    return ApiProblem(answer.status, message, answer.retry_after)


def _event(line: bytes) -> Event:
    try:
        found = msgspec.json.decode(line, type=dict[str, Any])
        if found["type"] == "ERROR":
            status = found["object"]
            raise ApiProblem(int(status.get("code", 0)), str(status.get("message", "the watch failed")))
        return Event(found["type"], found["object"])
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise ApiProblem(0, f"the watch says what is no event: {error}") from error


async def lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines of a stream, each as soon as it is whole; empty ones are left out."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line:
                yield line
