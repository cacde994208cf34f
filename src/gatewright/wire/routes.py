"""HTTP routes as bytes: entries, virtual hosts, route configurations.

A route's entries are rendered once; a virtual host joins the entries of all its routes in the order of the Gateway API's
precedence, very many of them as a tree; a route configuration joins its virtual hosts. Joining is concatenation, so a change
costs one rendering and two joins. Names are Envoy Gateway's (conventions, section 1).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.config.route.v3 import route_pb2
from google.protobuf.wrappers_pb2 import UInt32Value

from gatewright.features.cors import preflight
from gatewright.flow import Read
from gatewright.graph import hostnames
from gatewright.graph.attachment import BoundRoute, Place, rivals
from gatewright.graph.filters import MAX_BODY_BYTES
from gatewright.graph.rules import RuleFacts
from gatewright.graph.tables import PORTS, ListenerKey, PortKey, RouteConfigKey, RouteKey, VirtualHostKey
from gatewright.wire import path_tree
from gatewright.wire.encoding import field, serialised
from gatewright.wire.entries import Entry, HostEntries, RenderedRoute, entry, named, ordered
from gatewright.wire.matches import cookie, precedence
from gatewright.wire.resource import ROUTES, Resource, resource
from gatewright.wire.rules import Site, rule_routes
from gatewright.wire.tables import CONFIG_HOSTS

_HOST_ROUTES: Final = route_pb.VirtualHost.ROUTES_FIELD_NUMBER
_HOST_MATCHER: Final = route_pb.VirtualHost.MATCHER_FIELD_NUMBER
_CONFIG_HOSTS: Final = route_pb2.RouteConfiguration.VIRTUAL_HOSTS_FIELD_NUMBER
_MISDIRECTED: Final = 421
_MOST_NAMED: Final = 128  # by more listeners on a port every one would name every other: they are summed up


class VirtualHostBytes(msgspec.Struct, frozen=True, gc=False):
    """A virtual host as the field of a RouteConfiguration that holds it."""

    config: RouteConfigKey
    body: bytes


def render(read: Read, key: RouteKey, route: BoundRoute) -> RenderedRoute | None:
    """Render every match of every rule, once for each kind of listener that makes a difference; only of routes of requests."""
    del read
    if route.facts.rules and not route.facts.for_requests:
        return None
    by_site: dict[Site, tuple[Entry, ...]] = {}
    hosts: list[tuple[VirtualHostKey, ListenerKey, tuple[Entry, ...]]] = []
    for place in route.places:
        site = _site(route, place)
        if site not in by_site:
            by_site[site] = _entries(route, site)
        hosts.extend((host, place.listener, by_site[site]) for host in place.hosts)
    return RenderedRoute(key, tuple(hosts))


def by_host(key: RouteKey, rendered: RenderedRoute) -> Iterator[tuple[VirtualHostKey, RouteKey, HostEntries]]:
    """Spread rendered routes over the virtual hosts that serve them."""
    del key
    for host, listener, entries in rendered.hosts:
        yield host, rendered.key, HostEntries(listener, entries)


def virtual_host(read: Read, key: VirtualHostKey, members: Mapping[RouteKey, HostEntries]) -> VirtualHostBytes:
    """Join the entries of all routes of a host, most specific match first."""
    listener = next(iter(members.values())).listener
    body = _host_head(listener, key.host)
    matcher = path_tree.matcher(read, key)
    if matcher is None:
        entries = ordered(entry for each in members.values() for entry in each.entries)
        body += b"".join(field(_HOST_ROUTES, named(entry, key.host)) for entry in entries)
    else:
        body += field(_HOST_MATCHER, matcher)
    return VirtualHostBytes(key.config, field(_CONFIG_HOSTS, body))


def by_config(key: VirtualHostKey, host: VirtualHostBytes) -> Iterator[tuple[RouteConfigKey, str, bytes]]:
    """Gather virtual hosts by their route configuration."""
    yield host.config, key.host, host.body


def route_configuration(read: Read, key: RouteConfigKey, listeners: Mapping[str, ListenerKey]) -> Resource | None:
    """Join the virtual hosts of a route configuration.

    Beside other listeners each has a virtual host for its own hostname even without routes, so that a request is never answered
    by a less specific listener (GatewayHTTPListenerIsolation); requests for hosts of other HTTPS listeners are told so.
    """
    name = configuration_name(read, key)
    if name is None:
        return None
    served = read(CONFIG_HOSTS, key)
    hosts = dict(served) if served else {}
    others = []
    if key.listener:  # it has one hostname
        others = hostnames.summed(rivals(read, key).keys() - listeners.keys(), next(iter(listeners)), _MOST_NAMED)
    if len(listeners) > 1 or others:
        for hostname, listener in listeners.items():
            hosts.setdefault(hostname, field(_CONFIG_HOSTS, _host_head(listener, hostname)))
    head = route_pb2.RouteConfiguration(
        name=name,
        ignore_port_in_host_matching=True,
        max_direct_response_body_size_bytes=UInt32Value(value=MAX_BODY_BYTES),
    )
    joined = b"".join(map(hosts.__getitem__, sorted(hosts)))
    return resource(ROUTES, name, serialised(head) + joined + (_misdirected(name, others) if others else b""))


def _misdirected(name: str, hosts: Sequence[str]) -> bytes:
    """Answer 421 for the hosts of other listeners of the port: the connection was made, by its SNI, for this one (GEP-3567).

    Clients reuse HTTP/2 connections for every host that the certificate covers; on 421 they make one of that host's own.
    """
    answer = route_pb.Route(
        match=route_pb.RouteMatch(prefix="/"), direct_response=route_pb.DirectResponseAction(status=_MISDIRECTED)
    )
    host = route_pb.VirtualHost(name=f"{name}/misdirected", domains=[host or "*" for host in hosts], routes=[answer])
    return field(_CONFIG_HOSTS, serialised(host))


def configuration_name(read: Read, key: RouteConfigKey) -> str | None:
    """Name a route configuration after its listener; plain HTTP listeners share that of the first of them on the port."""
    if key.listener:
        return key.listener
    port = read(PORTS, PortKey(key.proxy, key.port))
    serving = port.serving if port else ()
    return listener_name(serving[0].key) if serving else None


def listener_name(key: ListenerKey) -> str:
    """Name an xDS listener, filter chain or route configuration after a listener."""
    return str(key)


def _host_head(listener: ListenerKey, host: str) -> bytes:
    domain = host or "*"
    name = f"{listener_name(listener)}/{domain.replace('.', '_')}"
    return serialised(route_pb.VirtualHost(name=name, domains=[domain]))


def _site(route: BoundRoute, place: Place) -> Site:
    """Tell listeners apart only where it shows: a redirect may print the listener's port, a cookie may be for HTTPS only."""
    rules = route.facts.for_requests
    https = place.protocol == "HTTPS"
    if any(each.spec.type == "RequestRedirect" for rule in rules for each in rule.all_filters):
        return Site(place.port, https)
    return Site(0, https and any(rule.session is not None for rule in rules))


def _entries(route: BoundRoute, site: Site) -> tuple[Entry, ...]:
    return tuple(entry for rule in route.facts.for_requests for entry in _rule_entries(route, rule, site))


def _rule_entries(route: BoundRoute, rule: RuleFacts, site: Site) -> Iterator[Entry]:
    name = f"{route.key.kind.lower()}/{route.key.namespace}/{route.key.name}/rule/{rule.index}/match/"
    crosses_origins = any(each.spec.type == "CORS" for each in rule.all_filters)
    for match in rule.matches:
        order = precedence(match, route.created, route.key, rule.index)
        place = f"{name}{match.index}/"
        asked_before = preflight(match.request) if crosses_origins else None
        for part, each in rule_routes(rule, match.request, site):
            each.match.headers.extend(map(cookie, match.cookies))
            yield entry(order, place + part, each)
        if asked_before is not None:  # which comes without cookies
            yield from (entry(order, f"{place}preflight/{part}", each) for part, each in rule_routes(rule, asked_before, site))
