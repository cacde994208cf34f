"""The entries of routes: one match of one rule each, rendered once, waiting to be joined into virtual hosts."""

from collections.abc import Iterable
from typing import Final

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_pb

from gatewright.graph.tables import ListenerKey, RouteKey, VirtualHostKey
from gatewright.wire.encoding import serialised, text
from gatewright.wire.matches import Precedence

_ROUTE_NAME: Final = route_pb.Route.NAME_FIELD_NUMBER
_ROOT: Final = "/"


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One match of one rule, rendered but for its name, which ends in the host.

    `path` is matched exactly or as a prefix of whole segments, as `exact` says; empty for a match of anything else. `conditional`
    is whether something besides the path must match.
    """

    order: Precedence
    name: str
    path: str
    exact: bool
    conditional: bool
    body: bytes


class RenderedRoute(msgspec.Struct, frozen=True):
    """The entries of a route for each host that serves it."""

    key: RouteKey
    hosts: tuple[tuple[VirtualHostKey, ListenerKey, tuple[Entry, ...]], ...]


class HostEntries(msgspec.Struct, frozen=True):
    """The entries of one route on one host of a listener."""

    listener: ListenerKey
    entries: tuple[Entry, ...]


def entry(order: Precedence, name: str, route: route_pb.Route) -> Entry:
    """Make the entry of a rendered route that has no name yet."""
    match = route.match
    kind = match.WhichOneof("path_specifier")
    path = match.path if kind == "path" else match.path_separated_prefix or (_ROOT if match.prefix == _ROOT else "")
    return Entry(order, name, path, kind == "path", len(match.ListFields()) > 1, serialised(route))


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries in the order in which they are to be tried."""
    return sorted(entries, key=lambda each: each.order)


def named(each: Entry, host: str) -> bytes:
    """Return an entry as a Route of `host`."""
    return each.body + text(_ROUTE_NAME, each.name + (host or "*").replace(".", "_"))
