"""EnvoyProxy: how the proxies of a GatewayClass or Gateway run (gateway.envoyproxy.io/v1alpha1)."""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, field

from gatewright.api.backend import BackendTLSConfig
from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.proxyextensions import DynamicModule, FilterPosition, GeoIP
from gatewright.api.references import LabelSelector
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import Duration, Int32, map_of
from gatewright.api.telemetry import ProxyTelemetry
from gatewright.api.workloads import EnvoyProxyKubernetesProvider

LogLevel = Literal["trace", "debug", "info", "warn", "error", "off", "critical"]


class ProxyLogging(Model):
    """Log level by Envoy component; `default` is for all others."""

    level: dict[str, LogLevel] = field(default_factory=lambda: {"default": "warn"})


class EnvoyProxyHostProvider(Model):
    """Proxies as processes of this host."""

    envoy_version: str | None = None


class EnvoyProxyProvider(Model):
    """Where proxies run."""

    type: Literal["Kubernetes", "Host"]
    host: EnvoyProxyHostProvider | None = None
    kubernetes: EnvoyProxyKubernetesProvider | None = None


class ShutdownConfig(Model):
    """How long a proxy that is being stopped goes on."""

    drain_timeout: Duration | None = None
    min_drain_duration: Duration | None = None
    health_check_failure_delay: Duration | None = None


class MergeBackends(Model):
    """Which Gateways share clusters."""

    selector: LabelSelector | None = None


class JSONPatchOperation(Model):
    """One operation of RFC 6902; `json_path` chooses the places of `path` by an expression."""

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str | None = None
    json_path: str | None = None
    from_: str | None = field(default=None, name="from")
    value: Any = None


class ProxyBootstrap(Model):
    """Changes to what Envoy is started with: YAML that replaces it or is merged into it, or patches."""

    type: Literal["Merge", "Replace", "JSONPatch"] = "Replace"
    value: str | None = None
    json_patches: tuple[JSONPatchOperation, ...] = ()

    checks: ClassVar[Rules] = (
        Rule(
            "provided bootstrap patch doesn't match the configured patch type",
            "self.type == 'JSONPatch' ? self.jsonPatches.size() > 0 : has(self.value)",
            lambda self: len(self.json_patches) > 0 if self.type == "JSONPatch" else self.value is not None,
        ),
    )


class LuaStrictValidation(Model):
    """What scripts may touch while they are tried."""

    allowed_paths: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=4096)], ...], Meta(max_length=64)] = ()
    allowed_env_vars: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=64)] = ()

    checks: ClassVar[Rules] = (
        Rule(
            "allowedPaths entries must not be blank or whitespace-only",
            "self.all(p, p.trim() != '')",
            lambda paths: all(path.strip() for path in paths),
            field="allowed_paths",
        ),
        Rule(
            "allowedPaths entries must not be the filesystem root",
            "self.all(p, !p.matches('^/+$'))",
            lambda paths: all(path.strip("/") for path in paths),
            field="allowed_paths",
        ),
        Rule(
            "allowedEnvVars entries must not be blank or whitespace-only",
            "self.all(e, e.trim() != '')",
            lambda names: all(name.strip() for name in names),
            field="allowed_env_vars",
        ),
    )


class LuaSettings(Model):
    """How scripts are checked before Envoy gets them."""

    validation_type: Literal["Strict", "InsecureSyntax", "Disabled"] = "Strict"
    strict_validation: LuaStrictValidation | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "strictValidation can only be set when validationType is Strict",
            "!has(self.strictValidation) || !has(self.validationType) || self.validationType == 'Strict'",
            lambda self: self.strict_validation is None or self.validation_type == "Strict",
        ),
    )


class EnvoyProxySpec(Model):
    """Settings of a fleet."""

    provider: EnvoyProxyProvider | None = None
    logging: ProxyLogging = ProxyLogging()
    merge_gateways: bool = False
    merge_backends: MergeBackends | None = None
    merge_type: Literal["Replace", "StrategicMerge", "JSONMerge"] | None = None
    concurrency: Int32 | None = None
    extra_args: tuple[str, ...] = ()
    routing_type: str | None = None  # Service or Endpoint; the API does not check it
    ip_family: Literal["IPv4", "IPv6", "DualStack"] | None = None
    preserve_route_order: bool = False
    shutdown: ShutdownConfig | None = None
    backend_tls: BackendTLSConfig | None = field(default=None, name="backendTLS")
    lua_validation: Literal["Strict", "InsecureSyntax", "Disabled"] | None = None
    bootstrap: ProxyBootstrap | None = None
    dynamic_modules: Annotated[tuple[DynamicModule, ...], map_of("name", max_length=16)] = ()
    filter_order: tuple[FilterPosition, ...] = ()
    geo_ip: GeoIP | None = field(default=None, name="geoIP")
    lua: LuaSettings | None = None
    telemetry: ProxyTelemetry = ProxyTelemetry()

    checks: ClassVar[Rules] = (
        Rule(
            "only one of luaValidation or lua may be set",
            "!has(self.luaValidation) || !has(self.lua)",
            lambda self: self.lua_validation is None or self.lua is None,
        ),
        Rule(
            "mergeGateways and mergeBackends cannot both be enabled",
            "!(has(self.mergeGateways) && self.mergeGateways && has(self.mergeBackends))",
            lambda self: not self.merge_gateways or self.merge_backends is None,
        ),
    )


class EnvoyProxy(KubernetesObject, kw_only=True):
    """The kind EnvoyProxy."""

    spec: EnvoyProxySpec
