"""Listeners behind TLS that clients of HTTP/2 may take for each other: their hostnames overlap, or their certificates do.

A client reuses a connection for every host that its certificate covers. Nothing is refused for it: requests that come by the
wrong connection are answered 421, and the listeners say that this may happen. Overlapping certificates are the nearer danger, and
are told of first. Every look-up is by name, so that many listeners on a port cost no more than their number. Source: Gateway API
OverlappingTLSConfig (GEP-3567).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from gatewright.graph import hostnames
from gatewright.graph.conflicts import FRAMING, are_strangers
from gatewright.graph.findings import OVERLAPPING_TLS, Finding
from gatewright.graph.specs import ListenerSpec
from gatewright.graph.tables import ListenerKey

Names: TypeAlias = Mapping[ListenerKey, Sequence[str]]


def overlaps(specs: Sequence[ListenerSpec], names: Names) -> Mapping[ListenerKey, Finding]:
    """Find the overlaps on a port; `specs` are in order of rank, `names` those that the certificates of a listener are for."""
    secured = [spec for spec in specs if FRAMING.get(spec.listener.protocol) == "TLS"]
    return _of_hostnames(secured) | _of_certificates(secured, names)


def _of_hostnames(specs: Sequence[ListenerSpec]) -> dict[ListenerKey, Finding]:
    by_host = {_host(spec): spec for spec in reversed(specs)}
    within: dict[str, ListenerSpec] = {}
    for spec in specs:
        for pattern in hostnames.wider(_host(spec)):
            within.setdefault(pattern, spec)
    found = {}
    for spec in specs:
        host = _host(spec)
        others = [by_host[pattern] for pattern in hostnames.wider(host) if pattern in by_host]
        others += [within[host]] if host in within else []
        if others:
            other = min(others, key=lambda each: each.rank)
            found[spec.key] = _finding(spec, other, "Hostnames", f"hostname {host or '*'}", _host(other) or "*", "hostname")
    return found


def _of_certificates(specs: Sequence[ListenerSpec], names: Names) -> dict[ListenerKey, Finding]:
    by_name: dict[str, list[_Named]] = {}
    within: dict[str, list[_Named]] = {}
    for spec in specs:
        for name in names.get(spec.key, ()):
            by_name.setdefault(name, []).append(_Named(spec, name))
            within.setdefault(_wildcard(name), []).append(_Named(spec, name))
    found = {}
    for spec in specs:
        for name in names.get(spec.key, ()):
            candidates = (
                each for group in (by_name.get(name), by_name.get(_wildcard(name)), within.get(name)) for each in group or ()
            )
            other = next((each for each in candidates if each.spec is not spec), None)
            if other is not None:
                what, theirs = f"certificate for {name}", f"that for {other.name}"
                found[spec.key] = _finding(spec, other.spec, "Certificates", what, theirs, "tls.certificateRefs")
                break
    return found


class _Named(NamedTuple):
    """A listener with a certificate for this name."""

    spec: ListenerSpec
    name: str


def _wildcard(name: str) -> str:
    """The wildcard that covers a name in a certificate, which is one label and no more; of a wildcard, nothing."""
    first, _, rest = name.partition(".")
    return "" if first == "*" else f"*.{rest}"


def _finding(spec: ListenerSpec, other: ListenerSpec, reason: str, mine: str, theirs: str, field: str) -> Finding:
    whose = f"{theirs} of listener {other.listener.name} of {other.key.parent}"
    if are_strangers(spec, other):
        whose = "that of a ListenerSet of another namespace"
    message = f"{mine} overlaps with {whose} on port {spec.listener.port}"
    return Finding(OVERLAPPING_TLS, f"Overlapping{reason}", message, f"{spec.path}.{field}")


def _host(spec: ListenerSpec) -> str:
    return spec.listener.hostname or hostnames.ALL
