"""Backend: endpoints that are no Service (gateway.envoyproxy.io/v1alpha1)."""

from typing import Annotated, Literal

from msgspec import Meta, field

from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import LocalObjectReference, SecretObjectReference
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


class BackendEndpoint(Model):
    """One endpoint: exactly one of `fqdn`, `ip` and `unix`."""

    fqdn: FQDNEndpoint | None = None
    ip: IPEndpoint | None = None
    unix: UnixSocket | None = None
    hostname: PreciseHostname | None = None  # the Host header or SNI for this endpoint
    zone: str | None = None


class TLSSettings(Model):
    """Versions and algorithms of TLS; shared by Backend, EnvoyProxy and ClientTrafficPolicy."""

    min_version: TLSVersion | None = None
    max_version: TLSVersion | None = None
    ciphers: tuple[str, ...] = ()
    ecdh_curves: tuple[str, ...] = ()
    signature_algorithms: tuple[str, ...] = ()
    alpn_protocols: tuple[str, ...] = ()
    fingerprints: tuple[Literal["JA3", "JA4"], ...] = ()


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


AppProtocol = Literal["gateway.envoyproxy.io/h2c", "gateway.envoyproxy.io/ws", "gateway.envoyproxy.io/wss"]


class BackendSpec(Model):
    """Where a Backend is; a DynamicResolver takes the address from the request."""

    type: Literal["Endpoints", "DynamicResolver"] = "Endpoints"
    endpoints: Annotated[tuple[BackendEndpoint, ...], Meta(min_length=1, max_length=256)] = ()
    app_protocols: tuple[AppProtocol, ...] = ()
    fallback: bool = False  # used only while the others are unhealthy
    tls: BackendTLSSettings | None = None


class Backend(KubernetesObject, kw_only=True):
    """The kind Backend."""

    spec: BackendSpec
