"""Conversations of one stream, without I/O: refusals, silence, and what becomes of the rest."""

import pytest

from gatewright.ads.lane import Row
from gatewright.ads.messages import Delivery, Late
from gatewright.ads.session import Session
from gatewright.ads.warmup import Pace
from gatewright.wire.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource
from tests.ads.resources import PROXY, cluster, endpoints, gone, listener, routes, set_to
from tests.ads.stream import HTTP, SHORT, Stream, settled


@pytest.mark.parametrize(
    ("type_url", "good", "bad", "message"),
    [
        (CLUSTER, cluster("g"), cluster("b"), "Error adding/updating cluster(s) b: no good"),
        (LISTENER, listener("g", 1), listener("b", 2), "Error adding/updating listener(s) b: no good\n"),
        (
            CLUSTER,
            cluster("g"),
            cluster("b"),
            'goo.gle/debugstr  \nname: "b"\ntype: EDS\n: Proto constraint validation failed (x)',
        ),
    ],
)
def test_named_culprit(type_url: str, good: Resource, bad: Resource, message: str) -> None:
    """The resource that Envoy names is held back; the others are sent again and confirmed."""
    stream = settled(*HTTP)
    stream.publish(2, set_to(good, bad))

    assert ["+g"] == stream.refuse(type_url, message)[0].split()[1:2]
    while any(each.type_url == type_url for each in stream.under_way.values()):
        stream.accept(type_url)
    assert Delivery(PROXY, type_url, "g", good.version, None) == stream.fact(type_url, "g")
    assert (None, bad.version) == (stream.fact(type_url, "b").accepted, stream.fact(type_url, "b").refused)
    assert 2 == stream.session.settled


def test_unnamed_culprit_is_isolated() -> None:
    """A refusal that names nobody is halved until one is left, and only that one is held back."""
    names = [f"n{index}" for index in range(5)]
    stream = settled(*HTTP)
    stream.ask(ENDPOINTS, *names)
    stream.accept(ENDPOINTS)
    stream.publish(2, set_to(*(endpoints(name, 1) for name in names)))
    while current := list(stream.under_way.values()):
        bad = "n3" in current[0].upserts
        stream.answer(ENDPOINTS, (), "malformed IP address: n" if bad else None)

    facts = {name: stream.fact(ENDPOINTS, name) for name in names}
    assert ["n3"] == [name for name, fact in facts.items() if fact.refused is not None]
    assert ["n0", "n1", "n2", "n4"] == [name for name, fact in facts.items() if fact.accepted is not None]
    assert 2 == stream.session.settled


def test_refused_version_is_not_sent_again() -> None:
    """The last good version stays, other batches go on, and the next version is tried."""
    stream = settled(*HTTP)
    bad, better = routes("http", {"bad": "c0"}), routes("http", {"better": "c0"})
    stream.publish(2, set_to(bad))

    assert [] == stream.refuse(ROUTES, "no good")
    assert Delivery(PROXY, ROUTES, "http", HTTP[1].version, bad.version, "no good") == stream.fact(ROUTES, "http")
    assert ["EDS +c0"] == stream.publish(3, set_to(endpoints("c0", 7)))
    assert [] == stream.accept(ENDPOINTS)
    assert ["RDS +http"] == stream.publish(4, set_to(better))
    stream.accept(ROUTES)
    assert Delivery(PROXY, ROUTES, "http", better.version, None) == stream.fact(ROUTES, "http")


def test_return_to_the_last_good_version() -> None:
    """When what the proxy holds is desired again, the refusal is history."""
    stream = settled(*HTTP)
    stream.publish(2, set_to(routes("http", {"bad": "c0"})))
    stream.refuse(ROUTES, "no good")

    assert [] == stream.publish(3, set_to(HTTP[1]))
    assert Delivery(PROXY, ROUTES, "http", HTTP[1].version, None) == stream.fact(ROUTES, "http")


def test_cluster_of_a_refused_route_stays() -> None:
    """What the last good version points at is not removed, though nothing desired points at it; others are."""
    stream = settled(*HTTP, cluster("c1"))
    stream.publish(2, set_to(routes("http", {"bad": "c9"})), gone(cluster("c0"), cluster("c1")))

    assert ["CDS -c1"] == stream.refuse(ROUTES, "no good")
    stream.accept(CLUSTER)
    assert 2 == stream.session.settled
    assert ["RDS +http"] == stream.publish(3, set_to(routes("http", {})))
    assert ["CDS -c0"] == stream.accept(ROUTES)


def test_listener_refused_for_want_of_a_cluster() -> None:
    """It is tried again when a cluster that the refusal mentions is there."""
    stream = settled(*HTTP)
    stream.publish(2, set_to(listener("tls", 443)))
    stream.refuse(LISTENER, "Error adding/updating listener(s) tls: Unknown gRPC client cluster 'c1'\n")
    stream.publish(3, set_to(cluster("c1")))

    assert ["LDS +tls"] == stream.accept(CLUSTER)


