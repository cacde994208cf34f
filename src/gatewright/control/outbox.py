"""What leaves the settled tables for the proxies, and what comes back from them.

Tables key resources by what they are of; proxies know them by name. The outbox keeps the two in step: a row that is gone, or goes
by another name now, takes its old name away, unless another row has taken that name. Deliveries find their row again by name.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gatewright.ads.messages import Delivery, ResourceChange
from gatewright.flow import Changes, World
from gatewright.status.tables import DELIVERIES, Delivered, DeliveryKey
from gatewright.wire.resource import Resource
from gatewright.world import DELIVERED


class _Name(NamedTuple):
    """A resource as a proxy knows it."""

    proxy: str
    type_url: str
    name: str


class Outbox:
    """The names under which rows were last sent."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._names: dict[DeliveryKey, _Name] = {}
        self._keys: dict[_Name, DeliveryKey] = {}

    def take(self, changes: Changes) -> list[ResourceChange]:
        """Turn changed rows into what proxies shall hold from now on; forgets the deliveries of names that are gone."""
        gone: dict[_Name, None] = {}
        sent: dict[_Name, Resource] = {}
        for what, ref in DELIVERED.items():
            for row_key in changes.get(ref, ()):
                key = DeliveryKey(what, row_key)
                resource = self._world.get(ref, row_key)
                before = self._names.pop(key, None)
                name = _Name(row_key.proxy, resource.type_url, resource.name) if resource else None
                if before is not None and before != name:
                    gone[before] = None
                    self._world.put(DELIVERIES, key, None)
                    if self._keys.get(before) == key:
                        del self._keys[before]
                if name is not None and resource is not None:
                    self._names[key] = name
                    self._keys[name] = key
                    sent[name] = resource
        removals = [ResourceChange(*name, None) for name in gone if name not in sent]
        return removals + [ResourceChange(*name, resource) for name, resource in sent.items()]

    def delivered(self, deliveries: Iterable[Delivery]) -> None:
        """Put what Envoy said into the world; what is said of names that are gone is forgotten."""
        for each in deliveries:
            key = self._keys.get(_Name(each.proxy, each.type_url, each.name))
            if key is not None:
                row = Delivered(each.name, accepted=each.accepted is not None, refusal=each.message if each.refused else "")
                self._world.put(DELIVERIES, key, row)
