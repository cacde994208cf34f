"""What proxies tell of themselves: access logs, traces, metrics, health check events (fields of EnvoyProxy).

Settings of the clusters to which it is sent (`backend_settings`) are those of BackendTrafficPolicy, and not judged yet.
"""

from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta, field

from gatewright.api.filters import Fraction, HTTPHeader
from gatewright.api.meta import Model
from gatewright.api.references import BackendObjectReference, BackendRef
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import NonNegativeInt32, PortNumber, set_of
from gatewright.api.workloads import IntOrString

OTLP_PORT: Final = 4317
Headers = Annotated[tuple[HTTPHeader, ...], Meta(min_length=1, max_length=32)]


class FallbackBackendRef(BackendRef):
    """A backend that may be one for when the others are down."""

    fallback: bool = False


class BackendCluster(Model):
    """Where something is sent."""

    backend_ref: BackendObjectReference | None = None
    backend_refs: Annotated[tuple[FallbackBackendRef, ...], Meta(max_length=16)] = ()
    backend_settings: dict[str, Any] | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "BackendRefs must be used, backendRef is not supported.",
            "!has(self.backendRef)",
            lambda self: self.backend_ref is None,
        ),
        Rule(
            "BackendRefs only support Service and Backend kind.",
            "has(self.backendRefs) ? self.backendRefs.all(f, f.kind == 'Service' || f.kind == 'Backend') : true",
            lambda self: all(each.kind in {"Service", "Backend"} for each in self.backend_refs),
        ),
        Rule(
            "BackendRefs only support Core and gateway.envoyproxy.io group.",
            "has(self.backendRefs) ? "
            """(self.backendRefs.all(f, f.group == "" || f.group == 'gateway.envoyproxy.io')) : true""",
            lambda self: all(each.group in {"", "gateway.envoyproxy.io"} for each in self.backend_refs),
        ),
    )


class Collector(BackendCluster):
    """A collector: backends, or a host of old."""

    host: str | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "host or backendRefs needs to be set",
            "has(self.host) || self.backendRefs.size() > 0",
            lambda self: self.host is not None or len(self.backend_refs) > 0,
        ),
    )


def _sink_rule(union: str, value: str, name: str, attribute: str) -> Rule:
    """The rule of a union that says both directions at once."""
    return Rule(
        f"If {union} type is {value}, {name} field needs to be set.",
        f"self.type == '{value}' ? has(self.{name}) : !has(self.{name})",
        lambda self: (self.type == value) == (getattr(self, attribute) is not None),
    )


class FileSink(Model):
    """A file of the proxy's, as a rule its standard output."""

    path: Annotated[str, Meta(min_length=1)] | None = None


class ALSHTTP(Model):
    """Headers that are logged in addition."""

    request_headers: tuple[str, ...] = ()
    response_headers: tuple[str, ...] = ()
    response_trailers: tuple[str, ...] = ()


class ALSSink(BackendCluster, kw_only=True):
    """An access log service."""

    type: Literal["HTTP", "TCP"]
    log_name: Annotated[str, Meta(min_length=1)] | None = None
    http: ALSHTTP | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "The http field may only be set when type is HTTP.",
            "self.type == 'HTTP' || !has(self.http)",
            lambda self: self.type == "HTTP" or self.http is None,
        ),
        Rule(
            "must have at least one backend in backendRefs",
            "has(self.backendRefs) && self.backendRefs.size() > 0",
            lambda self: len(self.backend_refs) > 0,
        ),
    )


class OpenTelemetryLogSink(Collector):
    """A collector of access logs."""

    port: NonNegativeInt32 = OTLP_PORT
    resources: dict[str, str] | None = None
    resource_attributes: dict[str, str] | None = None
    headers: Headers = ()

    checks: ClassVar[Rules] = (
        Rule(
            "either resources or resourceAttributes can be set, not both",
            "!has(self.resources) || !has(self.resourceAttributes)",
            lambda self: self.resources is None or self.resource_attributes is None,
        ),
    )


class AccessLogSink(Model):
    """Where access logs go."""

    type: Literal["ALS", "File", "OpenTelemetry"]
    als: ALSSink | None = None
    file: FileSink | None = None
    open_telemetry: OpenTelemetryLogSink | None = None

    checks: ClassVar[Rules] = (
        _sink_rule("AccessLogSink", "ALS", "als", "als"),
        _sink_rule("AccessLogSink", "File", "file", "file"),
        _sink_rule("AccessLogSink", "OpenTelemetry", "openTelemetry", "open_telemetry"),
    )


