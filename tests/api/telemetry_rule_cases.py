"""The same for what proxies tell of themselves, and for what they have beyond Envoy itself."""

from typing import Any

from tests.api.cases import Case

_COLLECTOR: dict[str, Any] = {"backendRefs": [{"name": "collector", "port": 4317}]}
_SINK = "spec.telemetry.accessLog.settings[0].sinks[0]"


def _telemetry(path: str, telemetry: dict[str, Any], message: str) -> Case:
    """`telemetry` of a proxy breaks a rule at `path` below it."""
    return Case("EnvoyProxy", {"spec.telemetry": telemetry}, f"spec.telemetry.{path}", message)


def _log(message: str, path: str = "", **sink: object) -> Case:
    """A sink of access logs breaks a rule."""
    setting = {"sinks": [sink]}
    return Case("EnvoyProxy", {"spec.telemetry": {"accessLog": {"settings": [setting]}}}, f"{_SINK}{path}", message)


def _format(message: str, **written: object) -> Case:
    """A format of access logs breaks a rule."""
    setting = {"sinks": [{"type": "File", "file": {"path": "/dev/stdout"}}], "format": written}
    path = "spec.telemetry.accessLog.settings[0].format"
    return Case("EnvoyProxy", {"spec.telemetry": {"accessLog": {"settings": [setting]}}}, path, message)


TELEMETRY_CASES = (
    _log("If AccessLogSink type is ALS, als field needs to be set.", type="ALS"),
    _log("If AccessLogSink type is File, file field needs to be set.", type="File"),
    _log("If AccessLogSink type is OpenTelemetry, openTelemetry field needs to be set.", type="OpenTelemetry"),
    _log("The http field may only be set when type is HTTP.", ".als", type="ALS", als={"type": "TCP", "http": {}, **_COLLECTOR}),
    _log("must have at least one backend in backendRefs", ".als", type="ALS", als={"type": "TCP"}),
    _log(
        "BackendRefs must be used, backendRef is not supported.",
        ".als",
        type="ALS",
        als={"type": "TCP", "backendRef": {"name": "a", "port": 1}, **_COLLECTOR},
    ),
    _log(
        "BackendRefs only support Service and Backend kind.",
        ".als",
        type="ALS",
        als={"type": "TCP", "backendRefs": [{"name": "a", "kind": "ConfigMap"}]},
    ),
    _log(
        "BackendRefs only support Core and gateway.envoyproxy.io group.",
        ".als",
        type="ALS",
        als={"type": "TCP", "backendRefs": [{"name": "a", "group": "example.com"}]},
    ),
    _log("host or backendRefs needs to be set", ".openTelemetry", type="OpenTelemetry", openTelemetry={}),
    _log(
        "either resources or resourceAttributes can be set, not both",
        ".openTelemetry",
        type="OpenTelemetry",
        openTelemetry={"resources": {}, "resourceAttributes": {}, **_COLLECTOR},
    ),
    _format("If AccessLogFormat type is Text, text field needs to be set.", type="Text"),
    _format("If AccessLogFormat type is Text, json field must not be set.", type="Text", text="a", json={}),
    _format("If AccessLogFormat type is JSON, json field needs to be set.", type="JSON"),
    _format("If AccessLogFormat type is JSON, text field must not be set.", type="JSON", text="a", json={}),
    _format("If AccessLogFormat type is unset, at least one of text or json must be set."),
    _telemetry(
        "tracing",
        {"tracing": {"samplingRate": 1, "samplingFraction": {"numerator": 1}, "provider": _COLLECTOR}},
        "only one of SamplingRate or SamplingFraction can be specified",
    ),
    _telemetry(
        "tracing.provider",
        {"tracing": {"provider": {"type": "Zipkin", "openTelemetry": {}, **_COLLECTOR}}},
        "openTelemetry can only be used with type OpenTelemetry",
    ),
    _telemetry(
        "tracing.provider.serviceName",
        {"tracing": {"provider": {"serviceName": "", **_COLLECTOR}}},
        "serviceName cannot be empty if provided",
    ),
    _telemetry(
        "tracing.provider.openTelemetry.sampler",
        {
            "tracing": {
                "provider": {
                    "openTelemetry": {"sampler": {"type": "AlwaysOn", "samplingPercentage": {"numerator": 1}}},
                    **_COLLECTOR,
                }
            }
        },
        "samplingPercentage can only be set with TraceIdRatio or ParentBasedTraceIdRatio",
    ),
    _telemetry("metrics.sinks[0]", {"metrics": {"sinks": [{}]}}, "If MetricSink type is OpenTelemetry"),
    _telemetry(
        "healthCheckLog.sinks[0]",
        {"healthCheckLog": {"sinks": [{"type": "File"}]}},
        "If ProxyHealthCheckLogSink type is File, file field needs to be set.",
    ),
    _telemetry(
        "healthCheckLog.matches",
        {"healthCheckLog": {"matches": ["Failure"]}},
        "a failure type and a success type must both be specified together",
    ),
    *(
        Case("EnvoyProxy", {"spec.dynamicModules": [{"name": "a", "source": source}]}, "spec.dynamicModules[0].source", message)
        for source, message in (
            ({"type": "Remote"}, "If type is Remote, remote field needs to be set."),
            ({}, "If type is Local, local field needs to be set."),
            (
                {"type": "Remote", "local": {"path": "a"}, "remote": {"url": "https://a", "sha256": "a" * 64}},
                "If type is Remote, local field must not be set.",
            ),
        )
    ),
    Case(
        "EnvoyProxy",
        {"spec.geoIP": {"provider": {"type": "MaxMind"}}},
        "spec.geoIP.provider",
        "maxMind must be set when type is MaxMind",
    ),
    Case(
        "EnvoyProxy",
        {"spec.geoIP": {"provider": {"type": "MaxMind", "maxMind": {}}}},
        "spec.geoIP.provider.maxMind",
        "at least one MaxMind database source must be specified",
    ),
    *(
        Case("EnvoyProxy", {"spec.filterOrder": [{"name": "envoy.filters.http.cors", **places}]}, "spec.filterOrder[0]", message)
        for places, message in (
            ({}, "one of before or after must be specified"),
            (
                {"before": "envoy.filters.http.csrf", "after": "envoy.filters.http.fault"},
                "only one of before or after can be specified",
            ),
        )
    ),
)
