"""ClientTrafficPolicy: connections and requests between clients and listeners (gateway.envoyproxy.io/v1alpha1)."""

from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta, field

from gatewright.api.clienttls import ClientTLSSettings
from gatewright.api.durations import milliseconds
from gatewright.api.filters import HTTPHeader
from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.policytargets import PolicyTargets, target_rules
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import ByteSize, Duration, Int32, PositiveInt32, map_of, matching, set_of
from gatewright.api.telemetry import Nothing, StringMatch

_BYTE: Final = "(25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)"
_IPV4_RANGE: Final = rf"({_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}\/([0-9]+))"
_GROUP: Final = "[0-9a-fA-F]{1,4}"
_TAIL: Final = r"((25[0-5]|(2[0-4]|1{0,1}[0-9]){0,1}[0-9])\.){3,3}(25[0-5]|(2[0-4]|1{0,1}[0-9]){0,1}[0-9])"
_IPV6_RANGE: Final = (
    rf"((({_GROUP}:){{7,7}}{_GROUP}|({_GROUP}:){{1,7}}:|({_GROUP}:){{1,6}}:{_GROUP}|({_GROUP}:){{1,5}}(:{_GROUP}){{1,2}}|"
    rf"({_GROUP}:){{1,4}}(:{_GROUP}){{1,3}}|({_GROUP}:){{1,3}}(:{_GROUP}){{1,4}}|({_GROUP}:){{1,2}}(:{_GROUP}){{1,5}}|"
    rf"{_GROUP}:((:{_GROUP}){{1,6}})|:((:{_GROUP}){{1,7}}|:)|fe80:(:[0-9a-fA-F]{{0,4}}){{0,4}}%[0-9a-zA-Z]{{1,}}|"
    rf"::(ffff(:0{{1,4}}){{0,1}}:){{0,1}}{_TAIL}|({_GROUP}:){{1,4}}:{_TAIL})\/([0-9]+))"
)
CIDR = Annotated[str, matching(f"{_IPV4_RANGE}|{_IPV6_RANGE}", description="A range of addresses, such as 10.0.0.0/8.")]


class TCPKeepalive(Model):
    """Probes on idle connections."""

    probes: Int32 | None = None
    idle_time: Duration | None = None
    interval: Duration | None = None


class XForwardedForSettings(Model):
    """The client is who stands in X-Forwarded-For before so many, or these, proxies."""

    num_trusted_hops: Int32 | None = None
    trusted_cidrs: Annotated[tuple[CIDR, ...], Meta(min_length=1)] = field(default=(), name="trustedCIDRs")
    disable_x_forwarded_for_append: bool = False

    checks: ClassVar[Rules] = (
        Rule(
            "only one of numTrustedHops or trustedCIDRs must be set",
            "(has(self.numTrustedHops) && !has(self.trustedCIDRs)) || (!has(self.numTrustedHops) && has(self.trustedCIDRs))",
            lambda self: (self.num_trusted_hops is None) == bool(self.trusted_cidrs),
        ),
    )


class CustomHeaderExtensionSettings(Model):
    """The client is who stands in this header."""

    name: Annotated[str, matching("^[A-Za-z0-9-]+$", min_length=1, max_length=255)]
    fail_closed: bool = False


class ClientIPDetectionSettings(Model):
    """How the address of the client is found: in exactly one of these ways."""

    x_forwarded_for: XForwardedForSettings | None = None
    custom_header: CustomHeaderExtensionSettings | None = None
    direct_source_ip: Nothing | None = field(default=None, name="directSourceIP")

    checks: ClassVar[Rules] = (
        Rule(
            "exactly one of xForwardedFor, customHeader, or directSourceIP must be set",
            "[has(self.xForwardedFor), has(self.customHeader), has(self.directSourceIP)].filter(x, x).size() == 1",
            lambda self: (self.x_forwarded_for, self.custom_header, self.direct_source_ip).count(None) == 2,  # noqa: PLR2004 - of three
        ),
    )


class ConnectionLimit(Model):
    """How many connections there may be, and how long."""

    value: Annotated[int, Meta(ge=1)] | None = None
    close_delay: Duration | None = None
    max_connection_duration: Duration | None = None
    max_requests_per_connection: Int32 | None = None
    max_stream_duration: Duration | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "closeDelay can only be configured when value is set",
            "!has(self.closeDelay) || has(self.value)",
            lambda self: self.close_delay is None or self.value is not None,
        ),
    )


class ClientConnection(Model):
    """Limits of connections."""

    connection_limit: ConnectionLimit | None = None
    buffer_limit: ByteSize | None = None
    socket_buffer_limit: ByteSize | None = None
    max_accept_per_socket_event: Int32 = 1


Headers = Annotated[tuple[HTTPHeader, ...], map_of("name", min_length=1, max_length=64)]


class HeaderChanges(Model):
    """Changes to the headers of a request or response; the API's HTTPHeaderFilter."""

    set: Headers = ()
    add: Headers = ()
    add_if_absent: Headers = ()
    remove: Annotated[tuple[str, ...], set_of(min_length=1, max_length=64)] = ()
    remove_on_match: Annotated[tuple[StringMatch, ...], Meta(min_length=1, max_length=64)] = ()


