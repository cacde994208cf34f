"""What an installation in a cluster consists of: `gatewright install` prints it, and the Helm chart is made of it.

Permissions follow from the kinds that are read and the objects that are made, and go no further: statuses are patched, objects of
users never; Secrets can be written only by name, in the controller's own namespace. Everything runs under the restricted Pod
security standard.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import msgspec

from gatewright import __version__
from gatewright.api.crds import extension_crds
from gatewright.api.kinds import KINDS, Kind
from gatewright.fleet.certificates import PROXY, RATE_LIMIT, SERVER
from gatewright.fleet.kube.objects import MANAGED_KINDS
from gatewright.fleet.kube.secrets import AUTHORITY_SECRET, HMAC_SECRET
from gatewright.fleet.kube.workload import XDS_PORT, XDS_SERVICE
from gatewright.settings import CONTROLLER_NAME

Document = dict[str, Any]
Mode = Literal["ControllerNamespace", "GatewayNamespace"]

NAME: Final = "gatewright"
NAMESPACE: Final = "envoy-gateway-system"
IMAGE: Final = f"docker.io/gatewright/gatewright:{__version__}"
LEASE: Final = "5b9825d2.gateway.envoyproxy.io"
CONFIG_NAME: Final = "envoy-gateway-config"
CONFIG_FILE: Final = "envoy-gateway.yaml"
STATE: Final = "/var/run/gatewright"
METRICS_PORT: Final = 19001
HEALTH_PORT: Final = 8081

READ: Final = ("get", "list", "watch")
MANAGE: Final = (*READ, "create", "patch", "delete")
SECRETS: Final = (SERVER, PROXY, RATE_LIMIT, HMAC_SECRET, AUTHORITY_SECRET)
WITHOUT_STATUS: Final = frozenset({"ServiceImport", "ReferenceGrant", "HTTPRouteFilter"})

_EVENTS: Final[Document] = {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]}
_RBAC: Final = "rbac.authorization.k8s.io"
_SECURITY: Final[Document] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """What can be chosen. Without `watched_namespaces`, all are watched; without `gateway_class`, none is made."""

    namespace: str = NAMESPACE
    image: str = IMAGE
    replicas: int = 2
    mode: Mode = "ControllerNamespace"
    watched_namespaces: tuple[str, ...] = ()
    gateway_class: str | None = None
    controller_name: str = CONTROLLER_NAME
    cluster_domain: str = "cluster.local"
    envoy_image: str | None = None
    crds: bool = True
    instance: str = NAME


def manifests(chosen: Installation) -> tuple[Document, ...]:
    """All documents, in the order in which they can be applied."""
    return (
        namespace(chosen),
        *(extension_crds() if chosen.crds else ()),
        *permissions(chosen),
        *control_plane(chosen),
        *((gateway_class(chosen),) if chosen.gateway_class else ()),
    )


def namespace(chosen: Installation) -> Document:
    """The namespace of the control plane, in which no Pod may have more rights than ours have."""
    security = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": chosen.namespace, "labels": security}}


def gateway_class(chosen: Installation) -> Document:
    """A class of Gateways that this installation serves."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": chosen.gateway_class},
        "spec": {"controllerName": chosen.controller_name},
    }


def permissions(chosen: Installation) -> Iterable[Document]:
    """The account of the control plane, and what it may do: each purpose has a role of its own."""
    watched: tuple[str | None, ...] = chosen.watched_namespaces or (None,)
    fleets = (chosen.namespace,) if chosen.mode == "ControllerNamespace" else watched
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(chosen, NAME, chosen.namespace)}
    yield from _granted(chosen, "cluster", cluster_rules(), None)
    for purpose, rules, places in (
        ("objects", object_rules(), watched),
        ("fleet", fleet_rules(), fleets),
        ("certificates", certificate_rules(), (chosen.namespace,)),
        ("leader-election", lease_rules(), (chosen.namespace,)),
    ):
        for place in places:
            yield from _granted(chosen, purpose, rules, place)


