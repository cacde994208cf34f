"""Lists and watches without a network: whatever happens to them, nothing is missed and nothing is given up wrongly."""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gatewright.api.httproute import HTTPRoute
from gatewright.api.meta import NamespacedName
from gatewright.sources.kube.mirror import FIRST_PAUSE, LONGEST_PAUSE, REFUSALS, REFUSED_PAUSE, List, Mirror, Watch
from gatewright.sources.kube.resource import BY_NAME, Resource
from gatewright.sources.kube.sinks import Objects, listed
from gatewright.sources.kube.store import Store
from gatewright.sources.kube.wire import Failure, Reader, pages
from tests.sources.kube_server import Server, Told, bookmark, gone, line

KIND = BY_NAME["HTTPRoute"]
READER = Reader(Resource(KIND, "v1"))
GONE = Failure(410, "Expired", "too old")
NAMES = st.sampled_from(["a", "b", "c", "d"])
NAMESPACES = st.sampled_from(["one", "two"])


class Partial:
    """A list of one namespace that is under way beside the mirror."""

    def __init__(self, store: Store, namespace: str, body: bytes) -> None:
        self.namespace = namespace
        self.page = pages.decode(body)
        self.window = store.listing()
        self.window.__enter__()
        self.found = listed(READER, store, self.page.items or [])


class Following(RuleBasedStateMachine):
    """A server that is written to, forgets and breaks off, and a mirror that follows it, told piece by piece."""

    @initialize()
    def begin(self) -> None:
        self.server = Server()
        self.store = Store(KIND)
        self.mirror = Mirror(Objects(READER, self.store), lambda: 1.0)
        self.world: dict[NamespacedName, str] = {}
        self.uids: dict[NamespacedName, str] = {}
        self.stream: list[bytes] | None = None
        self.sent = 0
        self.partials: list[Partial] = []

    @rule(namespace=NAMESPACES, name=NAMES, backend=st.sampled_from(["x", "y", "z"]))
    def write(self, namespace: str, name: str, backend: str) -> None:
        self.server.put(namespace, name, backend)

    @precondition(lambda self: self.server.objects)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.server.delete(data.draw(st.sampled_from(sorted(self.server.objects))))

    @rule()
    def forget(self) -> None:
        self.server.compact()

    @rule(size=st.integers(1, 3))
    def ask(self, size: int) -> None:
        """What the mirror wants next: a page, or the beginning of a watch."""
        request = self.mirror.request()
        if isinstance(request, List):
            page = self.server.page(request, size)
            self.mirror.page(page) if page is not None else self.mirror.failed(GONE)
        elif self.stream is None:
            if self.server.since(request.resource_version) is None:
                self.mirror.failed(GONE)
            else:
                self.mirror.opened()
                self.stream, self.sent = [], int(request.resource_version)

    @precondition(lambda self: self.stream is not None)
    @rule(cut=st.floats(0, 1), mark=st.booleans())
    def hear(self, cut: float, mark: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        """The watch sends what has happened, in pieces that do not end where lines do."""
        assert self.stream is not None
        news = [told for told in self.server.history if told.version > self.sent]
        text = b"".join(map(line, news)) + (bookmark(self.server.version) if mark else b"")
        self.sent = self.server.version
        place = int(len(text) * cut)
        for piece in (text[:place], text[place:]):
            assert not piece or self.mirror.piece(piece)

    @precondition(lambda self: self.stream is not None)
    @rule(how=st.sampled_from(["ended", "broken", "half a line", "gone"]))
    def end(self, how: str) -> None:
        """A watch ends by itself, breaks (within a line, perhaps), or says that it cannot go on."""
        self.stream = None
        if how == "ended":
            self.mirror.ended(60)
        elif how == "gone":
            assert not self.mirror.piece(gone())
        else:
            if how == "half a line":
                self.mirror.piece(line(Told(self.server.version + 1, "DELETED", {}))[:20])
            self.mirror.failed(Failure(0, "", "the connection broke"))

    @rule(namespace=NAMESPACES)
    def list_beside(self, namespace: str) -> None:
        """Somebody lists one namespace."""
        body = self.server.page(List(""), 100, namespace)
        assert body is not None
        self.partials.append(Partial(self.store, namespace, body))

    @precondition(lambda self: self.partials)
    @rule()
    def listed_beside(self) -> None:
        """That list arrives, maybe long after it was made."""
        partial = self.partials.pop(0)
        version = int(partial.page.metadata.resource_version)
        self.store.merge(version, lambda key, _: key.namespace == partial.namespace, partial.found)
        partial.window.__exit__(None, None, None)

    @invariant()
    def deletions_are_true(self) -> None:
        """Whatever is told as gone was deleted at the server."""
        if not hasattr(self, "server"):
            return
        for change in self.store.settle().changes:
            if change.object is None:
                assert self.uids[change.key] in self.server.deleted, change.key
                del self.world[change.key]
            else:
                assert isinstance(change.object, HTTPRoute)
                self.world[change.key] = change.object.spec.rules[0].backend_refs[0].name
                self.uids[change.key] = change.object.metadata.uid

    def teardown(self) -> None:
        """Given time, the mirror knows what the server knows."""
        if not hasattr(self, "server"):
            return
        while self.partials:
            self.listed_beside()
        for _ in range(50):
            if self.stream is not None:
                self.hear(0.5, mark=False)
                break
            self.ask(3)
        self.deletions_are_true()
        expected = {key: each["spec"]["rules"][0]["backendRefs"][0]["name"] for key, each in self.server.objects.items()}
        assert expected == self.world


TestFollowing = Following.TestCase
TestFollowing.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)


