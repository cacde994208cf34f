"""Listeners as they are declared, spread over the ports on which they are settled, in the order in which they come.

Listeners of Gateways come before those of ListenerSets; among each, older objects before younger ones, then namespace and name.
Source: Gateway API ListenerSet, "Listener precedence".
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from gatewright.api.gateway import Listener
from gatewright.api.meta import NamespacedName
from gatewright.graph.frontend_tls import FrontendValidation, of_port
from gatewright.graph.gateways import GatewayFacts
from gatewright.graph.listenersets import ListenerSetFacts
from gatewright.graph.tables import ListenerKey, ParentKey, PortKey


class Rank(NamedTuple):
    """The place of a listener among those of a port: if a set adds it, how old and who declares it, where it stands there."""

    added: bool
    created: str
    declared_by: NamespacedName
    place: int

    @property
    def parent(self) -> ParentKey:
        """The object that declares the listener."""
        return ParentKey("ListenerSet" if self.added else "Gateway", *self.declared_by)


class ListenerSpec(msgspec.Struct, frozen=True):
    """A listener as its Gateway or ListenerSet declares it."""

    key: ListenerKey
    rank: Rank
    listener: Listener
    addresses: tuple[str, ...]
    frontend: FrontendValidation | None = None

    @property
    def path(self) -> str:
        """The field of the listener in the object that declares it."""
        return f"spec.listeners[{self.rank.place}]"


def parent_key(kind: str, key: NamespacedName) -> ParentKey:
    """The key of a Gateway or ListenerSet among both."""
    return ParentKey(kind, *key)


def by_port(key: ParentKey, declared: GatewayFacts | ListenerSetFacts) -> Iterator[tuple[PortKey, ListenerKey, ListenerSpec]]:
    """Spread the listeners of accepted Gateways and ListenerSets over the ports of their proxies."""
    del key
    if not declared.accepted:
        return
    gateway, listener_set = (declared.gateway, declared.key) if isinstance(declared, ListenerSetFacts) else (declared.key, None)
    for index, listener in enumerate(declared.listeners):
        listener_key = ListenerKey(gateway, listener.name, listener_set)
        rank = Rank(listener_set is not None, declared.created, declared.key, index)
        secured = listener.protocol == "HTTPS"
        frontend = of_port(gateway, declared.tls, listener.port, told=listener_set is None) if secured else None
        spec = ListenerSpec(listener_key, rank, listener, declared.addresses, frontend)
        yield port_key(declared.proxy, listener), listener_key, spec


def port_key(proxy: str, listener: Listener) -> PortKey:
    """Return the port that a listener is settled on."""
    return PortKey(proxy, listener.port, "UDP" if listener.protocol == "UDP" else "TCP")
