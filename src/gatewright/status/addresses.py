"""The addresses of a Gateway: what it asks for, held against what its proxy has.

A Gateway that asks for none has all of its proxy's. One that asks has exactly what it asked for and no more, even where merged
Gateways share a Service that has others. Source: Gateway API, GatewaySpec.addresses and GatewayStatus.addresses.
"""

import ipaddress
from collections.abc import Sequence
from typing import Final, NamedTuple

from gatewright.graph.findings import PROGRAMMED, Finding
from gatewright.status.tables import ProxyHealth

Address = tuple[str, str]  # type and value

MOST: Final = 16  # that a status takes


class Held(NamedTuple):
    """The addresses that a Gateway has, and what is wrong with those that it does not."""

    addresses: tuple[Address, ...]
    finding: Finding | None


def hold(requested: Sequence[Address], health: ProxyHealth) -> Held:
    """What a Gateway that asks for these has of a fleet in a cluster."""
    if not requested:
        return Held(health.addresses, None if health.addresses else _unassigned("no address has"))
    has = {_canonical(each) for each in health.addresses} | {_canonical(("IPAddress", value)) for value in health.static}
    held: list[Address] = []
    missing: list[str] = []
    unassigned: list[str] = []
    for kind, value in requested:
        found = [each for each in health.addresses if each[0] == kind]
        if value and _canonical((kind, value)) in has:
            held.append((kind, value))
        elif value:
            missing.append(value)
        elif found:
            held += found
        else:
            unassigned.append(kind)
    return Held(tuple(dict.fromkeys(held))[:MOST], _finding(missing, unassigned, health))


def _finding(missing: list[str], unassigned: list[str], health: ProxyHealth) -> Finding | None:
    if missing and (health.exposed or health.refused):
        why = f": {health.refused}" if health.refused else ""
        return Finding(PROGRAMMED, "AddressNotUsable", f"these addresses cannot be had: {', '.join(missing)}{why}")
    if missing:
        return _unassigned("no address has")
    return _unassigned(f"no {unassigned[0]} has") if unassigned else None


def _unassigned(what: str) -> Finding:
    return Finding(PROGRAMMED, "AddressNotAssigned", f"{what} been assigned to the Gateway's Service yet")


def _canonical(address: Address) -> Address:
    kind, value = address
    return (kind, str(ipaddress.ip_address(value))) if kind == "IPAddress" else (kind, value.lower())
