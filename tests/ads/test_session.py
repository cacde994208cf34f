"""Conversations of one stream, without I/O: what is sent in which order, and what waits for what."""

from gatewright.ads.messages import Delivery
from gatewright.wire.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET
from tests.ads.resources import PROXY, cluster, endpoints, gone, listener, routes, secret, set_to
from tests.ads.stream import HTTP, Stream, settled, written


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
    assert ["EDS +c0"] == [written(each) for each in stream.under_way.values()][1:] + stream.advance()


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
