"""What leaves the tables for the proxies, and what comes back."""

from gatewright.ads.messages import Delivery, ResourceChange
from gatewright.control.outbox import LINGER_SECONDS, Outbox
from gatewright.flow import World
from gatewright.graph.tables import ClusterKey, PortKey, ProxyCluster
from gatewright.status.tables import DELIVERIES, Delivered, DeliveryKey
from gatewright.wire.resource import CLUSTER, LISTENER, Resource, resource
from gatewright.world import DELIVERED
from gatewright.writers.refusals import Refusal

PROXY = "default/eg"
ONE = PortKey(PROXY, 80)
TWO = PortKey(PROXY, 81)
BACKEND = ProxyCluster(PROXY, ClusterKey("service", "default", "web", 80))


def plane() -> tuple[World, Outbox]:
    """Make a world whose resource tables are inputs, so that a test says what was rendered."""
    world = World()
    for ref in DELIVERED.values():
        world.source(ref)
    world.source(DELIVERIES)
    return world, Outbox(world)


def listener(name: str, body: bytes = b"") -> Resource:
    return resource(LISTENER, name, body)


def told(changes: list[ResourceChange]) -> dict[str, bool]:
    """Which names are to be there, and which are not."""
    return {change.name: change.resource is not None for change in changes}


def test_a_row_that_is_gone_takes_its_name_away() -> None:
    """A removed row is a removal of the name under which it was sent."""
    world, outbox = plane()
    world.put(DELIVERED["listener"], ONE, listener("http"))
    assert {"http": True} == told(outbox.take(world.settle(), 0))
    world.put(DELIVERED["listener"], ONE, None)
    assert {"http": False} == told(outbox.take(world.settle(), 1))
    assert [] == outbox.take(world.settle(), 2)


def test_a_name_that_moves_to_another_row_is_not_removed() -> None:
    """A listener that changes its port keeps its name: the proxy hears of one change, not of an end and a beginning."""
    world, outbox = plane()
    world.put(DELIVERED["listener"], ONE, listener("http", b"80"))
    outbox.take(world.settle(), 0)
    world.put(DELIVERED["listener"], ONE, None)
    world.put(DELIVERED["listener"], TWO, listener("http", b"81"))
    assert {"http": True} == told(outbox.take(world.settle(), 1))


def test_a_row_that_goes_by_another_name_takes_the_old_one_away() -> None:
    """The first listener of a port gives the port its name."""
    world, outbox = plane()
    world.put(DELIVERED["listener"], ONE, listener("a"))
    outbox.take(world.settle(), 0)
    world.put(DELIVERED["listener"], ONE, listener("b"))
    assert {"a": False, "b": True} == told(outbox.take(world.settle(), 1))


def test_clusters_linger() -> None:
    """A cluster that nothing points at any more leaves later, and not at all when it is wanted again before."""
    world, outbox = plane()
    cluster = resource(CLUSTER, "web", b"1")
    world.put(DELIVERED["cluster"], BACKEND, cluster)
    outbox.take(world.settle(), 0)
    world.put(DELIVERED["cluster"], BACKEND, None)
    assert [] == outbox.take(world.settle(), 1)
    assert 1 + LINGER_SECONDS == outbox.deadline()
    world.put(DELIVERED["cluster"], BACKEND, cluster)
    assert {"web": True} == told(outbox.take(world.settle(), 2))
    assert outbox.deadline() is None
    world.put(DELIVERED["cluster"], BACKEND, None)
    outbox.take(world.settle(), 3)
    assert {"web": False} == told(outbox.take(world.settle(), 3 + LINGER_SECONDS))


