"""The status of a policy: one entry for each Gateway that does what it says.

For policies of backends these are the Gateways with routes to their targets. A policy whose targets nobody uses has no entry; a
section that its target does not have is said by all that use the target. Source: Gateway API PolicyStatus (at most 16
ancestors); GEP-713.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from gatewright.api.meta import NamespacedName
from gatewright.api.references import GATEWAY_GROUP
from gatewright.flow import Read
from gatewright.graph import backend_tls, policies
from gatewright.graph.findings import ACCEPTED, Finding
from gatewright.graph.policies import Policy
from gatewright.graph.tables import (
    BACKEND_TLS_FACTS,
    BACKEND_USERS,
    BOUND,
    CLUSTER_USES,
    ONLY,
    PASSTHROUGH,
    PROXY_GATEWAYS,
    SETTINGS,
    BackendKey,
    ClusterKey,
    PolicyKey,
    PolicyTarget,
    PoolKey,
    ProxyCluster,
)
from gatewright.status.conditions import BACKEND_TLS_POLICY, POLICY, Positive, conditions
from gatewright.status.document import StatusDocument

MOST_ANCESTORS: Final = 16


class _Kind(NamedTuple):
    """What differs from kind to kind: its conditions, what was found wrong with a policy, and who does what it says."""

    conditions: tuple[Positive, ...]
    findings: Callable[[Read, NamespacedName], tuple[Finding, ...]]
    ancestors: Callable[[Read, PolicyTarget, str], tuple[set[NamespacedName], bool]]


def report(kind: str, read: Read, key: NamespacedName, policy: Any) -> StatusDocument | None:  # noqa: ANN401 - of any kind
    """Report on one policy of `kind`."""
    settings = read(SETTINGS, ONLY)
    if settings is None:
        return None
    this = _KINDS[kind]
    ancestors, missing = _ancestors(read, PolicyKey(kind, *key), policy)
    found = (*_conflict(read, PolicyKey(kind, *key), policy), *missing, *this.findings(read, key))
    generation = policy.metadata.generation
    entries = [
        {
            "ancestorRef": {"group": GATEWAY_GROUP, "kind": "Gateway", "namespace": gateway.namespace, "name": gateway.name},
            "controllerName": settings.controller_name,
            "conditions": conditions(this.conditions, found, generation),
        }
        for gateway in sorted(ancestors)[:MOST_ANCESTORS]
    ]
    return StatusDocument(kind, key, policy.api_version, generation, {"ancestors": entries})


def _conflict(read: Read, key: PolicyKey, policy: Policy) -> Iterator[Finding]:
    lost = policies.winner(read, key, policy)
    if lost is not None:
        index, winner = lost
        message = f"{winner.kind} {winner.namespace}/{winner.name} is about the same target, and comes first"
        yield Finding(ACCEPTED, "Conflicted", message, f"spec.targetRefs[{index}]")


def _ancestors(read: Read, key: PolicyKey, policy: Policy) -> tuple[set[NamespacedName], tuple[Finding, ...]]:
    """Gather the Gateways that do what a policy says, and what is said of sections that are not there."""
    gateways: set[NamespacedName] = set()
    missing: list[Finding] = []
    for i, (target, section) in enumerate(policies.targets(key, policy)):
        users, found = _KINDS[key.kind].ancestors(read, target, section)
        gateways |= users
        if not found:
            message = f"{target.kind} {target.namespace}/{target.name} has no section {section}"
            missing.append(Finding(ACCEPTED, "TargetNotFound", message, f"spec.targetRefs[{i}].sectionName"))
    return gateways, tuple(missing)


def _backend_users(read: Read, target: PolicyTarget, section: str) -> tuple[set[NamespacedName], bool]:
    """The Gateways with routes to a backend; those to the port of this name, if there is one, which is the second answer."""
    kinds = [kind for kind, each in backend_tls.TARGETS.items() if each == (target.group, target.kind)]
    clusters = (each for kind in kinds for each in read(BACKEND_USERS, BackendKey(kind, target.namespace, target.name)) or ())
    users = [each for each in clusters if not (isinstance(each.cluster, ClusterKey) and each.cluster.protocol == PASSTHROUGH)]
    of_section = [user for user in users if not section or _is_section(read, user, section)]
    known = bool(of_section) or not users or not section or _has_section(read, target, section)
    return {gateway for user in (of_section if known else users) for gateway in gateways_of(read, user)}, known


def _is_section(read: Read, user: ProxyCluster, section: str) -> bool:
    cluster = user.cluster
    members = [each for each, _ in cluster.members] if isinstance(cluster, PoolKey) else [cluster]
    return any(isinstance(each, ClusterKey) and section in backend_tls.sections(read, each) for each in members)


def _has_section(read: Read, target: PolicyTarget, section: str) -> bool:
    return section in backend_tls.section_names(read, target)


def gateways_of(read: Read, user: ProxyCluster) -> Iterable[NamespacedName]:
    """The Gateways that have routes to a cluster: of a proxy of several, not all need have."""
    sharing: Mapping[NamespacedName, Any] = read(PROXY_GATEWAYS, user.proxy) or {}
    if len(sharing) < 2:  # noqa: PLR2004 - more than one
        return sharing
    bound = [read(BOUND, route) for route in read(CLUSTER_USES, user) or ()]
    return sharing.keys() & {place.listener.gateway for each in bound if each for place in each.places}


def _tls_findings(read: Read, key: NamespacedName) -> tuple[Finding, ...]:
    facts = read(BACKEND_TLS_FACTS, key)
    return facts.findings if facts else ()


def _nothing(read: Read, key: NamespacedName) -> tuple[Finding, ...]:
    """Find nothing wrong with a policy that is good whenever it is admitted."""
    del read, key
    return ()


_KINDS: Final[Mapping[str, _Kind]] = {
    "BackendTLSPolicy": _Kind(BACKEND_TLS_POLICY, _tls_findings, _backend_users),
    "XBackendTrafficPolicy": _Kind(POLICY, _nothing, _backend_users),
}
