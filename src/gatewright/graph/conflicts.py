"""Conflicts: listeners of one port that cannot be told apart.

Among the listeners of Gateways a conflict has no winner: all of its parties are refused. A ListenerSet's listener gives way to
whatever comes before it, the listeners of Gateways and those of older sets, and they go on. What is refused for a conflict itself
is in nobody's way; what waits for its certificate keeps its place. Source: Gateway API Listener and ListenerSet, "conflicted".
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from gatewright.graph.findings import CONFLICTED, Finding
from gatewright.graph.specs import ListenerSpec
from gatewright.graph.tables import ListenerKey

FRAMING: Final[Mapping[str, str]] = {"HTTP": "HTTP", "HTTPS": "TLS", "TLS": "TLS", "TCP": "TCP", "UDP": "UDP"}
"""How the first bytes of a connection are read; listeners that differ in it cannot share a port."""

HOSTED: Final = frozenset({"HTTP", "TLS"})
"""The ways of reading that show the host that is meant, by which listeners of a port are told apart."""


class _Standing:
    """The listeners that stand on a port, found by how they are read and by their hosts."""

    def __init__(self, specs: Iterable[ListenerSpec]) -> None:
        self._by_framing: dict[str, ListenerSpec] = {}
        self._by_host: dict[str, list[ListenerSpec]] = {}
        for spec in specs:
            self.add(spec)

    def add(self, spec: ListenerSpec) -> None:
        self._by_framing.setdefault(FRAMING[spec.listener.protocol], spec)
        self._by_host.setdefault(spec.listener.hostname or "", []).append(spec)

    def conflict(self, spec: ListenerSpec) -> Finding | None:
        """Say what about `spec` is in conflict with those that stand, itself aside."""
        listener = spec.listener
        framing = FRAMING[listener.protocol]
        for other in (each for read_as, each in self._by_framing.items() if read_as != framing):
            message = f"port {listener.port} is also used with protocol {other.listener.protocol} by {_named(spec, other)}"
            return Finding(CONFLICTED, "ProtocolConflict", message, f"{spec.path}.protocol")
        for other in (each for each in self._by_host.get(listener.hostname or "", ()) if each is not spec):
            host = f" and hostname {listener.hostname}" if listener.hostname else ""
            message = f"port {listener.port}{host} is also used by {_named(spec, other)}"
            told_apart = framing in HOSTED
            reason, field = ("HostnameConflict", "hostname") if told_apart else ("ProtocolConflict", "port")
            return Finding(CONFLICTED, reason, message, f"{spec.path}.{field}")
        return None


def conflicts(specs: Collection[ListenerSpec]) -> Mapping[ListenerKey, Finding]:
    """Find what is in conflict on a port; `specs` are in order of rank, those of unsupported protocols do not count."""
    known = [spec for spec in specs if spec.listener.protocol in FRAMING]
    own = [spec for spec in known if spec.key.listener_set is None]
    standing = _Standing(own)
    found = {spec.key: finding for spec in own if (finding := standing.conflict(spec)) is not None}
    for spec in known[len(own) :]:
        finding = standing.conflict(spec)
        if finding is None:
            standing.add(spec)
        else:
            found[spec.key] = finding
    return found


def _named(spec: ListenerSpec, other: ListenerSpec) -> str:
    """Name the other listener, but not to strangers."""
    if are_strangers(spec, other):
        return "a listener of a ListenerSet that comes first"
    return f"listener {other.listener.name} of {other.key.parent}"


def are_strangers(spec: ListenerSpec, other: ListenerSpec) -> bool:
    """Whether listeners stand in sets of different namespaces, which are to know nothing of each other."""
    mine, theirs = spec.key.parent, other.key.parent
    return "ListenerSet" in {mine.kind} & {theirs.kind} and mine.namespace != theirs.namespace
