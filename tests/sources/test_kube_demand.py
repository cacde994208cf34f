"""What is asked for by name, and the watch and the fetches that answer it."""

import json
from collections.abc import Callable

import pytest

from gatewright.api.core import Secret
from gatewright.api.meta import NamespacedName
from gatewright.sources.kube.client import Client
from gatewright.sources.kube.credentials import Credentials
from gatewright.sources.kube.demand import Demand
from gatewright.sources.kube.following import ON_DEMAND, Following
from gatewright.sources.kube.mirror import List, Mirror, Watch
from gatewright.sources.kube.resource import BY_NAME, Resource
from gatewright.sources.kube.scope import EVERY_NAMESPACE
from gatewright.sources.kube.sinks import Groups, Names
from gatewright.sources.kube.store import Covers, Store, everything
from gatewright.sources.kube.wire import Reader

A, B = NamespacedName("default", "a"), NamespacedName("default", "b")


def event(name: str, version: int, type_: str = "MODIFIED", owner: str = "", address: str = "10.0.0.1") -> bytes:
    """A line about a Secret, or about an EndpointSlice of `owner`."""
    labels = {"kubernetes.io/service-name": owner} if owner else {}
    metadata = {"name": name, "namespace": "default", "resourceVersion": str(version), "labels": labels}
    rest = {"addressType": "IPv4", "endpoints": [{"addresses": [address]}]} if owner else {}
    return json.dumps({"type": type_, "object": {"metadata": metadata, **rest}}).encode() + b"\n"


def test_what_is_wanted_is_fetched_once() -> None:
    """And dropped when nobody wants it any more."""
    demand: Demand[NamespacedName] = Demand()
    demand.want({A, B})
    assert {A, B} == set(demand.take())
    assert ((), False) == (demand.take(), demand.idle)
    demand.answered([A, B])
    assert demand.idle
    assert {A} == demand.want({B})
    assert demand.idle


def test_a_change_during_a_fetch() -> None:
    """The answer may be older than the change: it is fetched again."""
    demand: Demand[NamespacedName] = Demand()
    demand.want({A})
    assert (A,) == demand.take()
    demand.touched(A)
    assert () == demand.take()
    demand.answered([A])
    assert (A,) == demand.take()


def test_a_failure_is_tried_again() -> None:
    """Unless nobody wants it any more."""
    demand: Demand[NamespacedName] = Demand()
    demand.want({A})
    demand.take()
    demand.failed([A])
    assert (A,) == demand.take()
    demand.want(set())
    demand.failed([A])
    assert ((), True) == (demand.take(), demand.idle)


def test_secrets_that_nobody_wants_cost_nothing() -> None:
    """Not even their names are listed; a change of one that is wanted asks for it."""
    demand: Demand[NamespacedName] = Demand()
    mirror = Mirror(Names(demand, lambda: None), lambda: 1.0)
    assert List("", 1) == mirror.request()
    mirror.page(b'{"metadata": {"resourceVersion": "7", "continue": "more"}, "items": [{"metadata": {"name": "other"}}]}')
    assert Watch("7") == mirror.request()
    mirror.opened()
    assert mirror.piece(event("a", 8))
    assert demand.idle
    demand.want({A})
    demand.answered(demand.take())
    assert mirror.piece(event("a", 9, "DELETED") + event("b", 10))
    assert ((A,), Watch("10")) == (demand.take(), mirror.request())


def test_after_a_gap_everything_wanted_is_fetched_again() -> None:
    """Who knows what was missed."""
    demand: Demand[NamespacedName] = Demand()
    mirror = Mirror(Names(demand, lambda: None), lambda: 1.0)
    demand.want({A})
    demand.answered(demand.take())
    mirror.page(b'{"metadata": {"resourceVersion": "7"}, "items": []}')
    assert (A,) == demand.take()


def test_slices_of_wanted_services_are_kept() -> None:
    """Others are not even read; one that changes its owner leaves."""
    demand: Demand[NamespacedName] = Demand()
    kind = BY_NAME["EndpointSlice"]
    store = Store(kind, lambda key, held: NamespacedName(key.namespace, getattr(held, "owner", "")) in demand.wanted)
    sink = Groups(Reader(Resource(kind, "v1")), store, demand, lambda: None)
    demand.want({A})
    assert "5" == sink.line(event("a-1", 5, owner="a"))
    assert "6" == sink.line(event("b-1", 6, owner="b"))
    assert ["a-1"] == [key.name for key in store.known()]
    assert "7" == sink.line(event("a-1", 7, owner="b"))
    assert not store.known()


