"""Conversations of one stream, without I/O: what is sent in which order, and what waits for what."""

from collections.abc import Iterable

import pytest

from gatewright.ads.lane import Row
from gatewright.ads.messages import Delivery, Late, Request, ResourceChange, Response
from gatewright.ads.session import Session, Step
from gatewright.ads.warmup import Pace
from gatewright.wire.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Resource
from tests.ads.resources import PROXY, cluster, endpoints, gone, listener, routes, secret, set_to

SHORT = {CLUSTER: "CDS", ENDPOINTS: "EDS", LISTENER: "LDS", ROUTES: "RDS", SECRET: "SDS"}
HTTP = (listener("http", 80), routes("http", {"a": "c0"}), cluster("c0"), endpoints("c0", 1))


class Stream:
    """A session and a proxy that answers as told. Responses are written as "CDS +c0 -c1"."""

    def __init__(self, *world: Resource, holds: Iterable[Resource] = ()) -> None:
        self.now = 0.0
        rows: dict[str, dict[str, Row]] = {}
        for each in world:
            rows.setdefault(each.type_url, {})[each.name] = Row(each, 1)
        self.session = Session(PROXY, rows, 1, self.now, pace=Pace(), past={})
        self.under_way: dict[str, Response] = {}
        self.deliveries: list[Delivery] = []
        self.late: list[Late] = []
        for type_url in (CLUSTER, ENDPOINTS, LISTENER, ROUTES):
            versions = {each.name: each.version for each in holds if each.type_url == type_url}
            if versions:
                names = tuple(versions) if type_url in {ENDPOINTS, ROUTES} else ()
                self.session.receive(Request(type_url, names, (), versions))

    def publish(self, batch: int, *changes: list[ResourceChange]) -> list[str]:
        self.session.publish(batch, [change for each in changes for change in each])
        return self.advance()

    def ask(self, type_url: str, *names: str) -> list[str]:
        self.session.receive(Request(type_url, names))
        return self.advance()

    def accept(self, type_url: str, *names: str) -> list[str]:
        return self.answer(type_url, names, None)

    def refuse(self, type_url: str, error: str) -> list[str]:
        return self.answer(type_url, (), error)

    def answer(self, type_url: str, names: tuple[str, ...], error: str | None) -> list[str]:
        nonce = next(nonce for nonce, response in self.under_way.items() if response.type_url == type_url)
        del self.under_way[nonce]
        self.session.receive(Request(type_url, names, nonce=nonce, error=error))
        return self.advance()

    def wait(self, seconds: float) -> list[str]:
        self.now += seconds
        return self.advance()

    def advance(self) -> list[str]:
        step = self.session.advance(self.now)
        self._note(step)
        return [_written(response) for response in step.responses]

    def _note(self, step: Step) -> None:
        self.under_way.update((response.nonce, response) for response in step.responses)
        self.deliveries.extend(step.deliveries)
        self.late.extend(step.late)

    def fact(self, type_url: str, name: str) -> Delivery:
        return [each for each in self.deliveries if (each.type_url, each.name) == (type_url, name)][-1]


def _written(response: Response) -> str:
    parts = [*(f"+{name}" for name in sorted(response.upserts)), *(f"-{name}" for name in sorted(response.removals))]
    return " ".join((SHORT[response.type_url], *parts))


def settled(*world: Resource) -> Stream:
    """A proxy that reconnects with all of `world`."""
    return Stream(*world, holds=world)


def test_first_connection() -> None:
    """Clusters, their endpoints, listeners, their routes: each after Envoy's answer to what it stands on."""
    stream = Stream(*HTTP)

    assert ["CDS +c0"] == stream.ask(CLUSTER)
    assert ["EDS +c0"] == stream.ask(ENDPOINTS, "c0")
    assert [] == stream.accept(CLUSTER)
    assert [] == stream.ask(LISTENER)
    assert ["LDS +http"] == stream.accept(ENDPOINTS)
    assert [] == stream.ask(ROUTES, "http")
    assert ["RDS +http"] == stream.accept(LISTENER)
    assert 0 == stream.session.settled
    assert [] == stream.accept(ROUTES)
    assert 1 == stream.session.settled


