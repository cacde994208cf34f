"""The certificates of an HTTPS listener, resolved from its certificateRefs.

A reference is checked in the order that leaks nothing: is the kind one we know, is it permitted, does it exist, can it serve. A
listener with at least one good certificate serves with it; the bad ones are reported. Source: Gateway API certificateRefs,
GEP-851.
"""

from typing import Final

import msgspec

from gatewright.api.gateway import ListenerTLSConfig
from gatewright.api.meta import NamespacedName
from gatewright.api.references import GATEWAY_GROUP, SecretObjectReference
from gatewright.flow import Read
from gatewright.graph.certificates import TLS_SECRET
from gatewright.graph.findings import RESOLVED_REFS, Finding, kind_name
from gatewright.graph.frontend_tls import ClientValidation
from gatewright.graph.grants import Referrer, Target, permits
from gatewright.graph.tables import CERTIFICATE_PROBLEMS, SECRETS, ParentKey

_INVALID: Final = "InvalidCertificateRef"


class ListenerTls(msgspec.Struct, frozen=True):
    """The usable certificates of a listener, in the order referred to, and what it asks of its clients."""

    secrets: tuple[NamespacedName, ...]
    clients: ClientValidation | None = None


def resolve(read: Read, parent: ParentKey, tls: ListenerTLSConfig | None, path: str) -> tuple[ListenerTls, tuple[Finding, ...]]:
    """Resolve the certificates of a listener that `parent` declares: grants to a Gateway are none to its ListenerSets."""
    references = tls.certificate_refs if tls else ()
    if not references:
        message = "a listener that terminates TLS needs at least one certificate"
        return ListenerTls(()), (Finding(RESOLVED_REFS, _INVALID, message, f"{path}.certificateRefs"),)
    secrets: list[NamespacedName] = []
    findings: list[Finding] = []
    for i, reference in enumerate(references):
        secret, reason, message = certificate(read, Referrer(GATEWAY_GROUP, parent.kind, parent.namespace), reference)
        if reason:
            findings.append(Finding(RESOLVED_REFS, reason, message, f"{path}.certificateRefs[{i}]"))
        elif secret not in secrets:
            secrets.append(secret)
    return ListenerTls(tuple(secrets)), tuple(findings)


def certificate(read: Read, referrer: Referrer, reference: SecretObjectReference) -> tuple[NamespacedName, str, str]:
    """Resolve a reference to a certificate and its key: the Secret, and the reason and message if it cannot be used."""
    key = NamespacedName(reference.namespace or referrer.namespace, reference.name)
    if (reference.group, reference.kind) != ("", "Secret"):
        return key, _INVALID, f"{kind_name(reference.group, reference.kind)} is not supported; use a Secret"
    if not permits(read, referrer, Target("", "Secret", *key)):
        whose = f"{referrer.kind}s of {referrer.namespace}"
        return key, "RefNotPermitted", f"no ReferenceGrant in namespace {key.namespace} lets {whose} refer to Secret {key.name}"
    if read(SECRETS, key) is None:
        return key, _INVALID, f"Secret {key} not found"
    problem = read(CERTIFICATE_PROBLEMS, key)
    if problem is None:
        return key, _INVALID, f"Secret {key} is not of type {TLS_SECRET}"
    return (key, _INVALID, f"Secret {key}: {problem}") if problem else (key, "", "")
