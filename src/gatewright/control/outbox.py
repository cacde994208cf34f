"""What leaves the settled tables for the proxies, and what comes back from them.

Tables key resources by what they are of; proxies know them by name. The outbox keeps the two in step: a row that is gone, or goes
by another name now, takes its old name away, unless another row has taken that name. Clusters that nothing points at any more
stay for a while: requests under way may still need them, and one that is wanted again at once need not warm up again. What a
proxy said of a name finds its row, also when the row comes later.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from gatewright.ads.messages import Delivery, ResourceChange
from gatewright.flow import Changes, World
from gatewright.status.tables import DELIVERIES, Delivered, DeliveryKey
from gatewright.wire.resource import CLUSTER, ENDPOINTS, Resource
from gatewright.world import DELIVERED
from gatewright.writers.refusals import Name, Refusal

LINGER_SECONDS: Final = 10.0
_LINGERING: Final = frozenset({CLUSTER, ENDPOINTS})


class Outbox:
    """The names under which rows were last sent, and what proxies said of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._names: dict[DeliveryKey, Name] = {}
        self._keys: dict[Name, DeliveryKey] = {}
        self._said: dict[Name, Delivered] = {}
        self._elsewhere: Mapping[Name, Refusal] = {}
        self._leaving: dict[Name, float] = {}

    def take(self, changes: Changes, now: float) -> list[ResourceChange]:
        """Turn changed rows into what proxies shall hold from now on; `now` is in seconds of any steady clock."""
        gone: dict[Name, None] = {}
        sent: dict[Name, Resource] = {}
        for what, ref in DELIVERED.items():
            for row_key in changes.get(ref, ()):
                key = DeliveryKey(what, row_key)
                resource = self._world.get(ref, row_key)
                name = Name(row_key.proxy, resource.type_url, resource.name) if resource else None
                before = self._names.get(key)
                if before is not None and before != name:
                    gone[before] = None
                    self._release(key, before)
                if name is not None and resource is not None:
                    self._claim(key, name)
                    sent[name] = resource
        self._leaving |= {name: now + (LINGER_SECONDS if name.type_url in _LINGERING else 0) for name in gone if name not in sent}
        return [*self._removals(now), *(ResourceChange(*name, resource) for name, resource in sent.items())]

    def deadline(self) -> float | None:
        """When something that lingers is to leave, if anything does."""
        return min(self._leaving.values(), default=None)

    def delivered(self, deliveries: Iterable[Delivery]) -> None:
        """Put what Envoy said into the world."""
        for each in deliveries:
            name = Name(each.proxy, each.type_url, each.name)
            if each.accepted is None and each.refused is None:
                self._said.pop(name, None)
            else:
                refusal = each.message if each.refused else ""
                self._said[name] = Delivered(each.name, accepted=each.accepted is not None, refusal=refusal)
            self._tell(name)

    def refused_elsewhere(self, refusals: Mapping[Name, Refusal]) -> bool:
        """Take all that proxies refuse of other replicas; says whether that changes anything here.

        A refusal counts as long as its version is the one that we, too, would send.
        """
        before, self._elsewhere = self._elsewhere, refusals
        news = [name for name in before.keys() | self._elsewhere.keys() if self._tell(name)]
        return bool(news)

    def forget(self, proxy: str) -> None:
        """The proxy is gone, with all that it held."""
        for names in (self._said, self._leaving):
            for name in [name for name in names if name.proxy == proxy]:
                del names[name]

    def _claim(self, key: DeliveryKey, name: Name) -> None:
        self._names[key] = name
        self._keys[name] = key
        self._leaving.pop(name, None)
        self._tell(name)

    def _tell(self, name: Name) -> bool:
        """Put into the world what is known of a name, if it is anybody's; says whether that was news."""
        key = self._keys.get(name)
        if key is None:
            return False
        said, refused = self._said.get(name), self._elsewhere.get(name)
        resource = self._world.get(DELIVERED[key.what], key.of) if refused is not None else None
        if refused is not None and resource is not None and resource.version == refused.version and not (said and said.refusal):
            accepted = refused.accepted or (said is not None and said.accepted)
            said = Delivered(name.name, accepted=accepted, refusal=refused.message)
        return self._world.put(DELIVERIES, key, said)

    def _release(self, key: DeliveryKey, name: Name) -> None:
        del self._names[key]
        if self._keys.get(name) == key:
            del self._keys[name]
        self._world.put(DELIVERIES, key, None)

    def _removals(self, now: float) -> list[ResourceChange]:
        due = [name for name, deadline in self._leaving.items() if deadline <= now]
        for name in due:
            del self._leaving[name]
        return [ResourceChange(*name, None) for name in due]