def cluster_rules() -> list[Document]:
    """What has no namespace: classes, namespaces, nodes' addresses, whose token a proxy's is, and which kinds there are."""
    return [
        *_reading(kind for kind in KINDS if not kind.namespaced),
        *_reporting(kind for kind in KINDS if not kind.namespaced),
        _rule("", ["nodes"], ("list",)),
        _rule("authentication.k8s.io", ["tokenreviews"], ("create",)),
        _rule("apiextensions.k8s.io", ["customresourcedefinitions"], ("get",), sorted(_definitions())),
    ]


def object_rules() -> list[Document]:
    """The objects of users: read, and reported on."""
    return [
        *_reading(kind for kind in KINDS if kind.namespaced),
        *_reporting(kind for kind in KINDS if kind.namespaced),
        _EVENTS,
    ]


def fleet_rules() -> list[Document]:
    """The objects that proxies consist of."""
    groups: dict[str, list[str]] = {}
    for kind in MANAGED_KINDS:
        groups.setdefault(kind.api_version.rpartition("/")[0], []).append(kind.plural)
    return [_rule(group, plurals, MANAGE) for group, plurals in groups.items()]


def certificate_rules() -> list[Document]:
    """Certificates of the installation itself, by name; what is created cannot be limited by name."""
    return [_rule("", ["secrets"], ("create",)), _rule("", ["secrets"], ("get", "update"), SECRETS)]


def lease_rules() -> list[Document]:
    """The Lease by which one replica leads, and those by which replicas tell each other what proxies refuse."""
    group = "coordination.k8s.io"
    own = _rule(group, ["leases"], ("get", "update"), [LEASE])
    return [own, _rule(group, ["leases"], ("list", "create", "patch", "delete")), _EVENTS]


def control_plane(chosen: Installation) -> tuple[Document, ...]:
    """The configuration, the Pods, and what is in front of them."""
    return _config(chosen), _service(chosen), _disruption_budget(chosen), _deployment(chosen)


def configuration(chosen: Installation) -> Document:
    """The EnvoyGateway document that the control plane reads."""
    kubernetes: Document = {"deploy": {"type": chosen.mode}, "shutdownManager": {"image": chosen.image}}
    if chosen.watched_namespaces:
        kubernetes["watch"] = {"type": "Namespaces", "namespaces": list(chosen.watched_namespaces)}
    proxy = {"kubernetes": {"envoyDeployment": {"container": {"image": chosen.envoy_image}}}, "type": "Kubernetes"}
    return {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyGateway",
        "gateway": {"controllerName": chosen.controller_name},
        "provider": {"type": "Kubernetes", "kubernetes": kubernetes},
        "extensionApis": {"enableBackend": True},
        **({"envoyProxy": {"provider": proxy}} if chosen.envoy_image else {}),
    }


def _labels(chosen: Installation) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": NAME,
        "app.kubernetes.io/instance": chosen.instance,
        "control-plane": "envoy-gateway",
    }


def _metadata(chosen: Installation, name: str, place: str | None = None) -> Document:
    return {"name": name, **({"namespace": place} if place else {}), "labels": _labels(chosen)}


def _rule(group: str, resources: Sequence[str], verbs: Sequence[str], names: Sequence[str] = ()) -> Document:
    limited = {"resourceNames": list(names)} if names else {}
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs), **limited}


def _reading(kinds: Iterable[Kind]) -> list[Document]:
    return [_rule(group, plurals, READ) for group, plurals in _by_group(kinds).items()]


def _reporting(kinds: Iterable[Kind]) -> list[Document]:
    custom = (kind for kind in kinds if _is_custom(kind) and kind.name not in WITHOUT_STATUS)
    return [_rule(group, [f"{each}/status" for each in plurals], ("patch",)) for group, plurals in _by_group(custom).items()]


