"""Backend: endpoints that are no Service (gateway.envoyproxy.io/v1alpha1)."""

from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta, field

from gatewright.api.backendtlspolicy import CERTIFICATES_CEL, NOT_BOTH_CERTIFICATES, WELL_KNOWN_CEL
from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import LocalObjectReference, SecretObjectReference
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import PreciseHostname, WellKnownCACertificates, matching

_IPV4_BYTE = "(25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)"
_IPV4 = rf"^({_IPV4_BYTE}\.){{3}}{_IPV4_BYTE}$"
_IPV6 = "^(([0-9a-fA-F]{1,4}:){1,7}[0-9a-fA-F]{1,4}|::|(([0-9a-fA-F]{1,4}:){0,5})?(:[0-9a-fA-F]{1,4}){1,2})$"
_FQDN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\.?$"

IPAddress = Annotated[str, matching(f"{_IPV4}|{_IPV6}", min_length=3, max_length=45)]
EndpointPort = Annotated[int, Meta(ge=0, le=65535)]
TLSVersion = Literal["Auto", "1.0", "1.1", "1.2", "1.3"]


class FQDNEndpoint(Model):
    """A name that the proxy resolves, and a port."""

    hostname: Annotated[str, matching(_FQDN, min_length=1, max_length=253)]
    port: EndpointPort


class IPEndpoint(Model):
    """An address and a port."""

    address: IPAddress
    port: EndpointPort


class UnixSocket(Model):
    """A Unix socket of the proxy's host."""

    path: str

    checks: ClassVar[Rules] = (
        Rule(
            "unix domain socket path must not exceed 108 characters",
            "size(self) <= 108",
            lambda path: len(path) <= 108,  # noqa: PLR2004 - the limit that the message tells
            field="path",
        ),
    )


class BackendEndpoint(Model):
    """One endpoint: exactly one of `fqdn`, `ip` and `unix`."""

    fqdn: FQDNEndpoint | None = None
    ip: IPEndpoint | None = None
    unix: UnixSocket | None = None
    hostname: PreciseHostname | None = None  # the Host header or SNI for this endpoint
    zone: str | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "one of fqdn, ip or unix must be specified",
            "(has(self.fqdn) || has(self.ip) || has(self.unix))",
            lambda self: any(each is not None for each in (self.fqdn, self.ip, self.unix)),
        ),
        Rule(
            "only one of fqdn, ip or unix can be specified",
            "((has(self.fqdn) && !(has(self.ip) || has(self.unix))) || (has(self.ip) && !(has(self.fqdn) || has(self.unix))) || "
            "(has(self.unix) && !(has(self.ip) || has(self.fqdn))))",
            lambda self: sum(each is not None for each in (self.fqdn, self.ip, self.unix)) == 1,
        ),
    )


_OLDEST: Final = {"Auto": 0, "1.0": 1, "1.1": 2, "1.2": 3, "1.3": 4}
_NEWEST: Final = {"1.0": 1, "1.1": 2, "1.2": 3, "1.3": 4, "Auto": 5}
_OLDEST_CEL: Final = '{"Auto":0,"1.0":1,"1.1":2,"1.2":3,"1.3":4}'
_NEWEST_CEL: Final = '{"1.0":1,"1.1":2,"1.2":3,"1.3":4,"Auto":5}[self.maxVersion]'


class TLSSettings(Model):
    """Versions and algorithms of TLS; shared by Backend, EnvoyProxy and ClientTrafficPolicy."""

    min_version: TLSVersion | None = None
    max_version: TLSVersion | None = None
    ciphers: tuple[str, ...] = ()
    ecdh_curves: tuple[str, ...] = ()
    signature_algorithms: tuple[str, ...] = ()
    alpn_protocols: tuple[str, ...] = ()
    fingerprints: tuple[Literal["JA3", "JA4"], ...] = ()

    checks: ClassVar[Rules] = (
        Rule(
            "setting ciphers has no effect if the minimum possible TLS version is 1.3",
            "has(self.minVersion) && self.minVersion == '1.3' ? !has(self.ciphers) : true",
            lambda self: self.min_version != "1.3" or not self.ciphers,
        ),
        Rule(
            "minVersion must be smaller or equal to maxVersion",
            f"has(self.minVersion) && has(self.maxVersion) ? {_OLDEST_CEL}[self.minVersion] <= {_NEWEST_CEL} : "
            f"!has(self.minVersion) && has(self.maxVersion) ? 3 <= {_NEWEST_CEL} : true",
            lambda self: self.max_version is None or _OLDEST[self.min_version or "1.2"] <= _NEWEST[self.max_version],
        ),
    )


