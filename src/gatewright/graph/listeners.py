"""Listeners, settled per port of a proxy.

Everything that listeners of one port can do to each other is settled here: protocol and hostname conflicts, overlapping TLS
hosts, the certificates of HTTPS listeners. Sources: Gateway API Listener, spec sections 7, 8 and 20 of the checklist.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

import msgspec

from gatewright.api.gateway import Listener
from gatewright.api.meta import NamespacedName
from gatewright.api.references import GATEWAY_GROUP
from gatewright.flow import Read
from gatewright.graph import frontend_tls, hostnames, labels
from gatewright.graph.authorities import Bundle
from gatewright.graph.claims import PortClaim, claim, unavailable
from gatewright.graph.conflicts import conflicts
from gatewright.graph.findings import ACCEPTED, CONFLICTED, RESOLVED_REFS, Finding, kind_name
from gatewright.graph.overlaps import overlaps
from gatewright.graph.specs import ListenerSpec, port_key
from gatewright.graph.tables import CERTIFICATES, ListenerKey, MachinePort, PortKey
from gatewright.graph.tls import ListenerTls, resolve

SUPPORTED_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "HTTP": ("HTTPRoute", "GRPCRoute"),
    "HTTPS": ("HTTPRoute", "GRPCRoute"),
    "TLS": ("TLSRoute",),
    "TCP": ("TCPRoute",),
    "UDP": ("UDPRoute",),
}
"""The kinds of routes that listeners of each protocol take."""

TERMINATED_KINDS: Final = ("TCPRoute", "TLSRoute")
"""The kinds that a listener of protocol TLS takes when it terminates TLS itself: what is left is a plain stream."""


class ListenerFacts(msgspec.Struct, frozen=True):
    """A settled listener: `serving` is whether the proxy gets it; `index` is its place in the object that declares it."""

    key: ListenerKey
    proxy: str
    index: int
    listener: Listener
    kinds: tuple[str, ...]
    tls: ListenerTls | None
    findings: tuple[Finding, ...]

    @property
    def port(self) -> PortKey:
        """The port that the listener is settled on."""
        return port_key(self.proxy, self.listener)

    @property
    def serving(self) -> bool:
        """Whether the proxy gets this listener: nothing stands against it, and an HTTPS listener has a certificate."""
        return not any(f.condition in {ACCEPTED, CONFLICTED} for f in self.findings) and (
            self.tls is None or bool(self.tls.secrets)
        )

    @property
    def terminates(self) -> bool:
        """Whether TLS ends here, rather than at a backend."""
        return terminates(self.listener)

    @property
    def hostname(self) -> str:
        """The listener's hostname; empty for all hosts."""
        return self.listener.hostname or hostnames.ALL


class PortFacts(msgspec.Struct, frozen=True):
    """The settled listeners of a port, in order of rank, and the addresses they bind (none: all)."""

    listeners: tuple[ListenerFacts, ...]
    addresses: tuple[str, ...]

    @property
    def serving(self) -> tuple[ListenerFacts, ...]:
        """The listeners that the proxy gets."""
        return tuple(facts for facts in self.listeners if facts.serving)

    @property
    def secrets(self) -> tuple[NamespacedName, ...]:
        """The Secrets whose certificates are shown here."""
        return tuple(secret for facts in self.serving if facts.tls for secret in facts.tls.secrets)

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The authorities that vouch for clients here."""
        return tuple(facts.tls.clients.authority for facts in self.serving if facts.tls and facts.tls.clients)


def claims(key: PortKey, members: Mapping[ListenerKey, ListenerSpec]) -> Iterator[tuple[MachinePort, str, PortClaim]]:
    """Spread the ports of proxies over the ports of their machine."""
    served = [spec for spec in members.values() if spec.listener.protocol in SUPPORTED_KINDS]
    if served:
        yield MachinePort(key.port, key.transport), key.proxy, _claim(served)


def _claim(specs: Collection[ListenerSpec]) -> PortClaim:
    return claim([spec.rank for spec in specs], [spec.addresses for spec in specs])


def by_gateway(key: PortKey, port: PortFacts) -> Iterator[tuple[NamespacedName, ListenerKey, ListenerFacts]]:
    """Gather settled listeners by their Gateway again, those that ListenerSets add to it among them."""
    del key
    for facts in port.listeners:
        yield facts.key.gateway, facts.key, facts


def by_set(key: PortKey, port: PortFacts) -> Iterator[tuple[NamespacedName, ListenerKey, ListenerFacts]]:
    """Gather settled listeners by the ListenerSet that adds them."""
    del key
    for facts in port.listeners:
        if facts.key.listener_set is not None:
            yield facts.key.listener_set, facts.key, facts


def settle(read: Read, key: PortKey, members: Mapping[ListenerKey, ListenerSpec]) -> PortFacts:
    """Settle the listeners of one port."""
    specs = sorted(members.values(), key=lambda spec: spec.rank)
    against, mine = conflicts(specs), _claim(specs)
    taken = unavailable(read, key, mine)
    settled = tuple(_settled(read, key, spec, taken, against.get(spec.key)) for spec in specs)
    noted = overlaps(specs, {facts.key: _names(read, facts) for facts in settled})
    settled = tuple(
        msgspec.structs.replace(facts, findings=(*facts.findings, noted[facts.key])) if facts.key in noted else facts
        for facts in settled
    )
    return PortFacts(settled, mine.addresses)


def _names(read: Read, facts: ListenerFacts) -> tuple[str, ...]:
    """The names that a listener's certificates are for."""
    certificates = (read(CERTIFICATES, secret) for secret in (facts.tls.secrets if facts.tls else ()))
    return tuple(dict.fromkeys(name for each in certificates if each for name in each.hosts))


