"""Proxies: what must run for the accepted Gateways, and which ports they bind.

One row a proxy, with what shapes its process. The fleet reads nothing else of the graph. In a container low ports need a
capability, so they are bound 10000 higher (conventions, section 6); a listener whose own port is taken by such a one, or by the
Pod's own servers, moves out of the way. Clients see none of this: the Service in front maps the ports.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Final

import msgspec
from msgspec import structs

from gatewright.api.envoyproxy import EnvoyProxySpec
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.gateways import GatewayFacts
from gatewright.graph.listenersets import ListenerSetFacts
from gatewright.graph.parameters import bootstrap_problem
from gatewright.graph.tables import ENVOY_PROXIES, GATEWAY_SETS, ONLY, PROXIES, SETTINGS, PortKey

PRIVILEGED_PORTS: Final = 1024
PORT_SHIFT: Final = 10_000
POD_PORTS: Final = frozenset({19000, 19001, 19002, 19003})
"""What a Pod has for itself: Envoy's administration, its metrics, the shutdown manager, readiness."""


class ProxyFacts(msgspec.Struct, frozen=True):
    """A proxy, the EnvoyProxy parameters that shape it, and the port it binds for each port of its listeners."""

    name: str
    gateways: tuple[NamespacedName, ...]
    parameters: EnvoyProxySpec
    ports: Mapping[int, int]


def gather(read: Read, name: str, gateways: Mapping[NamespacedName, GatewayFacts]) -> ProxyFacts:
    """Make the row of one proxy; merged Gateways share the parameters of their class."""
    first, settings = gateways[min(gateways)], read(SETTINGS, ONLY)
    proxy = read(ENVOY_PROXIES, first.parameters) if first.parameters else None
    default = settings.envoy_proxy if settings and settings.envoy_proxy else EnvoyProxySpec()
    parameters = proxy.spec if proxy else default
    if bootstrap_problem(settings, parameters):
        parameters = structs.replace(parameters, bootstrap=None)
    ports = {listener.port for declared in _declared(read, gateways) for listener in declared.listeners}
    in_container = settings is not None and settings.shift_low_ports
    bound = container_ports(ports, shifts=not _keeps_ports(parameters)) if in_container else {port: port for port in ports}
    return ProxyFacts(name, tuple(sorted(gateways)), parameters, bound)


def _declared(read: Read, gateways: Mapping[NamespacedName, GatewayFacts]) -> Iterator[GatewayFacts | ListenerSetFacts]:
    """Everything that declares listeners of a proxy: its Gateways, and the ListenerSets that these take."""
    yield from gateways.values()
    for key in gateways:
        yield from (each for each in (read(GATEWAY_SETS, key) or {}).values() if each.accepted)


def bound_port(read: Read, key: PortKey) -> int:
    """The port that a proxy binds for a listener's."""
    facts = read(PROXIES, key.proxy)
    return facts.ports.get(key.port, key.port) if facts else key.port


def container_ports(ports: Iterable[int], *, shifts: bool) -> dict[int, int]:
    """The ports that a container binds for these of listeners, no two the same; low ones come first."""
    wanted = sorted(ports)
    bound = {port: port + PORT_SHIFT for port in wanted if shifts and port < PRIVILEGED_PORTS}
    taken = POD_PORTS | set(bound.values())
    bound |= {port: port for port in wanted if port not in bound and port not in taken}
    for port in wanted:
        if port not in bound:
            taken = POD_PORTS | set(bound.values())
            bound[port] = next(free for free in count(port + PORT_SHIFT) if free not in taken)
    return bound


def _keeps_ports(parameters: EnvoyProxySpec) -> bool:
    kubernetes = parameters.provider.kubernetes if parameters.provider else None
    return kubernetes is not None and kubernetes.use_listener_port_as_container_port
