"""From the proxies that the graph wants to the workloads that a cluster runs."""

from collections.abc import Mapping
from typing import Any, Final

from gatewright.api.gateway import Gateway
from gatewright.api.meta import NamespacedName
from gatewright.control.proxyspecs import proxy_spec
from gatewright.fleet.kube.workload import Owner, Workload, infrastructure, served_ports
from gatewright.flow import Ref, World
from gatewright.graph import tables as g
from gatewright.graph.proxies import ProxyFacts
from gatewright.settings import Settings

SHAPED_BY: Final[frozenset[Ref[Any, Any]]] = frozenset({g.PROXIES, g.GATEWAYS, g.GATEWAY_CLASSES, g.GATEWAY_LISTENERS})
"""The tables that workloads are made of."""


def workloads(world: World, settings: Settings) -> dict[str, Workload]:
    """The workload of every proxy that is to run: those with a listener that serves."""
    found = {name: _workload(world, settings, facts) for name, facts in world.rows(g.PROXIES).items()}
    return {name: workload for name, workload in found.items() if workload is not None}


def _workload(world: World, settings: Settings, facts: ProxyFacts) -> Workload | None:
    rows = world.rows(g.GATEWAYS)
    gateways = {key: rows[key] for key in facts.gateways if key in rows}
    listeners = (each for key in gateways for each in (world.get(g.GATEWAY_LISTENERS, key) or {}).values() if each.serving)
    ports = served_ports(((each.listener.port, each.listener.protocol) for each in listeners), facts.ports)
    accepted = world.get(g.GATEWAY_FACTS, facts.gateways[0])
    if not ports or accepted is None:
        return None
    labels, annotations = infrastructure(gateways.values())
    return Workload(
        proxy=proxy_spec(facts),
        gateway=None if accepted.merged else accepted.key,
        gateway_class=accepted.gateway_class,
        parameters=facts.parameters,
        owner=_owner(world, settings, gateways, accepted.gateway_class, merged=accepted.merged),
        ports=ports,
        addresses=_addresses(world, facts),
        labels=labels,
        annotations=annotations,
    )


def _addresses(world: World, facts: ProxyFacts) -> tuple[str, ...]:
    """The IP addresses that the Gateways of a proxy ask for."""
    gateways = (world.get(g.GATEWAY_FACTS, key) for key in facts.gateways)
    return tuple(dict.fromkeys(address for each in gateways if each is not None for address in each.addresses))


def _owner(
    world: World, settings: Settings, gateways: Mapping[NamespacedName, Gateway], gateway_class: str, *, merged: bool
) -> Owner | None:
    """The Gateway, where its objects are beside it, or else the class: an owner in another namespace would be none."""
    beside = settings.cluster is not None and settings.cluster.gateway_namespace_mode and not merged
    if beside:
        gateway = next(iter(gateways.values()))
        return Owner("Gateway", gateway.metadata.name, gateway.metadata.uid)
    found = world.get(g.GATEWAY_CLASSES, NamespacedName("", gateway_class))
    return Owner("GatewayClass", gateway_class, found.metadata.uid) if found is not None else None
