"""A static bootstrap for Envoy's own judgement: what a proxy is sent over ADS, written into one file.

Names get the case in front, so that many cases stand in one bootstrap: Envoy takes a moment to start, and next to nothing a case.
"""

from collections.abc import Iterable
from typing import Any

from gatewright.fleet.bootstrap import RUNTIME
from gatewright.wire import resource as wire
from gatewright.wire.resource import Resource
from tests.golden.goldens import plain

Json = dict[str, Any]


def bootstrap(proxies: Iterable[tuple[str, Iterable[Resource]]], authorities: str) -> Json:
    """Write the resources of proxies, each under a name of its own; `authorities` is the file of the system's."""
    static: dict[str, list[Json]] = {"listeners": [], "clusters": [], "secrets": []}
    for number, (name, resources) in enumerate(proxies):
        for part, each in _static(name, resources, authorities):
            static[part].append(each)
            if part == "listeners":
                _move(each, f"127.{number >> 8}.{number & 0xFF}")
    return {"static_resources": static, "layered_runtime": {"layers": [{"name": "as in a proxy", "static_layer": RUNTIME}]}}


def _static(proxy: str, resources: Iterable[Resource], authorities: str) -> Iterable[tuple[str, Json]]:
    by_type: dict[str, dict[str, Json]] = {}
    for each in resources:
        by_type.setdefault(each.type_url, {})[each.name] = plain(each)
    names = {name for of_type in by_type.values() for name in of_type}
    routes = by_type.get(wire.ROUTES, {}) | by_type.get(wire.EXTENSION, {})
    for listener in by_type.get(wire.LISTENER, {}).values():
        yield "listeners", _renamed(_with_routes(listener, routes), names, proxy)
    for name, cluster in by_type.get(wire.CLUSTER, {}).items():
        static = _with_endpoints(cluster, by_type.get(wire.ENDPOINTS, {}).get(name))
        yield "clusters", _renamed(_trusting(static, authorities), names, proxy)
    for secret in by_type.get(wire.SECRET, {}).values():
        yield "secrets", _renamed(secret, names, proxy)


def _move(listener: Json, network: str) -> None:
    """Give a listener addresses of its own: Envoy checks that no two listeners bind the same."""
    addresses = [listener["address"], *(each["address"] for each in listener.get("additionalAddresses", ()))]
    for host, address in enumerate(addresses, 1):
        address["socketAddress"]["address"] = f"{network}.{host}"
        address["socketAddress"].pop("ipv4Compat", None)  # an IPv4 address cannot have it


def _with_routes(value: Any, routes: dict[str, Json]) -> Any:  # noqa: ANN401 - JSON
    """Put route configurations and filters in the place of subscriptions to them; they name a cluster that is never there."""
    if isinstance(value, list):
        return [_with_routes(each, routes) for each in value]
    if not isinstance(value, dict):
        return value
    if "rds" in value:
        config = {**routes[value["rds"]["routeConfigName"]], "validateClusters": False}
        value = {**{key: each for key, each in value.items() if key != "rds"}, "routeConfig": config}
    if "configDiscovery" in value:
        value = routes[value["name"]]
    # A secret without a config source is a static one.
    return {key: _with_routes(each, routes) for key, each in value.items() if key != "sdsConfig"}


def _with_endpoints(cluster: Json, endpoints: Json | None) -> Json:
    if endpoints is None:
        return cluster
    kept = {key: each for key, each in cluster.items() if key not in {"edsClusterConfig", "type"}}
    return {**kept, "type": "STATIC", "loadAssignment": endpoints}


def _trusting(value: Any, authorities: str) -> Any:  # noqa: ANN401 - JSON
    """Let Envoy read the system's authorities from `authorities`, and take static secrets for those of a stream."""
    if isinstance(value, list):
        return [_trusting(each, authorities) for each in value]
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key != "sdsConfig"}
        return {key: authorities if key == "filename" else _trusting(each, authorities) for key, each in kept.items()}
    return value


def _renamed(value: Any, names: set[str], proxy: str) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_renamed(each, names, proxy) for each in value]
    if isinstance(value, dict):
        return {key: _renamed(each, names, proxy) for key, each in value.items()}
    return f"{proxy} {value}" if isinstance(value, str) and value in names else value