def test_reconnection_without_change() -> None:
    """A proxy that holds everything is sent nothing, and everything counts as accepted."""
    stream = settled(*HTTP)

    assert [] == stream.advance()
    assert 1 == stream.session.settled
    assert [Delivery(PROXY, each.type_url, each.name, each.version, None) for each in HTTP] == sorted(
        stream.deliveries, key=lambda each: [one.type_url for one in HTTP].index(each.type_url)
    )


def test_reconnection_with_changes() -> None:
    """Only what differs is sent; what is gone is removed last."""
    stream = Stream(*HTTP, holds=[*HTTP, cluster("old"), endpoints("old", 1)])

    assert ["CDS -old"] == stream.advance()
    assert ["EDS -old"] == stream.accept(CLUSTER)


def test_new_route_waits_for_its_cluster() -> None:
    """A route configuration follows when the cluster of its batch and that cluster's endpoints are confirmed."""
    stream = settled(*HTTP)

    assert ["CDS +c1"] == stream.publish(2, set_to(cluster("c1"), endpoints("c1", 2), routes("http", {"a": "c1"})))
    assert ["EDS +c1"] == stream.ask(ENDPOINTS, "c1")
    assert [] == stream.accept(CLUSTER)
    assert ["RDS +http"] == stream.accept(ENDPOINTS)


def test_route_without_new_cluster_goes_at_once() -> None:
    """Nothing to wait for: nothing waited for."""
    assert ["RDS +http"] == settled(*HTTP).publish(2, set_to(routes("http", {"b": "c0"})))


def test_routes_follow_the_listener() -> None:
    """What a route turns on, its listener's filters must know: listeners of the same batch go first."""
    stream = settled(*HTTP)

    assert ["LDS +http"] == stream.publish(2, set_to(listener("http", 80, idle=5), routes("http", {"b": "c0"})))
    assert ["RDS +http"] == stream.accept(LISTENER)


def test_endpoints_go_at_once() -> None:
    """A change of endpoints waits for nothing, and nothing of an earlier batch waits for it."""
    stream = settled(*HTTP)

    assert ["CDS +c1"] == stream.publish(2, set_to(cluster("c1"), routes("http", {"a": "c1"})))
    assert ["EDS +c0"] == stream.publish(3, set_to(endpoints("c0", 2)))
    assert ["RDS +http"] == stream.accept(CLUSTER)


def test_endpoint_churn_starves_nobody() -> None:
    """However often endpoints change, routes wait only for what was published with them."""
    stream = settled(*HTTP)
    stream.publish(2, set_to(cluster("c1"), endpoints("c1", 1), routes("http", {"a": "c1"})))
    stream.ask(ENDPOINTS, "c1")
    stream.accept(CLUSTER)
    for batch in range(3, 9):
        stream.publish(batch, set_to(endpoints("c0", batch), endpoints("c1", batch)))

    assert ["EDS +c0 +c1", "RDS +http"] == stream.accept(ENDPOINTS)


def test_route_churn_starves_nobody() -> None:
    """New clusters in every batch do not keep routes back for good: the version whose clusters are there goes."""
    stream = settled(*HTTP)
    stream.publish(2, set_to(cluster("c1"), routes("http", {"a": "c1"})))
    stream.publish(3, set_to(cluster("c2"), routes("http", {"a": "c1", "b": "c2"})))
    older = set_to(routes("http", {"a": "c1"}))[0].resource

    assert ["CDS +c2", "RDS +http"] == stream.accept(CLUSTER)
    assert {"http": older} == list(stream.under_way.values())[-1].upserts
    assert [] == stream.accept(ROUTES)
    assert ["RDS +http"] == stream.accept(CLUSTER)


def test_newest_wins() -> None:
    """A version superseded before its turn came is never sent."""
    stream = settled(*HTTP)
    stream.publish(2, set_to(cluster("c1"), routes("http", {"a": "c1"})))
    newest = routes("http", {"b": "c1"})
    stream.publish(3, set_to(newest))
    stream.accept(CLUSTER)

    assert [{"http": newest}] == [each.upserts for each in stream.under_way.values()]
    assert [] == stream.accept(ROUTES)


def test_superseded_while_under_way() -> None:
    """While a response is under way, its type waits; then the newest version goes."""
    stream = settled(*HTTP)
    for batch, port in enumerate((2, 3, 4), start=2):
        stream.publish(batch, set_to(endpoints("c0", port)))

    assert ["EDS +c0"] == stream.accept(ENDPOINTS)
    assert [] == stream.accept(ENDPOINTS)
    assert 4 == stream.session.settled


