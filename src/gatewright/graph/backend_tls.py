"""TLS to a Backend: what it is verified with, and the certificate that it is shown.

One source of authorities is needed, unless verification is switched off: `ca.crt` of ConfigMaps or Secrets beside the Backend, or
those of the system. A client certificate of another namespace needs a ReferenceGrant. Source: Envoy Gateway's Backend.spec.tls.
"""

from functools import lru_cache
from typing import Final

import msgspec
from cryptography import x509

from gatewright.api.backend import Backend, BackendTLSSettings
from gatewright.api.meta import NamespacedName
from gatewright.api.references import LocalObjectReference
from gatewright.flow import Read
from gatewright.graph.findings import ACCEPTED, Finding, kind_name
from gatewright.graph.grants import Referrer
from gatewright.graph.tables import CONFIG_MAPS, SECRETS
from gatewright.graph.tls import certificate

BACKEND_GROUP: Final = "gateway.envoyproxy.io"
_PATH: Final = "spec.tls"
_ENTRY: Final = "ca.crt"


class BackendTls(msgspec.Struct, frozen=True):
    """TLS to a Backend resolved: PEM of its authorities (empty: the system's, or none), and the Secret of what it is shown."""

    authorities: str = ""
    certificate: NamespacedName | None = None


def resolve(read: Read, backend: Backend, tls: BackendTLSSettings) -> tuple[BackendTls, tuple[Finding, ...]]:
    """Resolve what `tls` refers to."""
    texts: list[str] = []
    findings: list[Finding] = []
    for i, reference in enumerate(tls.ca_certificate_refs):
        text, problem = _authority(read, backend.metadata.namespace, reference)
        if problem:
            findings.append(_invalid(problem, f"{_PATH}.caCertificateRefs[{i}]"))
        texts.append(text)
    findings.extend(_source_problems(tls))
    certificate, certificate_findings = _client_certificate(read, backend, tls)
    authorities = "".join(text if text.endswith("\n") else f"{text}\n" for text in texts if text)
    return BackendTls(authorities, certificate), (*findings, *certificate_findings)


def _source_problems(tls: BackendTLSSettings) -> tuple[Finding, ...]:
    if tls.well_known_ca_certificates not in {None, "System"}:
        message = f"{tls.well_known_ca_certificates} is not supported; use System"
        return (_invalid(message, f"{_PATH}.wellKnownCACertificates"),)
    if not (tls.ca_certificate_refs or tls.well_known_ca_certificates or tls.insecure_skip_verify):
        message = "one of caCertificateRefs, wellKnownCACertificates and insecureSkipVerify is needed"
        return (_invalid(message, _PATH),)
    return ()


def _authority(read: Read, namespace: str, reference: LocalObjectReference) -> tuple[str, str]:
    """Return the PEM text of one reference, or what is wrong with it."""
    key = NamespacedName(namespace, reference.name)
    if (reference.group, reference.kind) == ("", "ConfigMap"):
        config_map = read(CONFIG_MAPS, key)
        found, text = config_map is not None, config_map.data.get(_ENTRY) if config_map else None
    elif (reference.group, reference.kind) == ("", "Secret"):
        secret = read(SECRETS, key)
        found, text = secret is not None, _text(secret.decoded(_ENTRY)) if secret else None
    else:
        return "", f"{kind_name(reference.group, reference.kind)} is not supported; use a ConfigMap or Secret"
    if not found:
        return "", f"{reference.kind} {key} not found"
    if text is None:
        return "", f"{reference.kind} {key} has no {_ENTRY}"
    return text, "" if _is_certificates(text) else f"{_ENTRY} of {reference.kind} {key} holds no certificate in PEM form"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


@lru_cache(maxsize=256)
def _is_certificates(text: str) -> bool:
    try:
        return bool(x509.load_pem_x509_certificates(text.encode()))
    except ValueError:
        return False


def _client_certificate(
    read: Read, backend: Backend, tls: BackendTLSSettings
) -> tuple[NamespacedName | None, tuple[Finding, ...]]:
    reference = tls.client_certificate_ref
    if reference is None:
        return None, ()
    key, _, problem = certificate(read, Referrer(BACKEND_GROUP, "Backend", backend.metadata.namespace), reference)
    return key, (_invalid(problem, f"{_PATH}.clientCertificateRef"),) if problem else ()


def _invalid(message: str, path: str) -> Finding:
    return Finding(ACCEPTED, "Invalid", message, path)