def _by_group(kinds: Iterable[Kind]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for kind in kinds:
        groups.setdefault(kind.group, []).append(kind.plural)
    return groups


def _is_custom(kind: Kind) -> bool:
    return kind.group not in {"", "discovery.k8s.io"}


def _definitions() -> Iterable[str]:
    return (f"{kind.plural}.{kind.group}" for kind in KINDS if _is_custom(kind))


def _granted(chosen: Installation, purpose: str, rules: list[Document], place: str | None) -> Iterable[Document]:
    """A role with these rules, in a namespace or in the whole cluster, and its binding to the control plane's account."""
    kind = "Role" if place else "ClusterRole"
    name = f"{NAME}-{purpose}" if place else f"{NAME}-{chosen.namespace}-{purpose}"
    yield {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": _metadata(chosen, name, place), "rules": rules}
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": _metadata(chosen, name, place),
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": chosen.namespace}],
    }


def _config(chosen: Installation) -> Document:
    from gatewright.cli.output import dump

    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(chosen, CONFIG_NAME, chosen.namespace),
        "data": {CONFIG_FILE: dump(configuration(chosen), "yaml")},
    }


def _service(chosen: Installation) -> Document:
    """The Service has Envoy Gateway's name: proxies look for their control plane, and certificates are, under it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(chosen, XDS_SERVICE, chosen.namespace),
        "spec": {
            "selector": _labels(chosen),
            "ports": [
                {"name": "grpc", "port": XDS_PORT, "targetPort": XDS_PORT},
                {"name": "metrics", "port": METRICS_PORT, "targetPort": METRICS_PORT},
            ],
        },
    }


def _disruption_budget(chosen: Installation) -> Document:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(chosen, NAME, chosen.namespace),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _labels(chosen)}},
    }


def _deployment(chosen: Installation) -> Document:
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": str(METRICS_PORT)}
    config = {"name": "config", "configMap": {"name": CONFIG_NAME}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(chosen, NAME, chosen.namespace),
        "spec": {
            "replicas": chosen.replicas,
            "selector": {"matchLabels": _labels(chosen)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": _labels(chosen), "annotations": annotations},
                "spec": {
                    "serviceAccountName": NAME,
                    "terminationGracePeriodSeconds": 15,
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [_apart(chosen)]}},
                    "containers": [_container(chosen)],
                    "volumes": [config, {"name": "state", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
                },
            },
        },
    }


def _apart(chosen: Installation) -> Document:
    """Replicas are on different nodes if that can be."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": _labels(chosen)}}
    return {"weight": 100, "podAffinityTerm": term}


def _container(chosen: Installation) -> Document:
    ports = {"grpc": XDS_PORT, "metrics": METRICS_PORT, "health": HEALTH_PORT}
    return {
        "name": NAME,
        "image": chosen.image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            "serve",
            f"--config=/config/{CONFIG_FILE}",
            f"--state-dir={STATE}",
            "--log-format=json",
            f"--metrics-address=0.0.0.0:{METRICS_PORT}",
            f"--health-address=0.0.0.0:{HEALTH_PORT}",
        ],
        "env": [
            _field("ENVOY_GATEWAY_NAMESPACE", "metadata.namespace"),
            _field("POD_NAME", "metadata.name"),
            {"name": "KUBERNETES_CLUSTER_DOMAIN", "value": chosen.cluster_domain},
        ],
        "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
        "startupProbe": _probe("/healthz", period=1, failures=60),
        "livenessProbe": _probe("/healthz", period=20, failures=3),
        "readinessProbe": _probe("/readyz", period=2, failures=3),
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": _SECURITY,
        "volumeMounts": [
            {"name": "config", "mountPath": "/config", "readOnly": True},
            {"name": "state", "mountPath": STATE},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's own
        ],
    }


def _field(name: str, path: str) -> Document:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _probe(path: str, period: int, failures: int) -> Document:
    return {
        "httpGet": {"path": path, "port": HEALTH_PORT},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 2,
    }
