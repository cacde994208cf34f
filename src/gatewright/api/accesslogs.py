"""Access logs of proxies, and the collectors to which what they tell is sent (fields of EnvoyProxy).

Settings of the clusters to which it is sent (`backend_settings`) are those of BackendTrafficPolicy, and not judged yet.
"""

from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta

from gatewright.api.filters import HTTPHeader
from gatewright.api.meta import Model
from gatewright.api.references import BackendObjectReference, BackendRef
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import NonNegativeInt32

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


def member_rule(union: str, value: str, name: str, attribute: str) -> Rule:
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
        member_rule("AccessLogSink", "ALS", "als", "als"),
        member_rule("AccessLogSink", "File", "file", "file"),
        member_rule("AccessLogSink", "OpenTelemetry", "openTelemetry", "open_telemetry"),
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
