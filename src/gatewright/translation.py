"""Objects in, statuses and resources out, in one go: the door for `translate` and for tests.

The world is settled twice: once for the objects, once as if every proxy had accepted what it was sent, since offline nobody
refuses anything.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from gatewright.api.admission import Admitted
from gatewright.api.meta import NamespacedName
from gatewright.flow import World
from gatewright.graph import tables as g
from gatewright.graph.proxies import ProxyFacts
from gatewright.graph.settings import GraphSettings
from gatewright.status import tables as s
from gatewright.status.document import StatusDocument
from gatewright.wire import tables as w
from gatewright.wire.resource import Resource
from gatewright.world import BY_KIND, DELIVERED, build


class Translation(msgspec.Struct, frozen=True):
    """What becomes of a set of objects: statuses in a stable order, and the resources of each proxy by type and name."""

    statuses: tuple[StatusDocument, ...]
    resources: Mapping[str, tuple[Resource, ...]]
    proxies: Mapping[str, ProxyFacts]


Addresses: TypeAlias = Mapping[NamespacedName, tuple[tuple[str, str], ...]]
"""Type and value of each address that a Gateway has."""

_NONE: Final[Addresses] = MappingProxyType({})


def translate(objects: Iterable[Admitted], settings: GraphSettings, now: int, addresses: Addresses = _NONE) -> Translation:
    """Settle a world of these objects; `now` is Unix seconds, for certificates, `addresses` what a cluster gave its Gateways."""
    world = settled(objects, settings, now, addresses)
    return Translation(tuple(documents(world)), resources(world), dict(world.rows(g.PROXIES)))


def settled(objects: Iterable[Admitted], settings: GraphSettings, now: int, addresses: Addresses = _NONE) -> World:
    """Settle a world of these objects, as if every proxy had accepted what it was sent."""
    world = build(settings)
    world.put(g.NOW, g.ONLY, now)
    for admitted in objects:
        ref = BY_KIND.get(admitted.kind.name)
        if ref is not None:
            world.put(ref, admitted.key, admitted.object)
    world.settle()
    deliver_all(world, addresses)
    world.settle()
    return world


def deliver_all(world: World, addresses: Addresses = _NONE) -> None:
    """Report every proxy as running, and every resource as accepted."""
    for proxy, facts in world.rows(g.PROXIES).items():
        found = dict.fromkeys(each for gateway in facts.gateways for each in addresses.get(gateway, ()))
        world.put(s.PROXY_HEALTH, proxy, s.ProxyHealth(running=True, addresses=tuple(found)))
    for what, ref in DELIVERED.items():
        for key, resource in world.rows(ref).items():
            world.put(s.DELIVERIES, s.DeliveryKey(what, key), s.Delivered(resource.name, accepted=True))


def documents(world: World) -> Iterable[StatusDocument]:
    """Return all status documents, ordered by kind and key."""
    for ref in s.DOCUMENTS.values():
        rows = world.rows(ref)
        yield from (rows[key] for key in sorted(rows))


def resources(world: World) -> dict[str, tuple[Resource, ...]]:
    """Return the resources of each proxy, ordered by type and name."""
    found: dict[str, list[Resource]] = {proxy: [] for proxy in sorted(world.rows(g.PROXIES))}
    for ref in w.RESOURCES:
        for key, resource in world.rows(ref).items():
            found.setdefault(key.proxy, []).append(resource)
    order = {type_url: i for i, type_url in enumerate(w.TYPES)}
    return {proxy: tuple(sorted(each, key=lambda r: (order[r.type_url], r.name))) for proxy, each in found.items()}
