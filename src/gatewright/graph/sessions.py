"""Sessions of a rule, resolved: how they are told apart, and one pool for the backends that they may be with.

A session must stay with its endpoint whichever backend that is of, even when the weights no longer send anyone there. So the
backends of a rule with sessions are served as one cluster, in which each has its weight; they must speak alike for that, and can
have no filters of their own. Source: GEP-1619, "Traffic Splitting".
"""

import hashlib
import re
from typing import Final

import msgspec
from msgspec.structs import replace

from gatewright.api.durations import milliseconds
from gatewright.api.httproute import HTTPRouteRule
from gatewright.api.routes import SessionPersistence
from gatewright.features.session import Session
from gatewright.flow import Read
from gatewright.graph import backend_tls, backends, traffic_policies
from gatewright.graph.findings import ACCEPTED, Finding
from gatewright.graph.rules import Share
from gatewright.graph.tables import ClusterKey, PoolKey, ProxyCluster, RouteKey

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110: names of headers, and RFC 6265: of cookies
_SECOND: Final = 1000


class Persistence(msgspec.Struct, frozen=True):
    """The sessions of a rule (None: it has none), and its shares as those need them."""

    session: Session | None
    shares: tuple[Share, ...]
    findings: tuple[Finding, ...] = ()


def resolve(read: Read, route: RouteKey, index: int, rule: HTTPRouteRule, shares: tuple[Share, ...]) -> Persistence:
    """Resolve the sessions of rule number `index` of `route`."""
    wanted, own = rule.session_persistence, True
    if wanted is None:
        wanted, own = _of_backends(read, shares), False
    if wanted is None:
        return Persistence(None, shares)
    session = _session(wanted, _digest(f"{route}/{index}"), own=own)
    if not _TOKEN.match(session.name):
        return _refused(shares, index, f"{session.name!r} cannot be the name of a {wanted.type.lower()}")
    members = [share for share in shares if share.cluster is not None]
    if len({share.cluster for share in members}) < 2:  # noqa: PLR2004 - nothing to choose from
        return Persistence(session, shares)
    problem = _unlike(read, members)
    if problem:
        return _refused(shares, index, f"sessions cannot span the backends of this rule: {problem}")
    return Persistence(session, _pooled(shares, members))


def _refused(shares: tuple[Share, ...], index: int, message: str) -> Persistence:
    finding = Finding(ACCEPTED, "UnsupportedValue", message, f"spec.rules[{index}].sessionPersistence")
    return Persistence(None, shares, (finding,))


def _of_backends(read: Read, shares: tuple[Share, ...]) -> SessionPersistence | None:
    """What the policy of the first backend that has one says; it holds for all backends of the rule, or weights would not."""
    for share in shares:
        policy = traffic_policies.of_cluster(read, share.cluster) if isinstance(share.cluster, ClusterKey) else None
        if policy and policy.spec.session_persistence:
            return policy.spec.session_persistence
    return None


def _digest(rule: str) -> str:
    return hashlib.sha256(rule.encode()).hexdigest()[:8]


def _session(wanted: SessionPersistence, rule: str, *, own: bool) -> Session:
    """Name the sessions of a rule. Rules must not share any, so what a policy says for several rules has their mark in it."""
    made_up, mark = f"session-{rule}", "" if own else f"-{rule}"
    if wanted.type == "Header":
        return Session(wanted.header_name or f"x-{made_up}")
    cookie = wanted.the_cookie
    seconds = -(-milliseconds(wanted.absolute_timeout) // _SECOND) if wanted.absolute_timeout else 0
    return Session(f"{cookie.name}{mark}" if cookie.name else made_up, cookie.path or "/", seconds)


def _pooled(shares: tuple[Share, ...], members: list[Share]) -> tuple[Share, ...]:
    """Put one share in the place of all that are resolved; the others keep theirs, as errors."""
    pool = PoolKey(tuple((share.cluster, share.weight) for share in members if isinstance(share.cluster, ClusterKey)))
    together = replace(members[0], cluster=pool, weight=sum(share.weight for share in members))
    return (together, *(share for share in shares if share.cluster is None))


def _unlike(read: Read, members: list[Share]) -> str:
    """Why backends cannot be one cluster; empty when they can."""
    if any(share.filters for share in members):
        return "one has filters of its own"
    clusters = [share.cluster for share in members]
    if any(not isinstance(cluster, ClusterKey) for cluster in clusters):
        return "one is a fallback"
    speaking = {_speaking(read, cluster) for cluster in clusters if isinstance(cluster, ClusterKey)}
    if None in speaking:
        return "one is known by name only, and resolved by the proxy"
    return "they do not all speak the same protocol, or not with the same TLS" if len(speaking) > 1 else ""


def _speaking(read: Read, cluster: ClusterKey) -> tuple[frozenset[str], str, bytes] | None:
    """How a backend is spoken to; None where its endpoints are not ours to list."""
    if backends.has_names(read, cluster):
        return None
    tls = backend_tls.of_cluster(read, ProxyCluster("", cluster), cluster)
    return backends.protocols(read, cluster), cluster.protocol, msgspec.json.encode(tls) if tls else b""