def test_fresh_envoy_gets_the_last_good_version() -> None:
    """A proxy that starts anew is offered the desired version first, and if it refuses, what its predecessor took."""
    stream = settled(*HTTP)
    bad = routes("http", {"bad": "c0"})
    stream.publish(2, set_to(bad))
    stream.refuse(ROUTES, "no good")
    rows = {each.type_url: {each.name: Row(each, 1)} for each in (*HTTP, bad)}
    stream.session = Session(PROXY, rows, 2, 0.0, pace=Pace(), past=stream.session.history)
    stream.ask(CLUSTER)
    stream.accept(CLUSTER)
    stream.ask(LISTENER)
    stream.accept(
        LISTENER,
    )
    stream.ask(ROUTES, "http")

    assert [bad] == list(list(stream.under_way.values())[-1].upserts.values())
    assert ["RDS +http"] == stream.refuse(ROUTES, "no good")
    assert [HTTP[1]] == list(list(stream.under_way.values())[-1].upserts.values())


def test_silence_is_bounded() -> None:
    """If Envoy does not answer about endpoints, routes go on after the patience, the batch stays open, and it is reported."""
    stream = settled(*HTTP)
    stream.publish(2, set_to(endpoints("c0", 2), routes("http", {"b": "c0"})))

    assert 5.0 < stream.session.deadline() < 5.1
    assert [] == stream.wait(4.9)
    assert ["RDS +http"] == stream.wait(0.2)
    assert [Late(PROXY, ENDPOINTS, ("c0",))] == stream.late
    stream.accept(ROUTES)
    assert 1 == stream.session.settled
    stream.accept(ENDPOINTS)
    assert 2 == stream.session.settled


def test_slow_cluster_holds_up_nobody() -> None:
    """While one cluster warms, Envoy is silent about all: those whose endpoints it acknowledges are in use."""
    check = [{"timeout": "1s", "interval": "1s", "unhealthy_threshold": 1, "healthy_threshold": 1}]
    stream = settled(*HTTP)
    stream.publish(2, set_to(cluster("slow", health_checks=check), endpoints("slow", 1)))
    stream.ask(ENDPOINTS, "slow")
    stream.accept(ENDPOINTS)
    assert [] == stream.wait(0.3)

    assert ["CDS +c1"] == stream.publish(3, set_to(cluster("c1"), endpoints("c1", 1)))
    assert ["EDS +c1"] == stream.ask(ENDPOINTS, "c1")
    stream.accept(ENDPOINTS)
    stream.wait(2.0)
    assert [Late(PROXY, CLUSTER, ("slow",))] == stream.late
    assert ["RDS +http"] == stream.publish(4, set_to(routes("http", {"a": "c1"})))


def test_slow_cluster_is_waited_for() -> None:
    """Its own routes follow as soon as Envoy confirms it."""
    stream = settled(*HTTP)
    stream.publish(2, set_to(cluster("dns", type="STRICT_DNS"), routes("http", {"a": "dns"})))

    assert [] == stream.wait(1.5)
    assert ["RDS +http"] == stream.accept(CLUSTER)


def test_half_made_cluster_is_undone() -> None:
    """Envoy keeps silent for good about clusters when it gave one up half-made: the one without endpoints is removed again."""
    good, bad = cluster("g"), cluster("b")
    stream = settled(*HTTP)
    stream.publish(2, set_to(good, endpoints("g", 1), bad, endpoints("b", 1)))
    stream.ask(ENDPOINTS, "g")
    stream.accept(ENDPOINTS)

    assert ["CDS -b"] == stream.wait(0.25)
    assert [] == stream.refuse(CLUSTER, "Error adding/updating cluster(s) b: no good")
    assert ["CDS +g", "EDS +g"] == stream.accept(CLUSTER) + stream.advance()
    assert Delivery(PROXY, CLUSTER, "b", None, bad.version, "no good") == stream.fact(CLUSTER, "b")


def test_type_that_is_never_asked_for() -> None:
    """A proxy that does not ask for listeners is reported, and not taken to be settled."""
    stream = Stream(*HTTP)
    stream.ask(CLUSTER)
    stream.ask(ENDPOINTS, "c0")
    stream.accept(CLUSTER)
    stream.accept(ENDPOINTS)
    stream.wait(5.0)

    assert [Late(PROXY, LISTENER, ("http",))] == stream.late
    assert 0 == stream.session.settled


def test_empty_world() -> None:
    """A proxy that starts is told even that there is nothing: it waits for that. One that reconnects is not."""
    stream = Stream()

    assert ["CDS"] == stream.ask(CLUSTER)
    assert ["LDS"] == stream.ask(LISTENER)
    assert [] == stream.accept(CLUSTER) + stream.accept(LISTENER)
    assert 1 == stream.session.settled


def test_unknown_type() -> None:
    """A type of which nothing is published is answered as the protocol says: what was asked for does not exist."""
    stream = settled(*HTTP)
    SHORT["type.googleapis.com/x.Y"] = "x.Y"

    assert ["x.Y -n"] == stream.ask("type.googleapis.com/x.Y", "n")


def test_removal_in_a_refused_response() -> None:
    """Envoy may have refused the whole response before it removed anything: the removal is sent again."""
    stream = settled(*HTTP, cluster("old"))
    stream.publish(2, set_to(endpoints("c0", 9)))
    stream.publish(3, gone(cluster("old")))
    assert ["CDS +b"] == stream.publish(4, set_to(cluster("b")))
    stream.publish(5, set_to(cluster("b2")))
    stream.accept(ENDPOINTS)
    assert ["CDS +b2 -old"] == stream.accept(CLUSTER)
    assert ["CDS -b2 -old"] == stream.refuse(CLUSTER, "what is that?")
    stream.accept(CLUSTER)
    assert 5 == stream.session.settled