def test_deliveries_find_their_row() -> None:
    """What Envoy said of a name stands under the key of the row that has the name."""
    world, outbox = plane()
    world.put(DELIVERED["listener"], ONE, listener("http"))
    outbox.take(world.settle(), 0)
    outbox.delivered([Delivery(PROXY, LISTENER, "http", None, "v1", "cannot bind")])
    assert Delivered("http", accepted=False, refusal="cannot bind") == world.get(DELIVERIES, DeliveryKey("listener", ONE))
    outbox.delivered([Delivery(PROXY, LISTENER, "http", "v1", None)])
    assert Delivered("http", accepted=True) == world.get(DELIVERIES, DeliveryKey("listener", ONE))


def test_what_was_said_before_the_row_came_counts() -> None:
    """A proxy that is adopted holds its configuration already and says so once; a row that comes back is told."""
    world, outbox = plane()
    outbox.delivered([Delivery(PROXY, LISTENER, "http", "v1", None)])
    world.put(DELIVERED["listener"], ONE, listener("http"))
    outbox.take(world.settle(), 0)
    assert Delivered("http", accepted=True) == world.get(DELIVERIES, DeliveryKey("listener", ONE))
    assert world.pending
    outbox.delivered([Delivery(PROXY, LISTENER, "http", None, None)])
    assert world.get(DELIVERIES, DeliveryKey("listener", ONE)) is None


def test_a_proxy_that_is_gone_is_forgotten() -> None:
    """Nothing lingers for it, and nothing that it said counts for a proxy of that name to come."""
    world, outbox = plane()
    world.put(DELIVERED["cluster"], BACKEND, resource(CLUSTER, "web", b"1"))
    outbox.take(world.settle(), 0)
    outbox.delivered([Delivery(PROXY, CLUSTER, "web", "v1", None)])
    world.put(DELIVERED["cluster"], BACKEND, None)
    outbox.take(world.settle(), 1)
    outbox.forget(PROXY)
    assert outbox.deadline() is None
    world.put(DELIVERED["cluster"], BACKEND, resource(CLUSTER, "web", b"1"))
    outbox.take(world.settle(), 2)
    assert world.get(DELIVERIES, DeliveryKey("cluster", BACKEND)) is None


def test_what_is_refused_elsewhere_counts_for_that_version() -> None:
    """A proxy of another replica refuses what we, too, would send: known here, until it is another version, or taken there."""
    world, outbox = plane()
    bad = listener("http", b"bad")
    refusal = Refusal(PROXY, LISTENER, "http", bad.version, "cannot bind", accepted=False)
    key = DeliveryKey("listener", ONE)
    assert not outbox.refused_elsewhere({refusal.of: refusal})
    world.put(DELIVERED["listener"], ONE, bad)
    outbox.take(world.settle(), 0)
    assert Delivered("http", accepted=False, refusal="cannot bind") == world.get(DELIVERIES, key)
    world.put(DELIVERED["listener"], ONE, listener("http", b"good"))
    outbox.take(world.settle(), 1)
    assert world.get(DELIVERIES, key) is None
    world.put(DELIVERED["listener"], ONE, bad)
    outbox.take(world.settle(), 2)
    assert outbox.refused_elsewhere({})
    assert world.get(DELIVERIES, key) is None


def test_what_a_proxy_says_here_goes_before_what_another_refuses_elsewhere() -> None:
    """An Envoy of ours refuses in its own words; one that takes what another refuses does not make that good."""
    world, outbox = plane()
    sent = listener("http")
    world.put(DELIVERED["listener"], ONE, sent)
    outbox.take(world.settle(), 0)
    refusal = Refusal(PROXY, LISTENER, "http", sent.version, "theirs", accepted=False)
    outbox.delivered([Delivery(PROXY, LISTENER, "http", sent.version, None)])
    outbox.refused_elsewhere({refusal.of: refusal})
    assert Delivered("http", accepted=True, refusal="theirs") == world.get(DELIVERIES, DeliveryKey("listener", ONE))
    outbox.delivered([Delivery(PROXY, LISTENER, "http", None, sent.version, "ours")])
    assert Delivered("http", accepted=False, refusal="ours") == world.get(DELIVERIES, DeliveryKey("listener", ONE))
