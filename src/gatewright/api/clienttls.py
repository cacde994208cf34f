"""TLS between clients and a Gateway's listeners, as ClientTrafficPolicy says it (gateway.envoyproxy.io/v1alpha1)."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from gatewright.api.backend import TLSSettings
from gatewright.api.meta import Model
from gatewright.api.references import SecretObjectReference
from gatewright.api.rules import Rule, Rules
from gatewright.api.telemetry import Nothing, StringMatch

References = Annotated[tuple[SecretObjectReference, ...], Meta(max_length=8)]


class OtherNameMatch(StringMatch, kw_only=True):
    """A condition on an OtherName entry, whose kind is `oid`."""

    oid: str


class SubjectAltNames(Model):
    """Names of which the certificate must carry one."""

    dns_names: tuple[StringMatch, ...] = ()
    email_addresses: tuple[StringMatch, ...] = ()
    ip_addresses: tuple[StringMatch, ...] = ()
    uris: tuple[StringMatch, ...] = ()
    other_names: tuple[OtherNameMatch, ...] = ()


class RevocationLists(Model):
    """Lists of certificates that count no more; the API's CrlContext."""

    refs: Annotated[tuple[SecretObjectReference, ...], Meta(min_length=1, max_length=8)]
    only_verify_leaf_certificate: bool = False


class ClientValidationContext(Model):
    """Which client certificates are asked for, and which are good."""

    mode: Literal["Request", "RequireAny", "VerifyIfGiven", "RequireAndVerify"] | None = None
    optional: bool = False
    allow_expired_certificate: bool = False
    ca_certificate_refs: References = ()
    spki_hashes: tuple[str, ...] = ()
    certificate_hashes: tuple[str, ...] = ()
    subject_alt_names: SubjectAltNames | None = None
    crl: RevocationLists | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "allowExpiredCertificate can only be set when mode is VerifyIfGiven or RequireAndVerify",
            "!has(self.allowExpiredCertificate) || !self.allowExpiredCertificate || !has(self.mode) || "
            "self.mode in ['VerifyIfGiven', 'RequireAndVerify']",
            lambda self: not self.allow_expired_certificate or self.mode in {None, "VerifyIfGiven", "RequireAndVerify"},
        ),
    )


class SessionResumption(Model):
    """How a client may take up a session again."""

    stateless: Nothing | None = None
    stateful: Nothing | None = None


class TLSSession(Model):
    """Sessions of TLS."""

    resumption: SessionResumption | None = None


class ClientTLSSettings(TLSSettings):
    """TLS towards clients."""

    client_validation: ClientValidationContext | None = None
    session: TLSSession | None = None