def _format_rules(value: str, own: str, other: str) -> Rules:
    asked = f"has(self.type) && self.type == '{value}'"
    return (
        Rule(
            f"If AccessLogFormat type is {value}, {own} field needs to be set.",
            f"{asked} ? has(self.{own}) : true",
            lambda self: self.type != value or getattr(self, own) is not None,
        ),
        Rule(
            f"If AccessLogFormat type is {value}, {other} field must not be set.",
            f"{asked} ? !has(self.{other}) : true",
            lambda self: self.type != value or getattr(self, other) is None,
        ),
    )


class AccessLogFormat(Model):
    """What an entry is: a text, an object, or (for OpenTelemetry, without a type) both."""

    type: Literal["Text", "JSON"] | None = None
    text: str | None = None
    json: dict[str, str] | None = None

    checks: ClassVar[Rules] = (
        *_format_rules("Text", "text", "json"),
        *_format_rules("JSON", "json", "text"),
        Rule(
            "If AccessLogFormat type is unset, at least one of text or json must be set.",
            "!has(self.type) ? (has(self.text) || has(self.json)) : true",
            lambda self: self.type is not None or self.text is not None or self.json is not None,
        ),
    )


class AccessLogSetting(Model):
    """One access log: what, for which requests (CEL), whereto."""

    sinks: Annotated[tuple[AccessLogSink, ...], Meta(min_length=1, max_length=50)]
    format: AccessLogFormat | None = None
    matches: Annotated[tuple[str, ...], Meta(max_length=10)] = ()
    type: Literal["Listener", "Route", "Upstream"] | None = None


class AccessLog(Model):
    """Access logs; without settings, one line of JSON on standard output."""

    disable: bool = False
    settings: Annotated[tuple[AccessLogSetting, ...], Meta(min_length=1, max_length=50)] = ()


class LiteralTag(Model):
    """A value for every span."""

    value: str


class NamedTag(Model):
    """A value from an environment variable or a header."""

    name: str
    default_value: str | None = None


class CustomTag(Model):
    """A tag of every span."""

    type: Literal["Literal", "Environment", "RequestHeader"] = "Literal"
    literal: LiteralTag | None = None
    environment: NamedTag | None = None
    request_header: NamedTag | None = None


class SpanName(Model):
    """Names of spans, with command operators."""

    client: str
    server: str


class ZipkinSettings(Model):
    """What is particular of Zipkin."""

    enable_128_bit_trace_id: bool = field(default=False, name="enable128BitTraceId")
    disable_shared_span_context: bool = False


class Sampler(Model):
    """OpenTelemetry's own sampling."""

    type: Literal[
        "AlwaysOn", "AlwaysOff", "TraceIdRatio", "ParentBasedAlwaysOn", "ParentBasedAlwaysOff", "ParentBasedTraceIdRatio"
    ] = "AlwaysOn"
    sampling_percentage: Fraction | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "samplingPercentage can only be set with TraceIdRatio or ParentBasedTraceIdRatio",
            "has(self.samplingPercentage) ? (self.type == 'TraceIdRatio' || self.type == 'ParentBasedTraceIdRatio') : true",
            lambda self: self.sampling_percentage is None or self.type in {"TraceIdRatio", "ParentBasedTraceIdRatio"},
        ),
    )


class OpenTelemetryTracing(Model):
    """What is particular of OpenTelemetry."""

    headers: Headers = ()
    resource_attributes: dict[str, str] = field(default_factory=dict)
    sampler: Sampler | None = None


class TracingProvider(Collector):
    """Where spans are sent."""

    type: Literal["OpenTelemetry", "Zipkin", "Datadog"] = "OpenTelemetry"
    port: NonNegativeInt32 = OTLP_PORT
    service_name: str | None = None
    zipkin: ZipkinSettings | None = None
    open_telemetry: OpenTelemetryTracing | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "openTelemetry can only be used with type OpenTelemetry",
            "has(self.openTelemetry) ? self.type == 'OpenTelemetry' : true",
            lambda self: self.open_telemetry is None or self.type == "OpenTelemetry",
        ),
        Rule(
            "serviceName cannot be empty if provided",
            'self != ""',
            lambda name: name != "",
            field="service_name",
        ),
    )


