"""Hostname algebra of the Gateway API: matching, intersection, specificity.

A hostname is exact (`a.example.com`), a wildcard (`*.example.com`: one or more labels in front of the suffix, never the bare
suffix) or empty, which stands for all hosts. Source: Gateway API Listener.hostname and HTTPRouteSpec.hostnames.
"""

from collections.abc import Collection
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


def specificity(hostname: str) -> tuple[int, int]:
    """Sort key, most specific first: exact, then wildcards with more characters, then all hosts."""
    if hostname == ALL:
        return (2, 0)
    return (1, -len(hostname)) if hostname.startswith("*.") else (0, -len(hostname))


def owner(hostname: str, listeners: tuple[str, ...]) -> str | None:
    """Return the most specific of the listeners' hostnames that takes all of `hostname` (GatewayHTTPListenerIsolation)."""
    takers = [pattern for pattern in listeners if covers(pattern, hostname)]
    return min(takers, key=specificity) if takers else None


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
