"""BackendTLSPolicy: TLS from the gateway to a Service's endpoints (gateway.networking.k8s.io/v1)."""

from typing import Annotated, Literal

from msgspec import Meta, field

from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import LocalObjectReference, LocalPolicyTargetReferenceWithSectionName
from gatewright.api.scalars import AbsoluteURI, AnnotationValue, Hostname, PreciseHostname, WellKnownCACertificates


class SubjectAltName(Model):
    """A name that the backend's certificate may carry; the field that `type` names is the one that is set."""

    type: Literal["Hostname", "URI"]
    hostname: Hostname | None = None
    uri: AbsoluteURI | None = None


class BackendTLSPolicyValidation(Model):
    """How the backend's certificate is checked; `hostname` is the SNI, and the expected name without `subject_alt_names`."""

    hostname: PreciseHostname
    ca_certificate_refs: Annotated[tuple[LocalObjectReference, ...], Meta(max_length=8)] = ()
    well_known_ca_certificates: WellKnownCACertificates | None = field(default=None, name="wellKnownCACertificates")
    subject_alt_names: Annotated[tuple[SubjectAltName, ...], Meta(max_length=5)] = ()


class BackendTLSPolicySpec(Model):
    """The Services (or sections of them) that are spoken to in TLS."""

    target_refs: Annotated[tuple[LocalPolicyTargetReferenceWithSectionName, ...], Meta(min_length=1, max_length=16)]
    validation: BackendTLSPolicyValidation
    options: Annotated[dict[str, AnnotationValue], Meta(max_length=16)] = field(default_factory=dict)


class BackendTLSPolicy(KubernetesObject, kw_only=True):
    """The kind BackendTLSPolicy."""

    spec: BackendTLSPolicySpec
