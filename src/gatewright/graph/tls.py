"""The certificates of an HTTPS listener, resolved from its certificateRefs.

A reference is checked in the order that leaks nothing: is the kind one we know, is it permitted, does it exist, can it serve. A
listener with at least one good certificate serves with it; the bad ones are reported. Source: Gateway API certificateRefs,
GEP-851.
"""

import msgspec

from gatewright.api.gateway import ListenerTLSConfig
from gatewright.api.meta import NamespacedName
from gatewright.api.references import GATEWAY_GROUP, SecretObjectReference
from gatewright.flow import Read
from gatewright.graph.findings import RESOLVED_REFS, Finding
from gatewright.graph.grants import Referrer, Target, permits
from gatewright.graph.tables import CERTIFICATE_PROBLEMS, SECRETS


class ListenerTls(msgspec.Struct, frozen=True):
    """The usable certificates of a listener, in the order referred to."""

    secrets: tuple[NamespacedName, ...]


def resolve(read: Read, namespace: str, tls: ListenerTLSConfig | None, path: str) -> tuple[ListenerTls, tuple[Finding, ...]]:
    """Resolve the certificates of a listener in `namespace`."""
    references = tls.certificate_refs if tls else ()
    if not references:
        message = "an HTTPS listener needs at least one certificate"
        return ListenerTls(()), (Finding(RESOLVED_REFS, "InvalidCertificateRef", message, f"{path}.certificateRefs"),)
    secrets: list[NamespacedName] = []
    findings: list[Finding] = []
    for i, reference in enumerate(references):
        secret, problem = _certificate(read, namespace, reference, f"{path}.certificateRefs[{i}]")
        if problem is not None:
            findings.append(problem)
        elif secret not in secrets:
            secrets.append(secret)
    return ListenerTls(tuple(secrets)), tuple(findings)


def _certificate(
    read: Read, namespace: str, reference: SecretObjectReference, path: str
) -> tuple[NamespacedName, Finding | None]:
    key = NamespacedName(reference.namespace or namespace, reference.name)
    if (reference.group or "", reference.kind) != ("", "Secret"):
        return key, _invalid(path, f"{reference.group}/{reference.kind} is not supported; use a Secret")
    if not permits(read, Referrer(GATEWAY_GROUP, "Gateway", namespace), Target("", "Secret", *key)):
        message = f"no ReferenceGrant in namespace {key.namespace} lets Gateways of {namespace} refer to Secret {key.name}"
        return key, Finding(RESOLVED_REFS, "RefNotPermitted", message, path)
    if read(SECRETS, key) is None:
        return key, _invalid(path, f"Secret {key} not found")
    problem = read(CERTIFICATE_PROBLEMS, key)
    if problem is None:
        return key, _invalid(path, f"Secret {key} is not of type kubernetes.io/tls")
    return key, _invalid(path, f"Secret {key}: {problem}") if problem else None


def _invalid(path: str, message: str) -> Finding:
    return Finding(RESOLVED_REFS, "InvalidCertificateRef", message, path)
