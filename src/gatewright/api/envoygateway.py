"""EnvoyGateway: the control plane's own configuration file (gateway.envoyproxy.io/v1alpha1). It is no object of the API server.

Fields typed `Any` are known to be Envoy Gateway's and are not judged yet.
"""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, field

from gatewright.api.envoyproxy import EnvoyProxySpec, LogLevel
from gatewright.api.filters import Fraction
from gatewright.api.meta import Model, ObjectMeta
from gatewright.api.references import LabelSelector
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import Duration, NonNegativeInt32, PositiveInt32
from gatewright.api.workloads import (
    KubernetesDeploymentSpec,
    KubernetesHorizontalPodAutoscalerSpec,
    KubernetesPodDisruptionBudgetSpec,
)

RuntimeFlag = Literal["XDSNameSchemeV2", "EndpointSliceIndex", "PerResourceSystemCASecret"]


class GatewayControllerConfig(Model):
    """The controllerName whose GatewayClasses are ours."""

    controller_name: str = "gateway.envoyproxy.io/gatewayclass-controller"


class KubernetesWatchMode(Model):
    """Which namespaces are watched; without a type all of them."""

    type: Literal["Namespaces", "NamespaceSelector"] | None = None
    namespaces: tuple[str, ...] = ()
    namespace_selector: LabelSelector | None = None


class LeaderElection(Model):
    """Which replica writes statuses and infrastructure."""

    lease_duration: Duration | None = None
    renew_deadline: Duration | None = None
    retry_period: Duration | None = None
    disable: bool = False


class KubernetesClientRateLimit(Model):
    """Requests a second to the API server."""

    qps: PositiveInt32 = 50
    burst: PositiveInt32 = 100


class KubernetesClient(Model):
    """How the API server is spoken to."""

    rate_limit: KubernetesClientRateLimit = KubernetesClientRateLimit()


class KubernetesConfiguration(Model):
    """What every use of the API server shares (the API's EnvoyGatewayKubernetesConfiguration)."""

    watch: KubernetesWatchMode | None = None
    leader_election: LeaderElection | None = None
    client: KubernetesClient | None = None
    cache_sync_period: Duration | None = None


class KubernetesDeployMode(Model):
    """Where in the cluster proxies are put."""

    type: Literal["ControllerNamespace", "GatewayNamespace"] = "ControllerNamespace"


class ShutdownManager(Model):
    """The container that lets a proxy's connections end before its Pod does."""

    image: str | None = None


class ProxyTopologyInjector(Model):
    """Whether Pods of proxies are told the zone of their node."""

    disabled: bool = False


class KubernetesProvider(KubernetesConfiguration):
    """Objects from, and proxies in, a cluster."""

    deploy: KubernetesDeployMode | None = None
    rate_limit_deployment: KubernetesDeploymentSpec | None = None
    rate_limit_hpa: KubernetesHorizontalPodAutoscalerSpec | None = None
    rate_limit_pdb: KubernetesPodDisruptionBudgetSpec | None = field(default=None, name="rateLimitPDB")
    shutdown_manager: ShutdownManager | None = None
    proxy_topology_injector: ProxyTopologyInjector | None = None


class FileResourceProvider(Model):
    """Files, or folders (not their subfolders), that hold the objects; they are watched."""

    paths: tuple[str, ...]


class ResourceProvider(Model):
    """Where objects come from."""

    type: Literal["File", "Kubernetes"]
    file: FileResourceProvider | None = None
    kubernetes: KubernetesConfiguration | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "file must be specified for type File",
            "self.type != 'File' || has(self.file)",
            lambda self: self.type != "File" or self.file is not None,
        ),
    )


class HostInfrastructure(Model):
    """Folders of proxies that run on this host; absent ones follow the XDG conventions."""

    config_home: str | None = None
    data_home: str | None = None
    state_home: str | None = None
    runtime_dir: str | None = None


class InfrastructureProvider(Model):
    """Where proxies run."""

    type: Literal["Host", "Remote"]
    host: HostInfrastructure | None = None
    remote: Any = None


class CustomProvider(Model):
    """Objects and proxies outside a cluster."""

    resource: ResourceProvider
    infrastructure: InfrastructureProvider | None = None


