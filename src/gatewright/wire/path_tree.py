"""The routes of a host with very many of them as a matcher tree: the path is looked up, not searched.

Envoy tries the routes of a virtual host one after the other, so the last of 10,000 costs ten times what the proxy does besides.
In the tree the longest key that the path begins with leads to the few routes that may match it, in the order in which the linear
form would try them: those of the exact path, regular expressions, those of the prefix, then those of shorter prefixes down to
the first that takes all. The shorter ones are needed even below a route that takes all of its prefix: a path may begin with a key
by chance (`/foobar` with `/foo`). A leaf is a row, so one route changed renders one leaf; what leaves would repeat is counted
before any is rendered. Source: Envoy VirtualHost.matcher, xds Matcher.MatcherTree; HTTPRouteRule.matches.
"""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Final, Literal, TypeVar

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.type.matcher.v3.http_inputs_pb2 import HttpRequestHeaderMatchInput
from xds.core.v3.extension_pb2 import TypedExtensionConfig
from xds.type.matcher.v3.matcher_pb2 import Matcher

from gatewright.flow import Read
from gatewright.graph.tables import ONLY, SETTINGS, RouteKey, VirtualHostKey
from gatewright.wire.encoding import field, packed, serialised, text
from gatewright.wire.entries import Entry, HostEntries, RenderedRoute, named, ordered
from gatewright.wire.tables import LEAVES_OF_HOST, LOOKED_UP_HOSTS, PATH_ENTRIES, TREES, PathKey

V = TypeVar("V")

_COPIES: Final = 3
_ALLOWANCE: Final = 1000
"""A tree may hold so many times as many routes as it has leaves, and these more; with more, the linear form it is."""

_ANYWHERE: Final = ""
_ROOT: Final = "/"
_ROUTE_LIST: Final = text(1, "type.googleapis.com/envoy.config.route.v3.RouteList")  # type_url of an Any
_LIST_ROUTES: Final = route_pb.RouteList.ROUTES_FIELD_NUMBER
_ACTION_NAME: Final = text(TypedExtensionConfig.NAME_FIELD_NUMBER, "routes")
_MAP_ENTRY: Final = Matcher.MatcherTree.MatchMap.MAP_FIELD_NUMBER
_PATH: Final = TypedExtensionConfig(name="path", typed_config=packed(HttpRequestHeaderMatchInput(header_name=":path")))
_INPUT: Final = field(Matcher.MatcherTree.INPUT_FIELD_NUMBER, serialised(_PATH))


class LookedUpRoute(msgspec.Struct, frozen=True):
    """The entries of a route on hosts that are trees, by path."""

    key: RouteKey
    paths: tuple[tuple[PathKey, tuple[Entry, ...]], ...]


def looked_up(read: Read, key: VirtualHostKey, members: Mapping[RouteKey, HostEntries]) -> Literal[True] | None:
    """Say whether a host has so many entries that it is to be a tree."""
    del key
    settings = read(SETTINGS, ONLY)
    counts = accumulate(len(each.entries) for each in members.values())
    return True if settings is not None and any(count >= settings.tree_from for count in counts) else None


def spread(read: Read, key: RouteKey, rendered: RenderedRoute) -> LookedUpRoute | None:
    """Gather the entries of a route on trees by path."""
    paths: dict[PathKey, list[Entry]] = {}
    for host, _, entries in rendered.hosts:
        if read(LOOKED_UP_HOSTS, host):
            for each in entries:
                paths.setdefault(PathKey(host, each.path), []).append(each)
    return LookedUpRoute(key, tuple((path, tuple(entries)) for path, entries in paths.items())) if paths else None


def by_path(key: RouteKey, route: LookedUpRoute) -> Iterator[tuple[PathKey, RouteKey, tuple[Entry, ...]]]:
    """Spread routes over the paths of their hosts."""
    for path, entries in route.paths:
        yield path, key, entries


def routes(read: Read, key: PathKey, members: Mapping[RouteKey, tuple[Entry, ...]]) -> int:
    """Count the routes that the leaf of a path would hold."""
    own = _count(members)
    if key.path == _ANYWHERE:
        return own
    return own + _count(read(PATH_ENTRIES, PathKey(key.host, _ANYWHERE)) or {}) + sum(1 for _ in _shorter(read, key))


def is_worth_it(read: Read, key: VirtualHostKey, routes_by_path: Mapping[str, int]) -> Literal[True] | None:
    """Say whether a host is a tree; with too many routes that match anywhere it is better tried in order."""
    del read, key
    return True if sum(routes_by_path.values()) <= _COPIES * len(routes_by_path) + _ALLOWANCE else None


def leaf(read: Read, key: PathKey, members: Mapping[RouteKey, tuple[Entry, ...]]) -> bytes | None:
    """Render a path of a tree with all routes that a request may match whose path begins with it."""
    if not read(TREES, key.host):
        return None
    tried = _all(members)
    if key.path != _ANYWHERE:
        anywhere = _all(read(PATH_ENTRIES, PathKey(key.host, _ANYWHERE)) or {})
        tried = ordered([*tried, *anywhere, *_shorter(read, key)])
    action = _on_match(b"".join(field(_LIST_ROUTES, named(each, key.host.host)) for each in tried))
    return action if key.path == _ANYWHERE else field(_MAP_ENTRY, text(1, key.path) + field(2, action))


def by_host(key: PathKey, row: V) -> Iterator[tuple[VirtualHostKey, str, V]]:
    """Gather what is known of the paths of a host."""
    yield key.host, key.path, row


def matcher(read: Read, host: VirtualHostKey) -> bytes | None:
    """Join the tree of a host; None for one that is none."""
    leaves = read(LEAVES_OF_HOST, host)
    if not leaves:
        return None
    keys = b"".join(leaves[path] for path in sorted(leaves) if path != _ANYWHERE)
    anywhere = leaves.get(_ANYWHERE)
    by_prefix = _INPUT + field(Matcher.MatcherTree.PREFIX_MATCH_MAP_FIELD_NUMBER, keys)
    fallback = field(Matcher.ON_NO_MATCH_FIELD_NUMBER, anywhere) if anywhere else b""
    return field(Matcher.MATCHER_TREE_FIELD_NUMBER, by_prefix) + fallback


def _count(members: Mapping[RouteKey, tuple[Entry, ...]]) -> int:
    return sum(map(len, members.values()))


def _all(members: Mapping[RouteKey, tuple[Entry, ...]]) -> list[Entry]:
    return ordered(each for entries in members.values() for each in entries)


def _shorter(read: Read, key: PathKey) -> Iterator[Entry]:
    """Yield the entries by a shorter prefix, the longest first, down to one that takes all."""
    for prefix in _above(key.path):
        members = read(PATH_ENTRIES, PathKey(key.host, prefix))
        for each in _all(members) if members else ():
            if not each.exact:
                yield each
                if not each.conditional:
                    return


def _above(path: str) -> Iterator[str]:
    """Yield all that a path is below of, by whole segments."""
    below = path
    while (cut := path.rfind("/")) > 0:
        path = path[:cut]
        yield path
    if below != _ROOT:
        yield _ROOT


def _on_match(routes: bytes) -> bytes:
    """Return the OnMatch that tries routes in order."""
    action = _ACTION_NAME + field(TypedExtensionConfig.TYPED_CONFIG_FIELD_NUMBER, _ROUTE_LIST + field(2, routes))
    return field(Matcher.OnMatch.ACTION_FIELD_NUMBER, action)
