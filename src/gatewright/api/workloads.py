"""How the Pods, the Service and their companions of a fleet are shaped in a cluster (the Kubernetes*Spec types of Envoy Gateway).

Fields that Kubernetes itself defines (affinity, volumes, probes, …) are kept as the objects that they are: the API server judges
them when they are applied, and its words are shown to whoever wrote them.
"""

import re
from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta, field

from gatewright.api.meta import Model
from gatewright.api.rules import Rule, Rules, matches
from gatewright.api.scalars import Int32, matching, python_pattern

KubernetesObjectField = dict[str, Any]
NamedField = Annotated[dict[str, Any], Meta(extra_json_schema={"properties": {"name": {"type": "string"}}, "required": ["name"]})]
IntOrString = int | str

_NUMBER: Final = r"(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
_QUANTITY: Final = rf"^(\+|-)?{_NUMBER}(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?{_NUMBER}))?$"
Quantity = int | Annotated[str, matching(_QUANTITY)]  # a plain number is bytes, or whole CPUs

_IMAGE: Final = r"^[a-zA-Z0-9._-]+(:[0-9]+)?(/[a-zA-Z0-9._/-]+)?(:[a-zA-Z0-9._-]+)?(@sha256:[a-z0-9]+)?$"
_IMAGE_REPOSITORY: Final = r"^[a-zA-Z0-9._-]+(:[0-9]+)?[a-zA-Z0-9._/-]+$"
_IPV4: Final = r"^((25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)$"


def _matching(attribute: str, pattern: str, message: str) -> Rule:
    """The rule that a text matches, which the CRD says in CEL and not as a pattern."""
    search = re.compile(python_pattern(pattern)).search
    return Rule(message, matches("self", pattern), lambda text: search(text) is not None, field=attribute)


def _named(attribute: str, called: str) -> Rule:
    """The rule that each object of a list has a name; the CRD says it by `required`, and not in CEL."""
    return Rule(
        f"every one of the {called} must have a name",
        "",
        lambda items: all("name" in each for each in items),
        field=attribute,
    )


class KubernetesPatchSpec(Model):
    """A change to the finished object; `type` is StrategicMerge (the default) or JSONMerge, which the API does not check."""

    value: Any
    type: str | None = None

    # A null is no value; the type, which takes anything, does not say so.
    checks: ClassVar[Rules] = (Rule("is required", "", lambda self: self.value is not None),)


class ResourceRequirements(Model):
    """What a container asks for and may use."""

    limits: dict[str, Quantity] = field(default_factory=dict)
    requests: dict[str, Quantity] = field(default_factory=dict)
    claims: tuple[KubernetesObjectField, ...] = ()


class KubernetesPodSpec(Model):
    """Settings of the Pods."""

    annotations: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    security_context: KubernetesObjectField | None = None
    affinity: KubernetesObjectField | None = None
    tolerations: tuple[KubernetesObjectField, ...] = ()
    volumes: tuple[NamedField, ...] = ()
    image_pull_secrets: tuple[KubernetesObjectField, ...] = ()
    node_selector: dict[str, str] = field(default_factory=dict)
    topology_spread_constraints: tuple[KubernetesObjectField, ...] = ()
    priority_class_name: str | None = None

    checks: ClassVar[Rules] = (_named("volumes", "volumes"),)


class KubernetesContainerSpec(Model):
    """Settings of the container that runs Envoy."""

    env: tuple[NamedField, ...] = ()
    resources: ResourceRequirements | None = None
    security_context: KubernetesObjectField | None = None
    image: str | None = None
    image_repository: str | None = None  # an image without its tag, which stays the default
    volume_mounts: tuple[KubernetesObjectField, ...] = ()

    checks: ClassVar[Rules] = (
        Rule(
            "Either image or imageRepository can be set.",
            "!has(self.image) || !has(self.imageRepository)",
            lambda self: self.image is None or self.image_repository is None,
        ),
        _matching("image", _IMAGE, "Image must include a tag and allowed characters only (e.g., 'repo:tag')."),
        _matching(
            "image_repository",
            _IMAGE_REPOSITORY,
            "ImageRepository must contain only allowed characters and must not include a tag.",
        ),
        _named("env", "environment variables"),
    )


class KubernetesDeploymentSpec(Model):
    """The Deployment of a fleet."""

    replicas: Int32 | None = None
    strategy: KubernetesObjectField | None = None
    pod: KubernetesPodSpec = KubernetesPodSpec()
    container: KubernetesContainerSpec = KubernetesContainerSpec()
    init_containers: tuple[NamedField, ...] = ()
    name: str | None = None
    patch: KubernetesPatchSpec | None = None

    checks: ClassVar[Rules] = (_named("init_containers", "init containers"),)


