"""Conversations of the delta protocol for one type, without I/O: what the proxy says, and what it lacks afterwards."""

from collections.abc import Mapping

import pytest

from gatewright.ads.messages import Request
from gatewright.ads.subscription import Subscription, Verdict
from gatewright.wire.resource import CLUSTER, ENDPOINTS, Resource

V1 = {"a": "1", "b": "1"}


def asks(*subscribe: str, unsubscribe: tuple[str, ...] = (), holds: Mapping[str, str] | None = None) -> Request:
    return Request(CLUSTER, subscribe, unsubscribe, holds or {})


def answers(nonce: str, *subscribe: str, unsubscribe: tuple[str, ...] = (), error: str | None = None) -> Request:
    return Request(CLUSTER, subscribe, unsubscribe, {}, nonce, error)


class Conversation:
    """A subscription and a world of versions; `turn` sends all that is lacking, as one response with the next nonce."""

    def __init__(self, *, wildcard: bool, world: Mapping[str, str]) -> None:
        self.subscription = Subscription(CLUSTER if wildcard else ENDPOINTS, implicit_wildcard=wildcard)
        self.world = dict(world)
        self.turns = 0

    def resource(self, name: str) -> Resource | None:
        return Resource(self.subscription.type_url, name, self.world[name], b"") if name in self.world else None

    def turn(self) -> dict[str, str | None]:
        names = {*self.world, *self.subscription.held, *self.subscription.names, "a", "b", "c"}
        lacking = {name: self.resource(name) for name in names if self.subscription.lacks(name, self.resource(name))}
        if lacking:
            self.turns += 1
            upserts = tuple(each for each in lacking.values() if each is not None)
            self.subscription.send(str(self.turns), upserts, frozenset(name for name, each in lacking.items() if each is None))
        return {name: each.version if each is not None else None for name, each in lacking.items()}


@pytest.mark.parametrize(
    ("wildcard", "requests", "expected"),
    [
        pytest.param(True, [asks()], [{"a": "1", "b": "1"}], id="first request names nothing: implicit wildcard"),
        pytest.param(True, [asks("*")], [{"a": "1", "b": "1"}], id="explicit wildcard"),
        pytest.param(True, [asks("a")], [{"a": "1"}], id="first request names something: no wildcard"),
        pytest.param(False, [asks()], [{}], id="a type without implicit wildcard, asked for nothing"),
        pytest.param(False, [asks("*")], [{"a": "1", "b": "1"}], id="explicit wildcard of any type"),
        pytest.param(False, [asks("a")], [{"a": "1"}], id="one name"),
        pytest.param(False, [asks("c")], [{"c": None}], id="a name that does not exist is answered as removed"),
        pytest.param(False, [asks("c"), answers("1")], [{"c": None}, {}], id="and that once"),
        pytest.param(True, [asks(), answers("1")], [V1, {}], id="accepted: nothing more to say"),
        pytest.param(True, [asks(), answers("1"), answers("1")], [V1, {}, {}], id="an empty request is a heartbeat of nothing"),
        pytest.param(True, [asks(), answers("1", error="no")], [V1, V1], id="refused: the proxy still lacks it"),
        pytest.param(True, [asks(), answers("0")], [V1, {}], id="a stale nonce is no answer"),
        pytest.param(False, [asks("a"), answers("0", "b")], [{"a": "1"}, {"b": "1"}], id="but its names count"),
        pytest.param(True, [asks(), answers("1", "c")], [V1, {"c": None}], id="implicit wildcard and a name"),
        pytest.param(True, [asks("*", "a"), answers("1", unsubscribe=("*",))], [V1, {}], id="wildcard let go, the name stays"),
        pytest.param(
            True, [asks("*"), answers("1", unsubscribe=("a",))], [V1, {"a": "1"}], id="name let go under wildcard: sent"
        ),
        pytest.param(True, [asks("*"), answers("1", unsubscribe=("c",))], [V1, {"c": None}], id="or said not to exist"),
        pytest.param(True, [asks(), answers("1", unsubscribe=("*",))], [V1, {}], id="implicit wildcard let go"),
        pytest.param(True, [asks(), answers("1", unsubscribe=("*",)), asks("a")], [V1, {}, {"a": "1"}], id="then a name"),
        pytest.param(True, [asks("a"), answers("1", "*")], [{"a": "1"}, {"b": "1"}], id="wildcard after a name sends the rest"),
        pytest.param(False, [asks("a"), answers("1", unsubscribe=("a",))], [{"a": "1"}, {}], id="name let go: no answer"),
        pytest.param(
            False,
            [asks("a"), answers("1", unsubscribe=("a",)), asks("a")],
            [{"a": "1"}, {}, {"a": "1"}],
            id="let go and asked again: sent again",
        ),
        pytest.param(False, [asks("a"), answers("1", "a")], [{"a": "1"}, {"a": "1"}], id="asked again: sent again"),
        pytest.param(True, [asks(holds=V1)], [{}], id="reconnect, nothing changed: nothing sent"),
        pytest.param(True, [asks(holds={"a": "0", "b": "1"})], [{"a": "1"}], id="reconnect: only what differs"),
        pytest.param(True, [asks(holds=V1 | {"c": "1"})], [{"c": None}], id="reconnect: removal of what is gone"),
        pytest.param(False, [asks("a", "c", holds={"a": "1", "c": "1"})], [{"c": None}], id="reconnect by names"),
        pytest.param(False, [asks("a", "c", holds={"a": "1"})], [{"c": None}], id="reconnect, still waiting for one"),
        pytest.param(False, [asks("a", holds=V1)], [{}], id="what is held but not asked for is left alone"),
    ],
)
def test_conversation(wildcard: bool, requests: list[Request], expected: list[dict[str, str | None]]) -> None:  # noqa: FBT001
    """After each request, exactly the expected state is lacking."""
    conversation = Conversation(wildcard=wildcard, world=V1)
    turns = []
    for request in requests:
        conversation.subscription.receive(request)
        turns.append(conversation.turn())

    assert expected == turns