class BackendTLSConfig(TLSSettings):
    """TLS settings towards backends, with the certificate to show them."""

    client_certificate_ref: SecretObjectReference | None = None


class BackendTLSSettings(BackendTLSConfig):
    """TLS towards the endpoints of one Backend."""

    ca_certificate_refs: Annotated[tuple[LocalObjectReference, ...], Meta(max_length=8)] = ()
    well_known_ca_certificates: WellKnownCACertificates | None = field(default=None, name="wellKnownCACertificates")
    insecure_skip_verify: bool = False
    sni: PreciseHostname | None = None
    auto_sni_from_endpoint_hostname: bool = field(default=False, name="autoSNIFromEndpointHostname")

    checks: ClassVar[Rules] = (
        NOT_BOTH_CERTIFICATES,
        Rule(
            "must not contain either CACertificateRefs or WellKnownCACertificates when InsecureSkipVerify is enabled",
            f"!((has(self.insecureSkipVerify) && self.insecureSkipVerify) && (({CERTIFICATES_CEL}) || ({WELL_KNOWN_CEL})))",
            lambda self: not (self.insecure_skip_verify and (self.ca_certificate_refs or self.well_known_ca_certificates)),
        ),
        Rule(
            "sni and autoSNIFromEndpointHostname are mutually exclusive",
            "!(has(self.sni) && has(self.autoSNIFromEndpointHostname) && self.autoSNIFromEndpointHostname)",
            lambda self: not (self.sni and self.auto_sni_from_endpoint_hostname),
        ),
    )


AppProtocol = Literal["gateway.envoyproxy.io/h2c", "gateway.envoyproxy.io/ws", "gateway.envoyproxy.io/wss"]


_AUTO_SNI_CEL: Final = "(has(self.tls.autoSNIFromEndpointHostname) && self.tls.autoSNIFromEndpointHostname)"


class BackendSpec(Model):
    """Where a Backend is; a DynamicResolver takes the address from the request."""

    type: Literal["Endpoints", "DynamicResolver"] = "Endpoints"
    endpoints: Annotated[tuple[BackendEndpoint, ...], Meta(min_length=1, max_length=256)] = ()
    app_protocols: tuple[AppProtocol, ...] = ()
    fallback: bool = False  # used only while the others are unhealthy
    tls: BackendTLSSettings | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "fqdn addresses cannot be mixed with other address types",
            "self.all(f, has(f.fqdn)) || !self.exists(f, has(f.fqdn))",
            lambda endpoints: len({each.fqdn is None for each in endpoints}) < 2,  # noqa: PLR2004 - both
            field="endpoints",
        ),
        Rule(
            "DynamicResolver type cannot have endpoints specified",
            "self.type != 'DynamicResolver' || !has(self.endpoints)",
            lambda self: self.type != "DynamicResolver" or not self.endpoints,
        ),
        Rule(
            "DynamicResolver type cannot use autoSNIFromEndpointHostname",
            f"self.type != 'DynamicResolver' || !has(self.tls) || !{_AUTO_SNI_CEL}",
            lambda self: self.type != "DynamicResolver" or self.tls is None or not self.tls.auto_sni_from_endpoint_hostname,
        ),
        Rule(
            "when autoSNIFromEndpointHostname is enabled, IP and Unix endpoints must define a hostname",
            f"!has(self.tls) || !{_AUTO_SNI_CEL} || self.endpoints.all(e, (!has(e.ip) && !has(e.unix)) || has(e.hostname))",
            # Without endpoints the CEL fails to evaluate, which refuses the object as well.
            lambda self: (
                self.tls is None
                or not self.tls.auto_sni_from_endpoint_hostname
                or (bool(self.endpoints) and all(each.fqdn is not None or each.hostname is not None for each in self.endpoints))
            ),
        ),
    )


class Backend(KubernetesObject, kw_only=True):
    """The kind Backend."""

    spec: BackendSpec
