"""What proxies tell of themselves: traces, metrics, health check events, and access logs (fields of EnvoyProxy)."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from gatewright.api.accesslogs import OTLP_PORT, AccessLog, Collector, FileSink, Headers, member_rule
from gatewright.api.filters import Fraction
from gatewright.api.meta import Model
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import ByteSize, NonNegativeInt32, PortNumber, set_of


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
    min_content_length: ByteSize | None = None


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

    checks: ClassVar[Rules] = (member_rule("MetricSink", "OpenTelemetry", "openTelemetry", "open_telemetry"),)


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

    checks: ClassVar[Rules] = (member_rule("ProxyHealthCheckLogSink", "File", "file", "file"),)


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
