"""ReferenceGrants: who may refer to what in another namespace.

A reference is permitted if one grant in the target's namespace has a `from` entry and a `to` entry that both match. Source:
Gateway API ReferenceGrant (Core).
"""

from collections.abc import Iterator

import msgspec

from gatewright.api.meta import NamespacedName
from gatewright.api.referencegrant import ReferenceGrant
from gatewright.flow import Read
from gatewright.graph.tables import GRANTS


class Referrer(msgspec.Struct, frozen=True):
    """The object that holds a reference."""

    group: str
    kind: str
    namespace: str


class Target(msgspec.Struct, frozen=True):
    """The object that a reference names."""

    group: str
    kind: str
    namespace: str
    name: str


def by_namespace(key: NamespacedName, grant: ReferenceGrant) -> Iterator[tuple[str, NamespacedName, ReferenceGrant]]:
    """Spread grants over the namespaces that they open."""
    yield key.namespace, key, grant


def permits(read: Read, referrer: Referrer, target: Target) -> bool:
    """Say whether `referrer` may refer to `target`; within one namespace always."""
    if referrer.namespace == target.namespace:
        return True
    grants = read(GRANTS, target.namespace) or {}
    return any(allows(grant, referrer, target) for grant in grants.values())


def allows(grant: ReferenceGrant, referrer: Referrer, target: Target) -> bool:
    """Say whether one grant, of the target's namespace, lets `referrer` refer to `target`."""
    return any(
        (source.group, source.kind, source.namespace) == (referrer.group, referrer.kind, referrer.namespace)
        for source in grant.spec.from_
    ) and any((to.group, to.kind) == (target.group, target.kind) and to.name in (None, "", target.name) for to in grant.spec.to)
