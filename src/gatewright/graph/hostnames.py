"""Hostname algebra of the Gateway API: matching, intersection, precedence.

A hostname is exact (`a.example.com`), a wildcard (`*.example.com`: one or more labels in front of the suffix, never the bare
suffix) or empty, which stands for all hosts. Source: Gateway API Listener.hostname and HTTPRouteSpec.hostnames.
"""

from collections.abc import Collection, Container, Iterator
from functools import lru_cache

ALL = ""


def covers(pattern: str, hostname: str) -> bool:
    """Say whether every host that `hostname` stands for is matched by `pattern`."""
    if pattern in (ALL, hostname):
        return True
    if not pattern.startswith("*.") or hostname == ALL:
        return False
    suffix = pattern[1:]
    return hostname.endswith(suffix) and len(hostname) > len(suffix)


def intersect(one: str, other: str) -> str | None:
    """Return the hostname that both stand for, or None where they have no host in common."""
    if covers(one, other):
        return other
    return one if covers(other, one) else None


def intersections(listener: str, route: tuple[str, ...]) -> tuple[str, ...]:
    """Return the hosts of a route on a listener, each once, in the route's order; without hostnames it takes the listener's."""
    hosts = (intersect(listener, hostname) for hostname in route or (ALL,))
    return tuple(dict.fromkeys(host for host in hosts if host is not None))


def wider(hostname: str) -> Iterator[str]:
    """Yield the hostnames that cover more than `hostname`, the narrowest first."""
    labels = hostname.removeprefix("*.").split(".")
    yield from (f"*.{'.'.join(labels[i:])}" for i in range(1, len(labels)))
    if hostname != ALL:
        yield ALL


def owner(hostname: str, listeners: Container[str]) -> str | None:
    """Return the most specific of the listeners' hostnames that takes all of `hostname` (GatewayHTTPListenerIsolation)."""
    return next((pattern for pattern in (hostname, *wider(hostname)) if pattern in listeners), None)


def summed(others: Collection[str], own: str, most: int) -> list[str]:
    """Return hostnames that stand for all of `others`; more than `most` are summed up by their domains.

    A domain of which `own` takes all is not summed up: what nobody else takes there is its own.
    """
    if len(others) <= most:
        return sorted(others)
    if own != ALL and not own.startswith("*."):  # takes no domain
        return sorted(set(map(_domain, others)))
    return sorted({host if covers(own, domain := _domain(host)) else domain for host in others})


@lru_cache(maxsize=8192)
def _domain(hostname: str) -> str:
    """All hosts beside an exact one; a wildcard, or a name without a domain, stands for itself."""
    label, dot, rest = hostname.partition(".")
    return f"*.{rest}" if dot and label != "*" else hostname
