"""The wiring: every table of the control plane, in the order in which it settles. This is the architecture diagram.

Inputs are objects by kind, the settings, the time, and what the data plane reports. Then the graph (who is attached to what), the
resources that proxies are sent, and the status documents; status is last, so there is no cycle.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from gatewright.flow import Ref, World
from gatewright.graph import (
    attachment,
    backend_tls,
    backend_tls_policies,
    certificates,
    classes,
    gateways,
    grants,
    listeners,
    listenersets,
    policies,
    proxies,
    routes,
    specs,
)
from gatewright.graph import tables as g
from gatewright.graph.settings import GraphSettings
from gatewright.status import backends as backend_status
from gatewright.status import classes as class_status
from gatewright.status import gateways as gateway_status
from gatewright.status import listenersets as listener_set_status
from gatewright.status import policies as policy_status
from gatewright.status import routes as route_status
from gatewright.status import tables as s
from gatewright.wire import clusters, credentials, endpoints, path_tree, secrets, streams
from gatewright.wire import listeners as wire_listeners
from gatewright.wire import routes as wire_routes
from gatewright.wire import tables as w
from gatewright.wire.resource import Resource

DELIVERED: Final[Mapping[s.What, Ref[Any, Resource]]] = {
    "cluster": w.CLUSTERS,
    "endpoints": w.ENDPOINTS,
    "secret": w.TLS_SECRETS,
    "credential": w.CREDENTIALS,
    "subscriber": w.CREDENTIAL_SUBSCRIBERS,
    "authorities": w.CA_BUNDLES,
    "listener": w.LISTENERS,
    "routes": w.ROUTE_CONFIGS,
    "streams": w.STREAMS,
}


BY_KIND: Final[Mapping[str, Ref[Any, Any]]] = {ref.name: ref for ref in g.INPUTS}  # input tables by the kind of their objects
ASKED: Final[Mapping[str, Ref[Any, Any]]] = {
    "Secret": g.SECRETS,
    "ConfigMap": g.CONFIG_MAPS,
    "EndpointSlice": g.SLICES,
}
"""Kinds of which a cluster is asked only for what rules look up, and the tables in which they do."""


def build(settings: GraphSettings) -> World:
    """Make an empty world under `settings`."""
    world = World()
    inputs: tuple[Ref[Any, Any], ...] = (g.SETTINGS, g.NOW, *g.INPUTS, *s.STATUS_INPUTS)
    for ref in inputs:
        world.source(ref)
    _graph(world)
    _wire(world)
    _status(world)
    world.put(g.SETTINGS, g.ONLY, settings)
    return world


def _graph(world: World) -> None:
    world.index(g.GRANTS, g.REFERENCE_GRANTS, grants.by_namespace)
    world.index(g.SLICES, g.ENDPOINT_SLICES, endpoints.by_service)
    world.derived(g.CERTIFICATES, g.SECRETS, certificates.examine)
    world.derived(g.CERTIFICATE_PROBLEMS, g.CERTIFICATES, certificates.problem)
    world.union(g.POLICIES, g.POLICY_KINDS, policies.key_of)
    world.index(g.POLICY_CLAIMS, g.POLICIES, policies.claims)
    world.derived(g.BACKEND_TLS_FACTS, g.BACKEND_TLS_POLICIES, backend_tls_policies.judge)
    world.derived(g.CLASSES, g.GATEWAY_CLASSES, classes.accept)
    world.derived(g.GATEWAY_FACTS, g.GATEWAYS, gateways.accept)
    world.derived(g.LISTENER_SET_FACTS, g.LISTENER_SETS, listenersets.accept)
    world.index(g.GATEWAY_SETS, g.LISTENER_SET_FACTS, listenersets.by_gateway)
    world.index(g.DEFAULT_GATEWAYS, g.GATEWAYS, gateways.by_scope)
    world.index(g.PROXY_GATEWAYS, g.GATEWAY_FACTS, gateways.by_proxy)
    world.derived(g.PROXIES, g.PROXY_GATEWAYS, proxies.gather)
    world.derived(g.PROXY_CERTIFICATES, g.PROXY_GATEWAYS, backend_tls.client_certificate)
    world.union(g.PARENTS, g.PARENT_FACTS, specs.parent_key)
    world.index(g.PORT_LISTENERS, g.PARENTS, specs.by_port)
    world.index(g.PORT_CLAIMS, g.PORT_LISTENERS, listeners.claims)
    world.derived(g.PORTS, g.PORT_LISTENERS, listeners.settle)  # conflicts are settled per port
    world.index(g.GATEWAY_LISTENERS, g.PORTS, listeners.by_gateway)
    world.index(g.SET_LISTENERS, g.PORTS, listeners.by_set)
    world.index(g.LISTENER_VIEWS, g.PORTS, attachment.views)  # what routes see: not the certificates
    world.index(g.PORT_HOSTS, g.PORTS, attachment.hosts)
    world.index(g.TLS_HOSTS, g.PORTS, attachment.tls_hosts)
    world.union(g.ROUTES, g.ROUTE_KINDS, routes.key_of)
    world.derived(g.ROUTE_FACTS, g.ROUTES, routes.resolve)  # rules and backends
    world.derived(g.BOUND, g.ROUTES, routes.attach)  # parents and hosts
    world.index(g.ATTACHED, g.BOUND, attachment.attached)
    world.index(g.CLUSTER_USES, g.BOUND, routes.clusters)
    world.index(g.CREDENTIAL_USES, g.BOUND, routes.credentials)
    world.derived(g.WANTED_CLUSTERS, g.CLUSTER_USES, routes.wanted)
    world.index(g.BACKEND_USERS, g.WANTED_CLUSTERS, backend_tls.by_backend)
    world.derived(g.CLUSTER_TLS, g.WANTED_CLUSTERS, backend_tls.of_cluster)
    world.union(g.CERTIFYING, g.SECRET_USERS, secrets.key_of)
    world.index(g.SECRET_USES, g.CERTIFYING, secrets.uses)
    world.index(g.BUNDLE_USES, g.CERTIFYING, secrets.bundle_uses)


def _wire(world: World) -> None:
    world.derived(w.RENDERED, g.BOUND, wire_routes.render)  # bytes, once a route
    world.index(w.HOST_ENTRIES, w.RENDERED, wire_routes.by_host)
    world.derived(w.LOOKED_UP_HOSTS, w.HOST_ENTRIES, path_tree.looked_up)  # hosts with very many routes
    world.derived(w.LOOKED_UP_ROUTES, w.RENDERED, path_tree.spread)
    world.index(w.PATH_ENTRIES, w.LOOKED_UP_ROUTES, path_tree.by_path)
    world.derived(w.PATH_ROUTES, w.PATH_ENTRIES, path_tree.routes)
    world.index(w.PATH_ROUTES_OF_HOST, w.PATH_ROUTES, path_tree.by_host)
    world.derived(w.TREES, w.PATH_ROUTES_OF_HOST, path_tree.is_worth_it)
    world.derived(w.LEAVES, w.PATH_ENTRIES, path_tree.leaf)
    world.index(w.LEAVES_OF_HOST, w.LEAVES, path_tree.by_host)
    world.derived(w.VIRTUAL_HOSTS, w.HOST_ENTRIES, wire_routes.virtual_host)
    world.index(w.CONFIG_HOSTS, w.VIRTUAL_HOSTS, wire_routes.by_config)
    world.derived(w.CLUSTERS, g.WANTED_CLUSTERS, clusters.render)
    world.derived(w.ENDPOINTS, g.WANTED_CLUSTERS, endpoints.render)  # their own path
    world.derived(w.TLS_SECRETS, g.SECRET_USES, secrets.render)  # a rotation touches these alone
    world.derived(w.CREDENTIALS, g.CREDENTIAL_USES, credentials.render)
    world.derived(w.CREDENTIAL_SUBSCRIBERS, g.CREDENTIAL_USES, credentials.render_subscriber)
    world.derived(w.CA_BUNDLES, g.BUNDLE_USES, secrets.render_bundle)
    world.index(w.STREAM_ROUTES, g.BOUND, streams.by_host)
    world.derived(w.STREAMS, w.STREAM_ROUTES, streams.render)  # what route configurations are to requests
    world.index(w.STREAM_HOSTS, w.STREAMS, streams.by_listener)
    world.derived(w.LISTENERS, g.PORTS, wire_listeners.render)
    world.derived(w.ROUTE_CONFIGS, g.PORT_HOSTS, wire_routes.route_configuration)


def _status(world: World) -> None:
    world.derived(s.CLASS_STATUS, g.GATEWAY_CLASSES, class_status.report)
    world.derived(s.GATEWAY_STATUS, g.GATEWAYS, gateway_status.report)
    world.derived(s.LISTENER_SET_STATUS, g.LISTENER_SETS, listener_set_status.report)
    for kind, ref in s.ROUTE_STATUS.items():
        world.derived(ref, g.ROUTE_KINDS[kind], partial(route_status.report, kind))
    world.derived(s.BACKEND_STATUS, g.BACKENDS, backend_status.report)
    world.derived(s.X_BACKEND_STATUS, g.X_BACKENDS, backend_status.report_external)
    for kind, ref in s.POLICY_STATUS.items():
        world.derived(ref, g.POLICY_KINDS[kind], partial(policy_status.report, kind))