class KubernetesDaemonSetSpec(Model):
    """The DaemonSet of a fleet that has one proxy on each node."""

    strategy: KubernetesObjectField | None = None
    pod: KubernetesPodSpec = KubernetesPodSpec()
    container: KubernetesContainerSpec = KubernetesContainerSpec()
    name: str | None = None
    patch: KubernetesPatchSpec | None = None


class KubernetesServiceSpec(Model):
    """The Service in front of a fleet."""

    annotations: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    type: Literal["ClusterIP", "LoadBalancer", "NodePort"] = "LoadBalancer"
    load_balancer_class: str | None = None
    allocate_load_balancer_node_ports: bool | None = None
    load_balancer_source_ranges: tuple[str, ...] | None = None
    load_balancer_ip: str | None = field(default=None, name="loadBalancerIP")
    external_traffic_policy: Literal["Local", "Cluster"] = "Local"
    name: str | None = None
    patch: KubernetesPatchSpec | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "allocateLoadBalancerNodePorts can only be set for LoadBalancer type",
            "!has(self.allocateLoadBalancerNodePorts) || self.type == 'LoadBalancer'",
            lambda self: self.allocate_load_balancer_node_ports is None or self.type == "LoadBalancer",
        ),
        Rule(
            "loadBalancerSourceRanges can only be set for LoadBalancer type",
            "!has(self.loadBalancerSourceRanges) || self.type == 'LoadBalancer'",
            lambda self: self.load_balancer_source_ranges is None or self.type == "LoadBalancer",
        ),
        Rule(
            "loadBalancerIP can only be set for LoadBalancer type",
            "!has(self.loadBalancerIP) || self.type == 'LoadBalancer'",
            lambda self: self.load_balancer_ip is None or self.type == "LoadBalancer",
        ),
        _matching("load_balancer_ip", _IPV4, "loadBalancerIP must be a valid IPv4 address"),
    )


def _positive(attribute: str, called: str) -> Rule:
    return Rule(f"{called} must be greater than 0", "self > 0", lambda number: number > 0, field=attribute)


class KubernetesHorizontalPodAutoscalerSpec(Model):
    """The autoscaler of a Deployment; without `metrics`, 80 % of the CPU asked for."""

    max_replicas: Int32
    min_replicas: Int32 | None = None
    metrics: tuple[KubernetesObjectField, ...] = ()
    behavior: KubernetesObjectField | None = None
    name: str | None = None
    patch: KubernetesPatchSpec | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "maxReplicas cannot be less than minReplicas",
            "!has(self.minReplicas) || self.maxReplicas >= self.minReplicas",
            lambda self: self.min_replicas is None or self.max_replicas >= self.min_replicas,
        ),
        _positive("min_replicas", "minReplicas"),
        _positive("max_replicas", "maxReplicas"),
    )


class KubernetesPodDisruptionBudgetSpec(Model):
    """How many Pods may be taken away at a time."""

    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    name: str | None = None
    patch: KubernetesPatchSpec | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "only one of minAvailable or maxUnavailable can be specified",
            "(has(self.minAvailable) && !has(self.maxUnavailable)) || (!has(self.minAvailable) && has(self.maxUnavailable))",
            lambda self: (self.min_available is None) != (self.max_unavailable is None),
        ),
    )


class KubernetesServiceAccountSpec(Model):
    """The ServiceAccount of the Pods."""

    name: str | None = None


class EnvoyProxyKubernetesProvider(Model):
    """A fleet of Pods; a Deployment unless `envoy_daemon_set` is set."""

    envoy_deployment: KubernetesDeploymentSpec | None = None
    envoy_daemon_set: KubernetesDaemonSetSpec | None = None
    envoy_service: KubernetesServiceSpec = KubernetesServiceSpec()
    envoy_hpa: KubernetesHorizontalPodAutoscalerSpec | None = None
    envoy_pdb: KubernetesPodDisruptionBudgetSpec | None = field(default=None, name="envoyPDB")
    envoy_service_account: KubernetesServiceAccountSpec = KubernetesServiceAccountSpec()
    use_listener_port_as_container_port: bool = False

    checks: ClassVar[Rules] = (
        Rule(
            "only one of envoyDeployment or envoyDaemonSet can be specified",
            "((has(self.envoyDeployment) && !has(self.envoyDaemonSet)) || (!has(self.envoyDeployment) && "
            "has(self.envoyDaemonSet))) || (!has(self.envoyDeployment) && !has(self.envoyDaemonSet))",
            lambda self: self.envoy_deployment is None or self.envoy_daemon_set is None,
        ),
        Rule(
            "cannot use envoyHpa if envoyDaemonSet is used",
            "((has(self.envoyHpa) && !has(self.envoyDaemonSet)) || (!has(self.envoyHpa) && has(self.envoyDaemonSet))) || "
            "(!has(self.envoyHpa) && !has(self.envoyDaemonSet))",
            lambda self: self.envoy_hpa is None or self.envoy_daemon_set is None,
        ),
    )