class ProxyTracing(Model):
    """Which requests are traced, and whereto; `sampling_rate` is in percent."""

    provider: TracingProvider
    sampling_rate: Annotated[int, Meta(ge=0, le=100)] | None = None
    sampling_fraction: Fraction | None = None
    client_sampling_fraction: Fraction | None = None
    overall_sampling_fraction: Fraction | None = None
    custom_tags: dict[str, CustomTag] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    span_name: SpanName | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "only one of SamplingRate or SamplingFraction can be specified",
            "!(has(self.samplingRate) && has(self.samplingFraction))",
            lambda self: self.sampling_rate is None or self.sampling_fraction is None,
        ),
    )


class StringMatch(Model):
    """A condition on a text."""

    value: Annotated[str, Meta(min_length=1, max_length=1024)]
    type: Literal["Exact", "Prefix", "Suffix", "RegularExpression"] = "Exact"


class Nothing(Model):
    """Settings of which there are none."""


class Compression(Model):
    """How answers are compressed; `min_content_length` is a quantity of bytes."""

    type: Literal["Gzip", "Brotli", "Zstd"]
    gzip: Nothing | None = None
    brotli: Nothing | None = None
    zstd: Nothing | None = None
    min_content_length: IntOrString | None = None


class PrometheusProvider(Model):
    """The page that Prometheus reads."""

    disable: bool = False
    compression: Compression | None = None


class OpenTelemetryMetricSink(Collector):
    """A collector of metrics."""

    port: PortNumber = OTLP_PORT
    report_counters_as_deltas: bool = False
    report_histograms_as_deltas: bool = False
    headers: Headers = ()
    resource_attributes: dict[str, str] = field(default_factory=dict)


class MetricSink(Model):
    """Where metrics are sent."""

    type: Literal["OpenTelemetry"] = "OpenTelemetry"
    open_telemetry: OpenTelemetryMetricSink | None = None

    checks: ClassVar[Rules] = (_sink_rule("MetricSink", "OpenTelemetry", "openTelemetry", "open_telemetry"),)


class ProxyMetrics(Model):
    """Which metrics there are, and whereto they go."""

    prometheus: PrometheusProvider = PrometheusProvider()
    sinks: Annotated[tuple[MetricSink, ...], Meta(max_length=16)] = ()
    matches: tuple[StringMatch, ...] = ()
    enable_virtual_host_stats: bool = False
    enable_per_endpoint_stats: bool = False
    enable_request_response_sizes_stats: bool = False
    enable_grpc_stats: bool | None = field(default=None, name="enableGRPCStats")
    cluster_stat_name: str | None = None


class HealthCheckLogSink(Model):
    """Where events of health checks go."""

    type: Literal["File"]
    file: FileSink | None = None

    checks: ClassVar[Rules] = (_sink_rule("ProxyHealthCheckLogSink", "File", "file", "file"),)


class ProxyHealthCheckLog(Model):
    """Which results of health checks are logged; none named means all."""

    sinks: Annotated[tuple[HealthCheckLogSink, ...], Meta(max_length=1)] = ()
    matches: Annotated[
        tuple[Literal["Failure", "FailureSeriesStart", "Success", "HealthyTransition"], ...], set_of(max_length=4)
    ] = ()

    checks: ClassVar[Rules] = (
        Rule(
            "a failure type and a success type must both be specified together",
            "self.exists(e, e == 'Failure' || e == 'FailureSeriesStart') == "
            "self.exists(e, e == 'Success' || e == 'HealthyTransition')",
            lambda found: (
                bool({"Failure", "FailureSeriesStart"} & set(found)) == bool({"Success", "HealthyTransition"} & set(found))
            ),
            field="matches",
        ),
    )


class RequestIDSettings(Model):
    """How request ids and traces go together."""

    tracing: Literal["PackAndSample", "Sample", "Pack", "Disable"] | None = None


class ProxyTelemetry(Model):
    """All that a proxy tells."""

    access_log: AccessLog | None = None
    tracing: ProxyTracing | None = None
    metrics: ProxyMetrics = ProxyMetrics()
    health_check_log: ProxyHealthCheckLog | None = None
    request_id: RequestIDSettings | None = field(default=None, name="requestID")