def test_verdicts() -> None:
    """An answer names its response; any other nonce is no verdict."""
    conversation = Conversation(wildcard=True, world=V1)
    conversation.subscription.receive(asks())
    conversation.turn()
    verdicts = [conversation.subscription.receive(answers(nonce)).verdict for nonce in ("7", "1", "1")]

    assert [Verdict.NOTHING, Verdict.ACCEPTED, Verdict.NOTHING] == verdicts


def test_change_while_under_way() -> None:
    """What is under way counts as told: a newer version is lacking, the same is not, and the way back is."""
    conversation = Conversation(wildcard=True, world={"a": "1"})
    conversation.subscription.receive(asks())
    conversation.turn()

    assert {} == conversation.turn()
    conversation.world["a"] = "2"
    assert {"a": "2"} == conversation.turn()
    conversation.world["a"] = "1"
    assert {"a": "1"} == conversation.turn()


def test_answers_to_several_responses() -> None:
    """Each answer counts for its own response; after all of them, the last version is held."""
    conversation = Conversation(wildcard=True, world={"a": "1"})
    conversation.subscription.receive(asks())
    conversation.turn()
    conversation.world["a"] = "2"
    conversation.turn()
    conversation.subscription.receive(answers("1", error="no"))
    conversation.subscription.receive(answers("2"))

    assert {"a": "2"} == conversation.subscription.held


def test_removal_and_return() -> None:
    """A resource that goes is removed once, and sent when it is back in the same version."""
    conversation = Conversation(wildcard=True, world={"a": "1"})
    conversation.subscription.receive(asks())
    turns = [conversation.turn()]
    for world in ({}, {"a": "1"}):
        conversation.subscription.receive(answers(str(conversation.turns)))
        conversation.world = dict(world)
        turns.append(conversation.turn())

    assert [{"a": "1"}, {"a": None}, {"a": "1"}] == turns


def test_resources_that_appear_later() -> None:
    """A name that did not exist is sent as soon as it does."""
    conversation = Conversation(wildcard=False, world={})
    conversation.subscription.receive(asks("a"))
    turns = [conversation.turn()]
    conversation.subscription.receive(answers("1"))
    conversation.world["a"] = "1"
    turns.append(conversation.turn())

    assert [{"a": None}, {"a": "1"}] == turns


def test_owed_again() -> None:
    """What is owed is sent although it is held, and owed still if its response was refused."""
    conversation = Conversation(wildcard=True, world={"a": "1"})
    conversation.subscription.receive(asks(holds={"a": "1"}))
    conversation.subscription.owe("a")
    turns = [conversation.turn()]
    conversation.subscription.receive(answers("1", error="no"))
    turns.append(conversation.turn())
    conversation.subscription.receive(answers("2"))
    turns.append(conversation.turn())

    assert [{"a": "1"}, {"a": "1"}, {}] == turns
