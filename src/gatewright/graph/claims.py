"""Ports of one machine, claimed by the proxies that run on it.

Two processes cannot share a port, and with SO_REUSEPORT the kernel would even let them, each getting some of the connections. So
on a host a port belongs to the proxy whose Gateway comes first (the oldest, then by name); the listeners of the others are
refused. In a cluster every proxy has addresses of its own.
"""

from collections.abc import Collection

import msgspec

from gatewright.flow import Read
from gatewright.graph.specs import Rank
from gatewright.graph.tables import ONLY, PORT_CLAIMS, SETTINGS, MachinePort, PortKey


class PortClaim(msgspec.Struct, frozen=True):
    """A proxy's wish for a port: the first listener that has it, and the addresses it binds (none: all)."""

    rank: Rank
    addresses: tuple[str, ...]

    def shares_address(self, other: "PortClaim") -> bool:
        """Whether both want the port on one address."""
        return not (self.addresses and other.addresses) or bool(set(self.addresses) & set(other.addresses))


def claim(ranks: Collection[Rank], addresses: Collection[tuple[str, ...]]) -> PortClaim:
    """Make the claim of the listeners of one port; one that asks for no address binds all."""
    bound = tuple(sorted({address for each in addresses for address in each})) if all(addresses) else ()
    return PortClaim(min(ranks), bound)


def unavailable(read: Read, key: PortKey, mine: PortClaim) -> str:
    """Say which other proxy of the same machine has the port; empty when none has."""
    settings = read(SETTINGS, ONLY)
    claims = read(PORT_CLAIMS, MachinePort(key.port, key.transport)) if settings and settings.shared_host else None
    for proxy, theirs in sorted(claims.items(), key=lambda each: each[1].rank) if claims else ():
        if proxy != key.proxy and theirs.rank < mine.rank and theirs.shares_address(mine):
            return f"port {key.port} of this machine is taken by {theirs.rank.parent}, which comes first"
    return ""
