"""BackendTLSPolicy: TLS from the gateway to a Service's endpoints (gateway.networking.k8s.io/v1)."""

from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta, field

from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import LocalObjectReference, LocalPolicyTargetReferenceWithSectionName
from gatewright.api.rules import Rule, Rules, is_unique
from gatewright.api.scalars import AbsoluteURI, AnnotationValue, Hostname, PreciseHostname, WellKnownCACertificates

CERTIFICATES_CEL: Final = "has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0"
WELL_KNOWN_CEL: Final = 'has(self.wellKnownCACertificates) && self.wellKnownCACertificates != ""'

NOT_BOTH_CERTIFICATES: Final = Rule(
    "must not contain both CACertificateRefs and WellKnownCACertificates",
    f"!({CERTIFICATES_CEL} && {WELL_KNOWN_CEL})",
    lambda self: not (self.ca_certificate_refs and self.well_known_ca_certificates),
)


class SubjectAltName(Model):
    """A name that the backend's certificate may carry; the field that `type` names is the one that is set."""

    type: Literal["Hostname", "URI"]
    hostname: Hostname | None = None
    uri: AbsoluteURI | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "SubjectAltName element must contain Hostname, if Type is set to Hostname",
            '!(self.type == "Hostname" && (!has(self.hostname) || self.hostname == ""))',
            lambda self: self.type != "Hostname" or self.hostname is not None,
        ),
        Rule(
            "SubjectAltName element must not contain Hostname, if Type is not set to Hostname",
            '!(self.type != "Hostname" && has(self.hostname) && self.hostname != "")',
            lambda self: self.type == "Hostname" or self.hostname is None,
        ),
        Rule(
            "SubjectAltName element must contain URI, if Type is set to URI",
            '!(self.type == "URI" && (!has(self.uri) || self.uri == ""))',
            lambda self: self.type != "URI" or self.uri is not None,
        ),
        Rule(
            "SubjectAltName element must not contain URI, if Type is not set to URI",
            '!(self.type != "URI" && has(self.uri) && self.uri != "")',
            lambda self: self.type == "URI" or self.uri is None,
        ),
    )


class BackendTLSPolicyValidation(Model):
    """How the backend's certificate is checked; `hostname` is the SNI, and the expected name without `subject_alt_names`."""

    hostname: PreciseHostname
    ca_certificate_refs: Annotated[tuple[LocalObjectReference, ...], Meta(max_length=8)] = ()
    well_known_ca_certificates: WellKnownCACertificates | None = field(default=None, name="wellKnownCACertificates")
    subject_alt_names: Annotated[tuple[SubjectAltName, ...], Meta(max_length=5)] = ()

    checks: ClassVar[Rules] = (
        NOT_BOTH_CERTIFICATES,
        Rule(
            "must specify either CACertificateRefs or WellKnownCACertificates",
            f"({CERTIFICATES_CEL} || {WELL_KNOWN_CEL})",
            lambda self: bool(self.ca_certificate_refs or self.well_known_ca_certificates),
        ),
    )


def _target(reference: LocalPolicyTargetReferenceWithSectionName) -> tuple[str, str, str]:
    return reference.group, reference.kind, reference.name


_SAME_TARGET: Final = "p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name"


class BackendTLSPolicySpec(Model):
    """The Services (or sections of them) that are spoken to in TLS."""

    target_refs: Annotated[tuple[LocalPolicyTargetReferenceWithSectionName, ...], Meta(min_length=1, max_length=16)]
    validation: BackendTLSPolicyValidation
    options: Annotated[dict[str, AnnotationValue], Meta(max_length=16)] = field(default_factory=dict)

    checks: ClassVar[Rules] = (
        Rule(
            "sectionName must be specified when targetRefs includes 2 or more references to the same target",
            f"self.all(p1, self.all(p2, {_SAME_TARGET} ? "
            "((!has(p1.sectionName) || p1.sectionName == '') == (!has(p2.sectionName) || p2.sectionName == '')) : true))",
            lambda targets: {_target(each) for each in targets if each.section_name}.isdisjoint(
                _target(each) for each in targets if not each.section_name
            ),
            field="target_refs",
        ),
        Rule(
            "sectionName must be unique when targetRefs includes 2 or more references to the same target",
            f"self.all(p1, self.exists_one(p2, {_SAME_TARGET} && (((!has(p1.sectionName) || p1.sectionName == '') && "
            "(!has(p2.sectionName) || p2.sectionName == '')) || "
            "(has(p1.sectionName) && has(p2.sectionName) && p1.sectionName == p2.sectionName))))",
            lambda targets: is_unique((_target(each), each.section_name or "") for each in targets),
            field="target_refs",
        ),
    )


class BackendTLSPolicy(KubernetesObject, kw_only=True):
    """The kind BackendTLSPolicy."""

    spec: BackendTLSPolicySpec
