"""BackendTLSPolicies, each judged by itself: what servers are verified with.

A policy whose authorities cannot be had goes on holding its targets: requests to these fail, instead of going out in plain text
or unverified. One with at least one good reference verifies with that. Source: Gateway API BackendTLSPolicy; checklist section
17.
"""

from typing import Final

import msgspec

from gatewright.api.backendtlspolicy import BackendTLSPolicy, SubjectAltName
from gatewright.api.meta import NamespacedName
from gatewright.api.references import GATEWAY_GROUP
from gatewright.flow import Read
from gatewright.graph import authorities
from gatewright.graph.authorities import Bundle
from gatewright.graph.findings import ACCEPTED, RESOLVED_REFS, Finding
from gatewright.graph.grants import Referrer

KIND: Final = "BackendTLSPolicy"
_PATH: Final = "spec.validation"
_REASONS: Final[dict[authorities.Fault, str]] = {
    "kind": "InvalidKind",
    "permission": "InvalidCACertificateRef",
    "content": "InvalidCACertificateRef",
}


class BackendTLSPolicyFacts(msgspec.Struct, frozen=True):
    """A judged policy: the server name asked for, the names that its certificate may have, and who must have signed it.

    Without a `bundle` the system's authorities count; a policy that is not `usable` verifies nothing.
    """

    hostname: str
    names: tuple[SubjectAltName, ...]
    bundle: Bundle | None
    usable: bool
    findings: tuple[Finding, ...]


def judge(read: Read, key: NamespacedName, policy: BackendTLSPolicy) -> BackendTLSPolicyFacts:
    """Judge one policy."""
    validation = policy.spec.validation
    known = validation.well_known_ca_certificates
    references = validation.ca_certificate_refs
    sources, problems = authorities.resolve(read, Referrer(GATEWAY_GROUP, KIND, key.namespace), references)
    findings = [
        Finding(RESOLVED_REFS, _REASONS[each.fault], each.message, f"{_PATH}.caCertificateRefs[{each.place}]")
        for each in problems
    ]
    if references and not sources:
        reasons = "; ".join(each.message for each in problems)
        findings.append(Finding(ACCEPTED, "NoValidCACertificate", reasons, f"{_PATH}.caCertificateRefs"))
    if known not in {None, "System"}:
        findings.append(Finding(ACCEPTED, "Invalid", f"{known} is not supported; use System", f"{_PATH}.wellKnownCACertificates"))
    return BackendTLSPolicyFacts(
        hostname=validation.hostname,
        names=validation.subject_alt_names,
        bundle=Bundle(f"backendtlspolicy/{key}/ca.crt", sources) if sources else None,
        usable=not any(finding.condition == ACCEPTED for finding in findings),
        findings=tuple(findings),
    )