def mirror_of(server: Server) -> tuple[Mirror, Store]:
    """A mirror that has listed."""
    store = Store(KIND)
    mirror = Mirror(Objects(READER, store), lambda: 1.0)
    page = server.page(List(""), 500)
    assert page is not None
    mirror.page(page)
    return mirror, store


def test_a_refusal_is_believed_when_it_lasts() -> None:
    """Not the first one, nor one that another failure interrupts; then pauses are longer, and an answer ends it at once."""
    server = Server()
    mirror = Mirror(Objects(READER, Store(KIND)), lambda: 1.0)
    forbidden = Failure(403, "Forbidden", "no")
    for failure in (*[forbidden] * (REFUSALS - 1), Failure(0, "", "no answer"), *[forbidden] * (REFUSALS - 1)):
        mirror.failed(failure)
        assert (False, True) == (mirror.refused, mirror.pause() <= LONGEST_PAUSE)
    mirror.failed(forbidden)
    assert (True, False, REFUSED_PAUSE) == (mirror.refused, mirror.synced, mirror.pause())
    page = server.page(List(""), 500)
    assert page is not None
    mirror.page(page)
    assert (False, True, 0.0) == (mirror.refused, mirror.synced, mirror.pause())


def test_a_list_that_differs_in_nothing_is_not_even_read() -> None:
    """After a gap only the metadata of unchanged objects are looked at, and nothing is told."""
    server = Server()
    server.put("one", "a", "x")
    mirror, store = mirror_of(server)
    store.settle()
    mirror.failed(GONE)
    body = server.page(List(""), 500)
    assert body is not None
    mirror.page(body.replace(b'"spec": {', b'"spec": {"noSuchField": 1, '))
    assert ((), {}) == store.settle()[:2]


def test_a_gap_is_one_batch() -> None:
    """What was deleted, changed and made meanwhile comes together, at the end of the list."""
    server = Server()
    for name in "abc":
        server.put("one", name, "x")
    mirror, store = mirror_of(server)
    store.settle()
    server.delete(NamespacedName("one", "a"))
    server.put("one", "b", "y")
    server.put("one", "d", "x")
    mirror.failed(GONE)
    request = mirror.request()
    while isinstance(request, List):
        assert () == store.settle().changes
        page = server.page(request, 1)
        assert page is not None
        mirror.page(page)
        request = mirror.request()
    told = {change.key.name: change.object is not None for change in store.settle().changes}
    assert {"a": False, "b": True, "d": True} == told


def test_a_restored_cluster() -> None:
    """Versions that are lower than ever before are another history: its objects count, however old their versions are."""
    server = Server()
    for name in "abc":
        server.put("one", name, "x")
    mirror, store = mirror_of(server)
    store.settle()
    restored = Server()
    restored.put("one", "a", "restored")
    mirror.failed(GONE)
    page = restored.page(List(""), 500)
    assert page is not None
    mirror.page(page)
    changes = {change.key.name: change.object for change in store.settle().changes}
    assert {"b": None, "c": None} == {name: each for name, each in changes.items() if name != "a"}
    assert isinstance(changes["a"], HTTPRoute)
    assert ("restored", Watch("11")) == (changes["a"].spec.rules[0].backend_refs[0].name, mirror.request())


def test_pauses_grow_and_end() -> None:
    """Each failure doubles the pause up to a limit, an answer ends that; what the server asks for counts more."""
    mirror, _ = mirror_of(Server())
    pauses = []
    for _ in range(10):
        mirror.failed(Failure(0, "", "connection refused"))
        pauses.append(mirror.pause())
    assert [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE] == pauses[:3]
    assert LONGEST_PAUSE == pauses[-1]
    mirror.failed(Failure(429, "TooManyRequests", "later"), retry_after=20)
    assert 20 == mirror.pause()
    mirror.ended(60)
    mirror.failed(Failure(0, "", "connection refused"))
    assert FIRST_PAUSE == mirror.pause()


def test_a_watch_that_ends_at_once_is_a_failure() -> None:
    """Else a server that accepts every watch and drops it would be asked without a pause."""
    mirror, _ = mirror_of(Server())
    mirror.opened()
    mirror.ended(0.01)
    assert mirror.pause() > 0


def test_a_stream_of_garbage_begins_anew() -> None:
    """A line that is no event ends the watch, and everything is listed again: who knows what was lost."""
    mirror, _ = mirror_of(Server())
    mirror.opened()
    assert not mirror.piece(b"<html>Bad Gateway</html>\n")
    assert List("") == mirror.request()
