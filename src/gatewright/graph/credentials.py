"""The credential that an HTTPRouteFilter adds to requests, resolved to its Secret.

A reference is checked in the order that leaks nothing: is the kind one we know, is it permitted, does it exist, does it hold
something that can be the value of a header. What comes out names the Secret, whose content `wire.secrets` alone sends. Source:
Envoy Gateway HTTPRouteFilter.credentialInjection (key `credential`).
"""

import re
from typing import Final

from gatewright.api.httproutefilter import HTTPCredentialInjectionFilter
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.findings import ACCEPTED, RESOLVED_REFS, Finding, kind_name
from gatewright.graph.grants import Referrer, Target, permits
from gatewright.graph.tables import SECRETS

CREDENTIAL: Final = "credential"
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_UNPRINTABLE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What no value of a header may hold (RFC 9110, section 5.5): it could end the header, and begin another."""
_PATH: Final = "spec.credentialInjection"


def resolve(read: Read, namespace: str, spec: HTTPCredentialInjectionFilter, path: str) -> tuple[NamespacedName, Finding | None]:
    """Return the Secret that a filter of `namespace` refers to, and what is wrong with it, to be said at `path`."""
    reference = spec.credential.value_ref
    key = NamespacedName(reference.namespace or namespace, reference.name)
    if spec.header is not None and not _HEADER.fullmatch(spec.header):
        return key, Finding(ACCEPTED, "UnsupportedValue", f"{_PATH}.header {spec.header!r} is not the name of a header", path)
    if (reference.group, reference.kind) != ("", "Secret"):
        kind = kind_name(reference.group, reference.kind)
        return key, Finding(RESOLVED_REFS, "InvalidKind", f"{_PATH}: {kind} is not supported; use a Secret", path)
    referrer = Referrer("gateway.envoyproxy.io", "HTTPRouteFilter", namespace)
    if not permits(read, referrer, Target("", "Secret", *key)):
        grant = f"no ReferenceGrant in namespace {key.namespace} lets HTTPRouteFilters of {namespace}"
        return key, Finding(RESOLVED_REFS, "RefNotPermitted", f"{_PATH}: {grant} refer to Secret {key.name}", path)
    problem = _content_problem(read, key)
    return key, Finding(RESOLVED_REFS, "BackendNotFound", f"{_PATH}: {problem}", path) if problem else None


def _content_problem(read: Read, key: NamespacedName) -> str:
    secret = read(SECRETS, key)
    if secret is None:
        return f"Secret {key} not found"
    value = secret.decoded(CREDENTIAL)
    if not value:
        return f"Secret {key} has no {CREDENTIAL}"
    if _UNPRINTABLE.search(value):
        return f"{CREDENTIAL} of Secret {key} has a line break or another control character, which no header can hold"
    return ""