class XForwardedClientCert(Model):
    """What becomes of the header of that name."""

    mode: Literal["Sanitize", "ForwardOnly", "AppendForward", "SanitizeSet", "AlwaysForwardOnly"] | None = None
    cert_details_to_add: Annotated[tuple[Literal["Subject", "Cert", "Chain", "DNS", "URI"], ...], Meta(max_length=5)] = ()

    checks: ClassVar[Rules] = (
        Rule(
            "certDetailsToAdd can only be set when mode is AppendForward or SanitizeSet",
            "(has(self.certDetailsToAdd) && self.certDetailsToAdd.size() > 0) ? "
            "(self.mode == 'AppendForward' || self.mode == 'SanitizeSet') : true",
            lambda self: not self.cert_details_to_add or self.mode in {"AppendForward", "SanitizeSet"},
        ),
    )


class HostHeader(Model):
    """What is done to the Host header."""

    strip_trailing_host_dot: bool = False


class HeaderSettings(Model):
    """What is done to headers of all requests and responses."""

    enable_envoy_headers: bool = False
    disable_rate_limit_headers: bool = False
    with_underscores_action: Literal["Allow", "RejectRequest", "DropHeader"] | None = None
    preserve_x_request_id: bool | None = field(default=None, name="preserveXRequestID")
    request_id: Literal["PreserveOrGenerate", "Preserve", "Generate", "Disable"] | None = field(default=None, name="requestID")
    early_request_headers: HeaderChanges | None = None
    late_response_headers: HeaderChanges | None = None
    x_forwarded_client_cert: XForwardedClientCert | None = None
    host: HostHeader | None = None
    max_request_header_limit: ByteSize | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "preserveXRequestID and requestID cannot both be set.",
            "!(has(self.preserveXRequestID) && has(self.requestID))",
            lambda self: self.preserve_x_request_id is None or self.request_id is None,
        ),
    )


class HealthCheckSettings(Model):
    """A path that is answered with 200 while the proxy is well."""

    path: Annotated[str, Meta(min_length=1, max_length=1024)]


class HTTP10Settings(Model):
    """HTTP/1.0."""

    use_default_host: bool = False


class HTTP1Settings(Model):
    """HTTP/1.1."""

    enable_trailers: bool = False
    preserve_header_case: bool = False
    disable_safe_max_connection_duration: bool = False
    http10: HTTP10Settings | None = None
    ignored_upgrade_types: tuple[StringMatch, ...] = ()


class ConnectionKeepalive(Model):
    """Pings on connections of HTTP/2."""

    interval: Duration | None = None
    timeout: Duration | None = None
    idle_interval: Duration | None = None
    interval_jitter: Annotated[int, Meta(ge=0, le=100)] | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "timeout must be less than interval",
            "!has(self.timeout) || !has(self.interval) || duration(self.timeout) < duration(self.interval)",
            lambda self: not (self.timeout and self.interval) or milliseconds(self.timeout) < milliseconds(self.interval),
        ),
    )


class HTTP2Settings(Model):
    """HTTP/2."""

    initial_stream_window_size: ByteSize | None = None
    initial_connection_window_size: ByteSize | None = None
    max_concurrent_streams: PositiveInt32 | None = None
    on_invalid_message: str | None = None
    connection_keepalive: ConnectionKeepalive | None = None


class GRPCSettings(Model):
    """gRPC."""

    enable_web: bool = False


class PathSettings(Model):
    """What is done to paths before they are matched."""

    escaped_slashes_action: Literal["KeepUnchanged", "RejectRequest", "UnescapeAndForward", "UnescapeAndRedirect"] | None = None
    disable_merge_slashes: bool = False


class ProxyProtocolSettings(Model):
    """The PROXY protocol; when it is optional, connections without it are taken too."""

    optional: bool = False


class HTTPClientTimeout(Model):
    """How long clients may take over a request."""

    request_received_timeout: Duration | None = None
    request_headers_received_timeout: Duration | None = None
    idle_timeout: Duration | None = None
    stream_idle_timeout: Duration | None = None


class TCPClientTimeout(Model):
    """How long clients may take over a connection."""

    idle_timeout: Duration | None = None
    connection_inspection_timeout: Duration | None = None
    tls_handshake_timeout: Duration | None = None


class ClientTimeout(Model):
    """How long clients may take."""

    tcp: TCPClientTimeout | None = None
    http: HTTPClientTimeout | None = None


class ClientTrafficPolicySpec(PolicyTargets):
    """What holds for all clients of the targets."""

    tcp_keepalive: TCPKeepalive | None = None
    enable_proxy_protocol: bool | None = None
    proxy_protocol: ProxyProtocolSettings | None = None
    client_ip_detection: ClientIPDetectionSettings | None = field(default=None, name="clientIPDetection")
    tls: ClientTLSSettings | None = None
    path: PathSettings | None = None
    headers: HeaderSettings | None = None
    timeout: ClientTimeout | None = None
    connection: ClientConnection | None = None
    http1: HTTP1Settings | None = None
    http2: HTTP2Settings | None = None
    http3: Nothing | None = None
    grpc: GRPCSettings | None = None
    health_check: HealthCheckSettings | None = None
    scheme: Literal["Preserve", "MatchBackend"] | None = None

    checks: ClassVar[Rules] = target_rules("Gateway", "ListenerSet", called="Gateway or ListenerSet")


class ClientTrafficPolicy(KubernetesObject, kw_only=True):
    """The kind ClientTrafficPolicy."""

    spec: ClientTrafficPolicySpec
