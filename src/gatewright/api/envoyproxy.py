"""EnvoyProxy: how the proxies of a GatewayClass or Gateway run (gateway.envoyproxy.io/v1alpha1).

Fields typed `Any` are known to be the API's and are not judged yet.
"""

from typing import Any, ClassVar, Literal

from msgspec import field

from gatewright.api.backend import BackendTLSConfig
from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import LabelSelector
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import Duration, Int32
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
    bootstrap: Any = None
    dynamic_modules: Any = None
    filter_order: Any = None
    geo_ip: Any = field(default=None, name="geoIP")
    lua: Any = None
    telemetry: Any = None

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
