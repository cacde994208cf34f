"""Certificates of authorities: who may vouch for a peer, from ConfigMaps and Secrets.

Backends, BackendTLSPolicies and Gateways refer to them alike. A reference is checked in the order that leaks nothing: is the kind
one we know, is it permitted, is the object there, does it hold certificates. What comes out names the objects, not their
content, so that a new bundle changes one secret of the proxies and nothing that uses it. Sources: Gateway API caCertificateRefs
(`ca.crt`); Envoy Gateway, which also takes `tls.crt` or the only entry that there is.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

import msgspec
from cryptography import x509

from gatewright.api.meta import NamespacedName
from gatewright.api.references import LocalObjectReference, ObjectReference
from gatewright.flow import Read
from gatewright.graph.findings import kind_name
from gatewright.graph.grants import Referrer, Target, permits
from gatewright.graph.tables import CONFIG_MAPS, SECRETS

_ENTRIES: Final = ("ca.crt", "tls.crt")

Fault: TypeAlias = Literal["kind", "permission", "content"]


class Source(NamedTuple):
    """An object that holds certificates of authorities; `kind` is ConfigMap or Secret."""

    kind: str
    namespace: str
    name: str


class Bundle(msgspec.Struct, frozen=True):
    """Certificates of authorities from several objects, under one name."""

    name: str
    sources: tuple[Source, ...]


class Problem(NamedTuple):
    """What is wrong with the reference at this place."""

    place: int
    fault: Fault
    message: str


class Certifying(Protocol):
    """What the users of secrets in a proxy have in common."""

    @property
    def secrets(self) -> tuple[NamespacedName, ...]:
        """The Secrets whose certificates it shows."""

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The authorities whose certificates it trusts."""


def resolve(
    read: Read, referrer: Referrer, references: Sequence[LocalObjectReference | ObjectReference]
) -> tuple[tuple[Source, ...], tuple[Problem, ...]]:
    """Return the objects that are good, each once, and what is wrong with the other references."""
    sources: dict[Source, None] = {}
    problems: list[Problem] = []
    for i, reference in enumerate(references):
        source, fault, message = _resolved(read, referrer, reference)
        if fault:
            problems.append(Problem(i, fault, message))
        else:
            sources[source] = None
    return tuple(sources), tuple(problems)


def pem(read: Read, sources: Sequence[Source]) -> str:
    """Return the certificates of all sources, as PEM; those that are gone by now are left out."""
    texts = (_text(read, source) for source in sources)
    return "".join(text if text.endswith("\n") else f"{text}\n" for text in texts if text)


def _resolved(
    read: Read, referrer: Referrer, reference: LocalObjectReference | ObjectReference
) -> tuple[Source, Fault | None, str]:
    namespace = (reference.namespace if isinstance(reference, ObjectReference) else None) or referrer.namespace
    source = Source(reference.kind, namespace, reference.name)
    what = f"{reference.kind} {namespace}/{reference.name}"
    if (reference.group, reference.kind) not in {("", "ConfigMap"), ("", "Secret")}:
        return source, "kind", f"{kind_name(reference.group, reference.kind)} is not supported; use a ConfigMap or Secret"
    if not permits(read, referrer, Target("", reference.kind, namespace, reference.name)):
        whose = f"{referrer.kind}s of {referrer.namespace}"
        return source, "permission", f"no ReferenceGrant in namespace {namespace} lets {whose} refer to {what}"
    text = _text(read, source)
    if text is None:
        return source, "content", f"{what} not found"
    if not text:
        return source, "content", f"{what} has no {_ENTRIES[0]}"
    if not _is_certificates(text):
        return source, "content", f"{_ENTRIES[0]} of {what} holds no certificate in PEM form"
    return source, None, ""


def _text(read: Read, source: Source) -> str | None:
    """The entry that holds the certificates, empty without one; None where the object is missing."""
    key = NamespacedName(source.namespace, source.name)
    if source.kind == "ConfigMap":
        config_map = read(CONFIG_MAPS, key)
        return config_map.data.get(_entry(config_map.data), "") if config_map else None
    secret = read(SECRETS, key)
    return (secret.decoded(_entry(secret.data)) or b"").decode(errors="replace") if secret else None


def _entry(names: Sequence[str] | dict[str, str]) -> str:
    """Choose the entry with the certificates."""
    if len(names) == 1:
        return next(iter(names))
    return next((name for name in _ENTRIES if name in names), _ENTRIES[0])


@lru_cache(maxsize=256)
def _is_certificates(text: str) -> bool:
    try:
        return bool(x509.load_pem_x509_certificates(text.encode()))
    except ValueError:
        return False
