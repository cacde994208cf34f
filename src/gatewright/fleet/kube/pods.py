"""The Pods of a proxy: Envoy, and beside it the shutdown manager that lets its connections end.

Ports, probes, paths and names are Envoy Gateway's. Everything runs unprivileged under the restricted Pod security standard. The
bootstrap is an argument, so that a change of it is a rolling update; certificates and tokens are files, which Envoy watches.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gatewright.api.durations import milliseconds
from gatewright.api.envoyproxy import ShutdownConfig
from gatewright.api.workloads import KubernetesContainerSpec, KubernetesPodSpec, ResourceRequirements
from gatewright.fleet.bootstrap import bootstrap, document
from gatewright.fleet.kube.workload import (
    PROXY_SECRET,
    XDS_PORT,
    Installation,
    Workload,
    labels,
    resource_name,
)
from gatewright.fleet.spec import BootstrapSpec, HostPort, ProxySpec, XdsCredentials, component_log_levels

ADMIN_PORT: Final = 19000
STATS_PORT: Final = 19001
SHUTDOWN_PORT: Final = 19002
READY_PORT: Final = 19003
CERTIFICATE_FILE: Final = "xds-certificate.json"
TRUSTED_CA_FILE: Final = "xds-trusted-ca.json"
TOKEN_FILE: Final = "xds_service_account_token.json"  # noqa: S105 - a file's name
TOKEN_PATH: Final = "/var/run/secrets/token"  # noqa: S105 - a path
TOKEN_SECONDS: Final = 3600
GRACE_SECONDS: Final = 300
"""How much longer than its drain a Pod may take to end."""

FIRST_PROBE_SECONDS: Final = 2
"""A first probe that comes too early costs the ten seconds to the next one; two are enough to start in, as a rule."""

Json = dict[str, Any]

_ZONE: Final = "ENVOY_SERVICE_ZONE"
_ENVIRONMENT: Final = (
    ("ENVOY_POD_NAMESPACE", "metadata.namespace"),
    ("ENVOY_POD_NAME", "metadata.name"),
    (_ZONE, "metadata.annotations['topology.kubernetes.io/zone']"),
)
_SECURITY: Final[Json] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "runAsGroup": 65532,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_ENVOY_RESOURCES: Final = ResourceRequirements(requests={"cpu": "100m", "memory": "512Mi"})
_SHUTDOWN_RESOURCES: Final[Json] = {"requests": {"cpu": "10m", "memory": "32Mi"}}
_SUFFIXES: Final[Mapping[str, float]] = {
    **{letter: 1000.0**power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)},
    "m": 1e-3,
    "u": 1e-6,
    "n": 1e-9,
    "": 1.0,
}


def pod_template(workload: Workload, installation: Installation) -> Json:
    """Template of the Pods, for a Deployment as for a DaemonSet."""
    pod, container = _settings(workload)
    init_containers = workload.provider.envoy_deployment.init_containers if workload.provider.envoy_deployment else ()
    prometheus = prometheus_enabled(workload)
    scraped = (
        {
            "prometheus.io/path": "/stats/prometheus",
            "prometheus.io/port": str(STATS_PORT),
            "prometheus.io/scrape": "true",
        }
        if prometheus
        else {}
    )
    spec: Json = {
        "automountServiceAccountToken": False,
        "containers": [_envoy(workload, installation, container), _shutdown_manager(workload, installation, container)],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "serviceAccountName": service_account_name(workload, installation),
        "terminationGracePeriodSeconds": workload.proxy.drain_seconds + GRACE_SECONDS,
        "volumes": _replaced(_volumes(workload, installation), pod.volumes),
    }
    optional = {
        "initContainers": list(init_containers),
        "securityContext": pod.security_context,
        "affinity": pod.affinity,
        "tolerations": list(pod.tolerations),
        "imagePullSecrets": list(pod.image_pull_secrets),
        "nodeSelector": pod.node_selector,
        "topologySpreadConstraints": list(pod.topology_spread_constraints),
        "priorityClassName": pod.priority_class_name,
    }
    annotations = {**scraped, **workload.annotations, **pod.annotations}
    return {
        "metadata": {
            "labels": {**workload.labels, **pod.labels, **labels(workload, installation)},
            **({"annotations": annotations} if annotations else {}),
        },
        "spec": {**spec, **{name: value for name, value in optional.items() if value}},
    }


def service_account_name(workload: Workload, installation: Installation) -> str:
    """The ServiceAccount of the Pods, by which the control plane knows whose proxy asks."""
    return workload.provider.envoy_service_account.name or resource_name(workload, installation)


def prometheus_enabled(workload: Workload) -> bool:
    """Whether the Pods serve metrics."""
    return not workload.parameters.telemetry.metrics.prometheus.disable


def bytes_of(quantity: str | int) -> int | None:
    """Whole bytes of a Kubernetes quantity such as 512Mi, 1e9 or 0.5G; None for text that is none."""
    matched = re.fullmatch(r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)", str(quantity))
    if matched is None:
        return None
    number, exponent, suffix = matched.groups()
    return int(float(number) * 10 ** int(exponent or 0) * _SUFFIXES[suffix or ""])


def bootstrap_spec(workload: Workload, installation: Installation, container: KubernetesContainerSpec) -> BootstrapSpec:
    """What Envoy is started with: the control plane's address, and the ports of its own."""
    address = "0.0.0.0" if workload.parameters.ip_family in {None, "IPv4"} else "::"  # noqa: S104 - its Pod's
    compat = address == "::"
    limit = (container.resources or _ENVOY_RESOURCES).limits.get("memory")
    own_namespace = installation.gateway_namespace_mode
    return BootstrapSpec(
        admin=HostPort("::1" if workload.parameters.ip_family == "IPv6" else "127.0.0.1", ADMIN_PORT),
        xds=HostPort(f"{installation.xds_host}.", XDS_PORT),
        xds_credentials=XdsCredentials(
            trusted_ca=f"/sds/{TRUSTED_CA_FILE}",
            certificate=None if own_namespace else f"/sds/{CERTIFICATE_FILE}",
            token=f"/sds/{TOKEN_FILE}",
        ),
        zone=f"$({_ZONE})",
        stats=HostPort(address, STATS_PORT, compat) if prometheus_enabled(workload) else None,
        ready=HostPort(address, READY_PORT, compat),
        max_downstream_connections=workload.proxy.max_downstream_connections,
        max_heap_bytes=bytes_of(limit) if limit is not None else workload.proxy.max_heap_bytes,
        overrides=workload.proxy.bootstrap,
    )


