"""The delta protocol for one type on one stream, without I/O.

A subscription knows what the proxy is interested in, what it holds, and which responses it has not answered yet. It says what the
proxy lacks; when to send that is the session's business. The rules are those of the delta variant in
https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#how-the-client-specifies-what-resources-to-return.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

import msgspec

from gatewright.ads.messages import Request, Response
from gatewright.wire.resource import Resource

WILDCARD: Final = "*"


class Verdict(Enum):
    """What a request says about the response that is under way."""

    NOTHING = "nothing"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Received(msgspec.Struct, frozen=True):
    """The news in a request: a verdict on `response`, and the names whose state must be looked at again (all of them: None)."""

    verdict: Verdict
    response: Response | None
    touched: frozenset[str] | None


class Subscription:
    """One type's interest on one stream. `implicit_wildcard` types are wanted whole if the first request names nothing."""

    def __init__(self, type_url: str, *, implicit_wildcard: bool) -> None:
        self.type_url = type_url
        self.started = False
        self.wildcard = implicit_wildcard
        self.names: set[str] = set()
        self.held: dict[str, str] = {}
        self.under_way: dict[str, Response] = {}
        self._owed: set[str] = set()
        self._waits = False

    def covers(self, name: str) -> bool:
        """Whether the proxy wants to hear of `name`. A wildcard type is expected to be asked for, even before it is."""
        return self.wildcard or name in self.names

    def lacks(self, name: str, resource: Resource | None) -> bool:
        """Whether the proxy must be told that `name` is now `resource` (or, for None, that it does not exist)."""
        if not self.covers(name):
            return False
        if name in self._owed:
            return True
        return self._expected(name) != (resource.version if resource is not None else None)

    def _expected(self, name: str) -> str | None:
        """The version that the proxy will hold when it has answered everything."""
        for response in reversed(self.under_way.values()):
            if name in response.upserts:
                return response.upserts[name].version
            if name in response.removals:
                return None
        return self.held.get(name)

    def owes(self, name: str) -> bool:
        """Whether `name` was asked for and not yet answered, so that even its absence must be said at once."""
        return name in self._owed

    @property
    def owes_answer(self) -> bool:
        """Whether even nothing must be said: Envoy starts to serve only when it was told of clusters and listeners."""
        return self._waits

    def owe(self, name: str) -> None:
        """Send `name` again although the proxy holds it."""
        if self.covers(name):
            self._owed.add(name)

    def send(self, nonce: str, upserts: tuple[Resource, ...], removals: frozenset[str]) -> Response:
        """The response to send now."""
        response = Response(self.type_url, nonce, {resource.name: resource for resource in upserts}, removals)
        self._owed.difference_update(response.upserts, removals)
        self._waits = False
        self.under_way[nonce] = response
        return response

    def receive(self, request: Request) -> Received:
        """Take in a request of this type. A stale nonce is no verdict, but its changes of interest count.

        A refused response counts for nothing, though Envoy may have carried out a part; but removals alone cannot be refused.
        """
        verdict, response = self._conclude(request)
        first = not self.started
        if first:
            self._open(request)
        everything = first or WILDCARD in request.subscribe
        self._subscribe(request.subscribe, known=request.initial_versions if first else {})
        everything |= self._unsubscribe(request.unsubscribe)
        touched = frozenset(request.subscribe).union(request.unsubscribe) - {WILDCARD}
        return Received(verdict, response, None if everything else touched)

    def _conclude(self, request: Request) -> tuple[Verdict, Response | None]:
        response = self.under_way.pop(request.nonce, None)
        if response is None:
            return Verdict.NOTHING, None
        if request.error is not None and response.upserts:
            again = (name for name, resource in response.upserts.items() if self.held.get(name) == resource.version)
            unsaid = response.removals - self.held.keys()
            self._owed.update(filter(self.covers, unsaid.union(again)))
            return Verdict.REFUSED, response
        for name in response.removals:
            self.held.pop(name, None)
        self.held.update((name, resource.version) for name, resource in response.upserts.items() if self.covers(name))
        return Verdict.ACCEPTED, response

    def _open(self, request: Request) -> None:
        self.started = True
        self.wildcard = self.wildcard and not request.subscribe
        self.held = dict(request.initial_versions)
        self._waits = not self.held and (self.wildcard or WILDCARD in request.subscribe)

    def _subscribe(self, names: tuple[str, ...], known: Mapping[str, str]) -> None:
        """Whoever asks for a name is answered, even if it was told before; only a first request may list what it still holds."""
        self.wildcard |= WILDCARD in names
        wanted = set(names) - {WILDCARD}
        self.names |= wanted
        self._owed |= wanted - known.keys()

    def _unsubscribe(self, names: tuple[str, ...]) -> bool:
        """Forget names; true if the wildcard was among them. Under a wildcard, a name let go is answered once more."""
        ends_wildcard = WILDCARD in names
        self.wildcard &= not ends_wildcard
        self.names.difference_update(names)
        if self.wildcard:
            self._owed.update(names)
        elif ends_wildcard:
            self.held = {name: version for name, version in self.held.items() if name in self.names}
        for name in () if self.wildcard else names:
            self.held.pop(name, None)
        self._owed = set(filter(self.covers, self._owed)) if names else self._owed
        return ends_wildcard
