"""The settings that rules read, as the one row of an input table."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gatewright.api.envoyproxy import EnvoyProxySpec

CONTROLLER_NAME: Final = "gateway.envoyproxy.io/gatewayclass-controller"


class GraphSettings(msgspec.Struct, frozen=True):
    """What the operator chose: who we are, which extension kinds are on, and where listeners bind.

    `shift_low_ports`: listener ports below 1024 bind at port + 10000, as in a container behind a Service (conventions, section
    6). `shared_host`: all proxies bind ports of one machine, so what one has the others cannot. `host_addresses`: where Gateways
    that ask for no address are reached; None in a cluster, where proxies bind all of their own and the fleet says how these are
    reached. `tree_from`: how many routes a host has from which on they are looked up by path. `system_authorities`: the file,
    where proxies run, with the authorities that the system trusts. `envoy_proxy` shapes the proxies that no EnvoyProxy does.
    `gateway_namespace_mode`: the objects of a proxy are made beside its Gateway.
    `bootstrap` is what proxies are started with before an EnvoyProxy changes it, as JSON; None does not judge such changes.
    """

    controller_name: str = CONTROLLER_NAME
    backend_enabled: bool = True
    shift_low_ports: bool = False
    shared_host: bool = False
    host_addresses: tuple[str, ...] | None = ("127.0.0.1",)
    tree_from: int = 100
    system_authorities: str = "/etc/ssl/certs/ca-certificates.crt"
    envoy_proxy: EnvoyProxySpec | None = None
    gateway_namespace_mode: bool = False
    bootstrap: Mapping[str, Any] | None = None