def default_bootstrap(installation: Installation) -> Json:
    """What a proxy that nothing shapes is started with."""
    workload = Workload(proxy=ProxySpec(name=""), gateway=None, gateway_class="")
    return {**document(bootstrap_spec(workload, installation, KubernetesContainerSpec()))}


def _settings(workload: Workload) -> tuple[KubernetesPodSpec, KubernetesContainerSpec]:
    """What the EnvoyProxy says of Pods and of Envoy's container."""
    kind = workload.provider.envoy_daemon_set or workload.provider.envoy_deployment
    return (kind.pod, kind.container) if kind else (KubernetesPodSpec(), KubernetesContainerSpec())


def _envoy(workload: Workload, installation: Installation, container: KubernetesContainerSpec) -> Json:
    metrics = [{"name": "metrics", "containerPort": STATS_PORT, "protocol": "TCP"}] if prometheus_enabled(workload) else []
    return {
        "name": "envoy",
        "image": _image(installation, container),
        "imagePullPolicy": "IfNotPresent",
        "command": ["envoy"],
        "args": arguments(workload, bootstrap(bootstrap_spec(workload, installation, container)).decode()),
        "env": _replaced(_environment(), container.env),
        "resources": _resources(container.resources or _ENVOY_RESOURCES),
        "securityContext": container.security_context or _SECURITY,
        "ports": [*metrics, {"name": "readiness", "containerPort": READY_PORT, "protocol": "TCP"}],
        "volumeMounts": _replaced(_mounts(), container.volume_mounts),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "startupProbe": {**_probe("/ready", READY_PORT, period=10, failures=30), "initialDelaySeconds": FIRST_PROBE_SECONDS},
        "readinessProbe": _probe("/ready", READY_PORT, period=5, failures=1),
        "livenessProbe": _probe("/ready", READY_PORT, period=10, failures=3),
        "lifecycle": {"preStop": {"httpGet": {"path": "/shutdown/ready", "port": SHUTDOWN_PORT, "scheme": "HTTP"}}},
    }