class Provider(Model):
    """Where objects come from and where proxies run."""

    type: Literal["Kubernetes", "Custom"] = "Kubernetes"
    kubernetes: KubernetesProvider | None = None
    custom: CustomProvider | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "custom must be specified for type Custom",
            "self.type != 'Custom' || has(self.custom)",
            lambda self: self.type != "Custom" or self.custom is not None,
        ),
    )


class Logging(Model):
    """Log level by component; `default` is for all others."""

    level: dict[str, LogLevel] = field(default_factory=lambda: {"default": "info"})
    encoder: Literal["Text", "JSON"] = "Text"


class AdminAddress(Model):
    """Where the console listens."""

    host: str = "127.0.0.1"
    port: NonNegativeInt32 = 19000


class Admin(Model):
    """The console."""

    address: AdminAddress = AdminAddress()
    enable_dump_config: bool = False
    enable_pprof: bool = False


class OpenTelemetrySink(Model):
    """A collector of metrics or traces."""

    host: str
    protocol: Literal["grpc", "http"]
    port: NonNegativeInt32 = 4317
    export_interval: Duration | None = None
    export_timeout: Duration | None = None


class TelemetrySink(Model):
    """Where metrics or traces are sent."""

    type: Literal["OpenTelemetry"] = "OpenTelemetry"
    open_telemetry: OpenTelemetrySink | None = None


class PrometheusProvider(Model):
    """The /metrics page."""

    disable: bool = False


class Metrics(Model):
    """Metrics of the control plane."""

    sinks: tuple[TelemetrySink, ...] = ()
    prometheus: PrometheusProvider = PrometheusProvider()


class Traces(Model):
    """Traces of the control plane."""

    sink: TelemetrySink | None = None
    sampling_rate: Fraction | None = None


class Telemetry(Model):
    """What the control plane tells about itself."""

    metrics: Metrics = Metrics()
    traces: Traces | None = None


class XDSServer(Model):
    """Limits of the xDS server; `max_receive_message_size` is a Kubernetes quantity of bytes."""

    max_connection_age: Duration | None = None
    max_connection_age_grace: Duration | None = None
    max_receive_message_size: str | int | None = None


class ExtensionAPIs(Model):
    """Which extensions of the API are on."""

    enable_envoy_patch_policy: bool = False
    enable_backend: bool = False
    disable_lua: bool = False
    enable_lua: bool | None = None  # wins over `disable_lua` when set
    enable_sds_secret_ref: bool = field(default=False, name="enableSDSSecretRef")


class GatewayAPISettings(Model):
    """Which experimental kinds of the Gateway API are on."""

    enabled: tuple[Literal["XBackendTrafficPolicy"], ...] = ()


class RuntimeFlags(Model):
    """Switches; a flag in both lists is off."""

    enabled: tuple[RuntimeFlag, ...] = ()
    disabled: tuple[RuntimeFlag, ...] = ()


class EnvoyGateway(Model, kw_only=True):
    """The kind EnvoyGateway."""

    api_version: str
    kind: str
    metadata: ObjectMeta = ObjectMeta()
    gateway: GatewayControllerConfig = GatewayControllerConfig()
    provider: Provider = Provider()
    logging: Logging = Logging()
    admin: Admin = Admin()
    telemetry: Telemetry = Telemetry()
    xds_server: XDSServer = XDSServer()
    extension_apis: ExtensionAPIs = ExtensionAPIs()
    gateway_api: GatewayAPISettings = field(default=GatewayAPISettings(), name="gatewayAPI")
    runtime_flags: RuntimeFlags = RuntimeFlags()
    envoy_proxy: EnvoyProxySpec | None = None
    rate_limit: Any = None
    extension_manager: Any = None
    extension_managers: Annotated[tuple[Any, ...], Meta(min_length=1)] = ()

    checks: ClassVar[Rules] = (
        Rule(
            "only one of extensionManager and extensionManagers can be specified",
            "!has(self.extensionManager) || !has(self.extensionManagers)",
            lambda self: self.extension_manager is None or not self.extension_managers,
        ),
    )
