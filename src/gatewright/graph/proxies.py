"""Proxies: what must run for the accepted Gateways.

One row a proxy, with what shapes its process. The fleet reads nothing else of the graph.
"""

from collections.abc import Mapping

import msgspec

from gatewright.api.envoyproxy import EnvoyProxySpec
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.gateways import GatewayFacts
from gatewright.graph.tables import ENVOY_PROXIES


class ProxyFacts(msgspec.Struct, frozen=True):
    """A proxy and the EnvoyProxy parameters that shape it, if any."""

    name: str
    gateways: tuple[NamespacedName, ...]
    parameters: EnvoyProxySpec | None


def gather(read: Read, name: str, gateways: Mapping[NamespacedName, GatewayFacts]) -> ProxyFacts:
    """Make the row of one proxy; merged Gateways share the parameters of their class."""
    first = gateways[min(gateways)]
    proxy = read(ENVOY_PROXIES, first.parameters) if first.parameters else None
    return ProxyFacts(name, tuple(sorted(gateways)), proxy.spec if proxy else None)