def _settled(read: Read, key: PortKey, spec: ListenerSpec, taken: str, conflict: Finding | None) -> ListenerFacts:
    listener, path = spec.listener, spec.path
    kinds, kind_findings = route_kinds(listener, path)
    findings: tuple[Finding, ...] = (Finding(ACCEPTED, "PortUnavailable", taken, f"{path}.port"),) if taken else ()
    findings += _protocol(listener, path)
    findings += (*_selector(listener, path), *filter(None, (conflict,)), *kind_findings)
    tls = None
    if terminates(listener):
        tls, tls_findings = resolve(read, spec.key.parent, listener.tls, f"{path}.tls")
        findings += tls_findings
    if listener.protocol == "HTTPS" and tls is not None:
        clients, client_findings = frontend_tls.resolve(read, spec.frontend)
        tls = msgspec.structs.replace(tls, clients=clients)
        findings += client_findings
    return ListenerFacts(spec.key, key.proxy, spec.rank.place, listener, kinds, tls, findings)


def _protocol(listener: Listener, path: str) -> tuple[Finding, ...]:
    if listener.protocol in SUPPORTED_KINDS:
        return ()
    message = f"protocol {listener.protocol} is not supported; use one of {', '.join(SUPPORTED_KINDS)}"
    return (Finding(ACCEPTED, "UnsupportedProtocol", message, f"{path}.protocol"),)


def _selector(listener: Listener, path: str) -> tuple[Finding, ...]:
    """Check the namespace selector, which admission does not."""
    namespaces = listener.allowed_routes.namespaces
    if namespaces.from_ != "Selector":
        return ()
    where = f"{path}.allowedRoutes.namespaces.selector"
    if namespaces.selector is None:
        return (Finding(ACCEPTED, "UnsupportedValue", "a selector is needed with from: Selector", where),)
    return tuple(
        Finding(ACCEPTED, "UnsupportedValue", problem, f"{where}.matchExpressions[{i}]")
        for i, expression in enumerate(namespaces.selector.match_expressions)
        if (problem := labels.problem(expression))
    )


def terminates(listener: Listener) -> bool:
    """Say whether TLS ends at a listener: always with protocol HTTPS, in mode Terminate with TLS."""
    passes = listener.tls is not None and listener.tls.mode == "Passthrough"
    return listener.protocol == "HTTPS" or (listener.protocol == "TLS" and not passes)


def _supported_kinds(listener: Listener) -> tuple[str, ...]:
    if listener.protocol == "TLS" and terminates(listener):
        return TERMINATED_KINDS
    return SUPPORTED_KINDS.get(listener.protocol, ())


def route_kinds(listener: Listener, path: str) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Intersect what is allowed with what the protocol carries."""
    supported = _supported_kinds(listener)
    wanted = listener.allowed_routes.kinds
    if not wanted:
        return supported, ()
    kinds: list[str] = []
    findings: list[Finding] = []
    for i, kind in enumerate(wanted):
        if kind.group == GATEWAY_GROUP and kind.kind in supported:
            kinds.append(kind.kind)
        else:
            names = ", ".join(supported) or "no kind"
            what = f"a listener of protocol {listener.protocol}, which takes {names}"
            message = f"{kind_name(kind.group, kind.kind)} is not supported on {what}"
            findings.append(Finding(RESOLVED_REFS, "InvalidRouteKinds", message, f"{path}.allowedRoutes.kinds[{i}]"))
    return tuple(dict.fromkeys(kinds)), tuple(findings)