def arguments(workload: Workload, config: str) -> list[str]:
    """Command line of Envoy; Kubernetes fills in what stands in $()."""
    proxy = workload.proxy
    levels = component_log_levels(proxy)
    return [
        *("--service-cluster", proxy.name, "--service-node", "$(ENVOY_POD_NAME)"),
        *("--config-yaml", config),
        *("--log-level", proxy.log_level, "--cpuset-threads", "--drain-strategy", "immediate"),
        *(("--concurrency", str(proxy.concurrency)) if proxy.concurrency else ()),
        *(("--component-log-level", levels) if levels else ()),
        *("--drain-time-s", str(proxy.drain_seconds)),
        *(("--ignore-unknown-dynamic-fields",) if proxy.trusts_configuration else ()),
        *proxy.extra_arguments,
    ]


def _shutdown_manager(workload: Workload, installation: Installation, container: KubernetesContainerSpec) -> Json:
    shutdown = workload.parameters.shutdown or ShutdownConfig()
    told = ["--ready-timeout", f"{workload.proxy.drain_seconds + 10}s"] if shutdown.drain_timeout else []
    return {
        "name": "shutdown-manager",
        "image": installation.shutdown_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["gatewright"],
        "args": ["envoy", "shutdown-manager", *told],
        "env": _environment(),
        "resources": _SHUTDOWN_RESOURCES,
        "securityContext": container.security_context or _SECURITY,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "startupProbe": {**_probe("/healthz", SHUTDOWN_PORT, period=10, failures=30), "initialDelaySeconds": FIRST_PROBE_SECONDS},
        "readinessProbe": _probe("/healthz", SHUTDOWN_PORT, period=10, failures=3),
        "livenessProbe": _probe("/healthz", SHUTDOWN_PORT, period=10, failures=3),
        "lifecycle": {"preStop": {"exec": {"command": shutdown_command(shutdown)}}},
    }


def shutdown_command(shutdown: ShutdownConfig) -> list[str]:
    """What ends a proxy's connections before its Pod is ended."""
    given = (
        ("--health-check-failure-delay", shutdown.health_check_failure_delay),
        ("--drain-timeout", shutdown.drain_timeout),
        ("--min-drain-duration", shutdown.min_drain_duration),
    )
    options = [f"{option}={milliseconds(value)}ms" for option, value in given if value is not None]
    return ["gatewright", "envoy", "shutdown", *options]


def _probe(path: str, port: int, period: int, failures: int) -> Json:
    return {
        "httpGet": {"path": path, "port": port, "scheme": "HTTP"},
        "periodSeconds": period,
        "failureThreshold": failures,
        "successThreshold": 1,
        "timeoutSeconds": 1,
    }


def _environment() -> list[Json]:
    return [{"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}} for name, path in _ENVIRONMENT]


def _mounts() -> list[Json]:
    return [
        {"name": "certs", "mountPath": "/certs", "readOnly": True},
        {"name": "sds", "mountPath": "/sds", "readOnly": True},
        {"name": "sa-token", "mountPath": TOKEN_PATH, "readOnly": True},
    ]


def _volumes(workload: Workload, installation: Installation) -> list[Json]:
    """Certificates, the SDS files that point to them, and the token by which the control plane knows this proxy."""
    name = resource_name(workload, installation)
    secret: Json = {"name": "certs", "secret": {"secretName": PROXY_SECRET, "defaultMode": 0o644}}
    token = {"serviceAccountToken": {"path": "sa-token", "audience": installation.xds_host, "expirationSeconds": TOKEN_SECONDS}}
    own_namespace = installation.gateway_namespace_mode
    return [
        {"name": "sa-token", "projected": {"sources": [token], "defaultMode": 0o644}},
        _files_of("certs", name, ["ca.crt"]) if own_namespace else secret,
        _files_of("sds", name, [TRUSTED_CA_FILE, TOKEN_FILE, *([] if own_namespace else [CERTIFICATE_FILE])]),
    ]


def _files_of(volume: str, config_map: str, files: list[str]) -> Json:
    items = [{"key": file, "path": file} for file in files]
    return {"name": volume, "configMap": {"name": config_map, "items": items, "defaultMode": 0o644, "optional": False}}


def _replaced(ours: list[Json], theirs: Iterable[Json]) -> list[Json]:
    """Ours, except where theirs has the same name; then the rest of theirs."""
    by_name = {item["name"]: item for item in ours} | {item.get("name"): item for item in theirs}
    return list(by_name.values())


def _resources(resources: ResourceRequirements) -> Json:
    given = {"limits": resources.limits, "requests": resources.requests, "claims": list(resources.claims)}
    return {name: value for name, value in given.items() if value}


def _image(installation: Installation, container: KubernetesContainerSpec) -> str:
    if container.image_repository:
        return f"{container.image_repository}:{installation.envoy_image.rpartition(':')[2]}"
    return container.image or installation.envoy_image