def test_an_object_that_cannot_be_read_keeps_its_last_good_version() -> None:
    """And says what is wrong, until it is put right or gone."""
    kind = BY_NAME["Secret"]
    store, reader = Store(kind), Reader(Resource(kind, "v1"))
    good = {"metadata": {"name": "a", "namespace": "default", "resourceVersion": "5"}, "data": {"k": "djE="}}
    bad = {"metadata": {"name": "a", "namespace": "default", "resourceVersion": "6"}, "data": {"k": 1}}
    store.put(reader.object(json.dumps(good).encode()))
    assert [A] == [change.key for change in store.settle().changes]
    store.put(reader.object(json.dumps(bad).encode()))
    settled = store.settle()
    assert () == settled.changes
    assert ["kubernetes/secrets/default/a: Secret default/a: data[k]: 1 is not a string; put it in quotes"] == [
        str(problem) for problem in settled.problems["kubernetes/secrets/default/a"]
    ]
    store.put(reader.object(json.dumps(good).replace('"5"', '"7"').encode()))
    settled = store.settle()
    assert ((), {"kubernetes/secrets/default/a": ()}) == (settled.changes, settled.problems)
    store.delete(A, 8)
    (change,) = store.settle().changes
    assert (A, None) == (change.key, change.object)
    assert isinstance(reader.object(json.dumps(good).encode()).object, Secret)


def slices(*lines: bytes) -> Store:
    """A store of EndpointSlices by owner, after these events of slices of A and B."""
    kind = BY_NAME["EndpointSlice"]

    def owner(key: NamespacedName, held: object) -> NamespacedName:
        return NamespacedName(key.namespace, getattr(held, "owner", ""))

    store = Store(kind, subject=owner)
    sink = Groups(Reader(Resource(kind, "v1")), store, (demand := Demand[NamespacedName]()), lambda: None)
    demand.want({A, B})
    for line in lines:
        sink.line(line)
    return store


A_1, A_2, B_1 = event("a-1", 5, owner="a"), event("a-2", 6, owner="a"), event("b-1", 7, owner="b")
A_2_IS_B = event("a-2", 8, owner="b")


@pytest.mark.parametrize(
    "ask", [lambda store, covers: store.merge(9, covers, {}, {A}), lambda store, covers: store.discard(covers, {A})]
)
def test_what_one_owner_has_costs_what_it_has(ask: Callable[[Store, Covers], None]) -> None:
    """A list of its objects, or dropping them: of thousands of slices those of that Service are looked at, and are gone.

    Not one that has another owner now.
    """
    store = slices(A_1, A_2, B_1, A_2_IS_B)
    asked: list[str] = []

    def covers(key: NamespacedName, _held: object) -> bool:
        asked.append(key.name)
        return True

    ask(store, covers)
    assert (["a-1"], {"a-2", "b-1"}) == (asked, {key.name for key in store.known()})


def test_a_list_of_one_owner_says_nothing_of_another() -> None:
    """A slice of B that an older list of B has is kept, though a newer list of A did not have it."""
    store = slices(A_1)
    with store.listing():
        store.merge(9, everything, {}, {A})
        seen = Reader(Resource(BY_NAME["EndpointSlice"], "v1")).object(json.dumps(json.loads(B_1)["object"]).encode())
        store.merge(8, everything, {seen.key: seen}, {B})
    assert ["b-1"] == [key.name for key in store.known()]


@pytest.mark.parametrize("name", sorted(ON_DEMAND))
def test_what_nobody_wants_any_more_is_dropped(name: str) -> None:
    """By its own name or by that of its owner; where everything is followed, nobody has to want it."""
    kind = BY_NAME[name]
    reader = Reader(Resource(kind, "v1"))
    for on_demand, left in ((True, ["b"]), (False, ["a", "b"])):
        following = Following(Client(Credentials({})), kind, EVERY_NAMESPACE, on_demand=on_demand, told=lambda: None)
        following.want({A, B})
        for key in ("a", "b"):
            owner = key if name == "EndpointSlice" else ""
            following.store.put(reader.object(json.dumps(json.loads(event(key, 5, owner=owner))["object"]).encode()))
        following.want({B})
        assert left == [key.name for key in following.store.known()]