def test_removals_come_last() -> None:
    """The old cluster goes when the routes no longer point at it, and its endpoints, if still asked for, after it."""
    stream = settled(*HTTP)

    assert ["CDS +c1"] == stream.publish(
        2, set_to(cluster("c1"), routes("http", {"a": "c1"})), gone(cluster("c0"), endpoints("c0"))
    )
    assert ["RDS +http"] == stream.accept(CLUSTER)
    assert ["CDS -c0"] == stream.accept(ROUTES)
    assert ["EDS -c0"] == stream.accept(CLUSTER)
    assert [] == stream.accept(ENDPOINTS)
    assert 2 == stream.session.settled


def test_removals_in_their_order() -> None:
    """Listeners, routes, clusters, endpoints."""
    stream = settled(*HTTP)

    assert ["LDS -http"] == stream.publish(2, gone(*HTTP))
    assert ["RDS -http"] == stream.accept(LISTENER)
    assert ["CDS -c0"] == stream.accept(ROUTES)
    assert ["EDS -c0"] == stream.accept(CLUSTER)


def test_removal_of_what_changed_before() -> None:
    """A cluster that changed and then goes waits for the routes of the batch in which it goes."""
    stream = settled(*HTTP, cluster("c1"), endpoints("c1", 1))
    stream.publish(2, set_to(cluster("c2")))
    stream.publish(3, set_to(cluster("c0", connect_timeout="9s")))
    stream.publish(4, set_to(routes("http", {"a": "c1"})), gone(cluster("c0")))

    assert ["RDS +http"] == stream.accept(CLUSTER)
    assert ["CDS -c0"] == stream.accept(ROUTES)


def test_gone_before_it_was_sent() -> None:
    """What comes and goes unseen is not mentioned."""
    stream = settled(*HTTP)
    stream.publish(2, set_to(cluster("c1")))
    stream.publish(3, set_to(cluster("c2")))
    stream.publish(4, gone(cluster("c2")))

    assert [] == stream.accept(CLUSTER)
    assert 4 == stream.session.settled


def test_updated_cluster_gets_its_endpoints_again() -> None:
    """Envoy warms an updated cluster without asking for the endpoints that it holds."""
    stream = settled(*HTTP)

    assert [
        "CDS +c0",
    ] == stream.publish(2, set_to(cluster("c0", connect_timeout="9s")))[:1]
    assert ["EDS +c0"] == [_written(each) for each in stream.under_way.values()][1:] + stream.advance()


def test_cluster_that_shares_endpoints_gets_them() -> None:
    """Nor does it ask when another cluster uses the same ClusterLoadAssignment."""
    config = {"eds_config": {"ads": {}}, "service_name": "c0"}
    stream = settled(*HTTP)

    sent = stream.publish(2, set_to(cluster("c1", eds_cluster_config=config))) + stream.advance()
    assert ["CDS +c1", "EDS +c0"] == sent


def test_secrets_are_foundations() -> None:
    """Routes wait for secrets that Envoy asked for, in the same batch."""
    first = secret("s", b"one", b"key")
    stream = settled(*HTTP)
    stream.publish(2, set_to(first))
    stream.ask(SECRET, "s")
    stream.accept(SECRET)

    assert ["SDS +s"] == stream.publish(3, set_to(secret("s", b"two", b"key"), routes("http", {"b": "c0"})))
    assert ["RDS +http"] == stream.accept(SECRET)


def test_listener_takes_over_an_address() -> None:
    """Envoy frees an address only within one response: the old listener leaves in the response that brings the new one."""
    stream = settled(*HTTP)

    renamed = set_to(listener("web", 80, routes="http"))
    assert ["LDS +web -http"] == stream.publish(2, renamed, gone(listener("http", 80)))


def test_listener_with_an_address_of_its_own() -> None:
    """Otherwise the old one stays until the new one is confirmed."""
    stream = settled(*HTTP)

    assert ["LDS +web"] == stream.publish(2, set_to(listener("web", 81, routes="http")), gone(listener("http", 80)))
    assert ["LDS -http"] == stream.accept(LISTENER)


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

    assert 5.0 == stream.session.deadline()
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

    assert ["CDS -b"] == stream.wait(0.2)
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
