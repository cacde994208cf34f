"""The objects of one proxy: ServiceAccount, ConfigMap, Deployment or DaemonSet, Service, autoscaler and disruption budget.

They come as the documents that are applied, in the order in which they are. Only what we decide is in them; everything else is
left to the API server's defaults and to others, since they are applied server-side.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from gatewright.api.json_patch import PatchRefused
from gatewright.api.workloads import KubernetesDeploymentSpec, KubernetesPatchSpec
from gatewright.fleet.bootstrap import CERTIFICATE_SECRET, TOKEN_SECRET, TRUSTED_CA_SECRET
from gatewright.fleet.kube.observed import can_be_external
from gatewright.fleet.kube.patch import PatchError, patched
from gatewright.fleet.kube.pods import (
    CERTIFICATE_FILE,
    TOKEN_FILE,
    TOKEN_PATH,
    TRUSTED_CA_FILE,
    pod_template,
    service_account_name,
)
from gatewright.fleet.kube.workload import (
    CONTROLLER,
    XDS_SERVICE,
    Installation,
    Workload,
    labels,
    namespace_of,
    resource_name,
    selector,
)

Document = dict[str, Any]

_SECRET_TYPE: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a message's name
_CPU_METRIC: Final[Document] = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


class ManagedKind(NamedTuple):
    """A kind of object that fleets are made of."""

    api_version: str
    kind: str
    plural: str

    def path(self, namespace: str, name: str = "") -> str:
        """Path of the objects in a namespace (of all namespaces when it is empty), or of one."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        return f"{root}{f'/namespaces/{namespace}' if namespace else ''}/{self.plural}{f'/{name}' if name else ''}"


SERVICE_ACCOUNT: Final = ManagedKind("v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAP: Final = ManagedKind("v1", "ConfigMap", "configmaps")
DEPLOYMENT: Final = ManagedKind("apps/v1", "Deployment", "deployments")
DAEMON_SET: Final = ManagedKind("apps/v1", "DaemonSet", "daemonsets")
SERVICE: Final = ManagedKind("v1", "Service", "services")
AUTOSCALER: Final = ManagedKind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
DISRUPTION_BUDGET: Final = ManagedKind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
MANAGED_KINDS: Final = (SERVICE_ACCOUNT, CONFIG_MAP, SERVICE, DEPLOYMENT, DAEMON_SET, AUTOSCALER, DISRUPTION_BUDGET)
"""In the order in which objects are applied; a Service takes longest to get its address."""


class ObjectKey(NamedTuple):
    """Identity of a managed object."""

    kind: ManagedKind
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return self.kind.path(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.namespace}/{self.name}"


class ManagedObject(msgspec.Struct, frozen=True):
    """One wanted object. `problem` says what is wrong with the user's patch of it; then `document` is None: what exists stays."""

    key: ObjectKey
    document: Document | None
    problem: str = ""


def managed_objects(workload: Workload, installation: Installation) -> tuple[ManagedObject, ...]:
    """All objects that a proxy wants."""
    return tuple(_Objects(workload, installation).all())


class _Objects:
    """The objects of one workload; a class only to say the two arguments once."""

    def __init__(self, workload: Workload, installation: Installation) -> None:
        self._workload = workload
        self._installation = installation
        self._provider = workload.provider
        self._namespace = namespace_of(workload, installation)
        self._name = resource_name(workload, installation)

    def all(self) -> Iterator[ManagedObject]:
        account = service_account_name(self._workload, self._installation)
        yield self._object(SERVICE_ACCOUNT, account, {"automountServiceAccountToken": False})
        yield self._object(CONFIG_MAP, self._name, {"data": self._files()})
        service = self._provider.envoy_service
        yield self._object(SERVICE, service.name, {"spec": self._service()}, service.patch, service.labels, service.annotations)
        daemon_set = self._provider.envoy_daemon_set
        if daemon_set is not None:
            yield self._of_pods(DAEMON_SET, daemon_set.name, lambda: self._daemon_set(daemon_set.strategy), daemon_set.patch)
        else:
            deployment = self._provider.envoy_deployment or KubernetesDeploymentSpec()
            yield self._of_pods(DEPLOYMENT, deployment.name, lambda: self._deployment(deployment), deployment.patch)
        if self._provider.envoy_hpa is not None:
            hpa = self._provider.envoy_hpa
            yield self._object(AUTOSCALER, hpa.name, {"spec": self._autoscaler()}, hpa.patch)
        if self._provider.envoy_pdb is not None:
            pdb = self._provider.envoy_pdb
            yield self._object(DISRUPTION_BUDGET, pdb.name, {"spec": self._disruption_budget()}, pdb.patch)

    def _of_pods(
        self, kind: ManagedKind, name: str | None, spec: Callable[[], Document], patch: KubernetesPatchSpec | None
    ) -> ManagedObject:
        try:
            return self._object(kind, name, {"spec": spec()}, patch)
        except PatchRefused as refused:
            return ManagedObject(ObjectKey(kind, self._namespace, name or self._name), None, f"spec.bootstrap: {refused}")

    def _object(
        self,
        kind: ManagedKind,
        name: str | None,
        content: Document,
        patch: KubernetesPatchSpec | None = None,
        more_labels: dict[str, str] | None = None,
        more_annotations: dict[str, str] | None = None,
    ) -> ManagedObject:
        key = ObjectKey(kind, self._namespace, name or self._name)
        metadata: Document = {
            "name": key.name,
            "namespace": key.namespace,
            "labels": {**(more_labels or {}), **labels(self._workload, self._installation)},
            "annotations": {
                **self._workload.annotations,
                **(more_annotations or {}),
                CONTROLLER: self._installation.identity,
            },
            **self._owner(),
        }
        document: Document = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **content}
        try:
            changed = patched(document, patch)
        except PatchError as error:
            return ManagedObject(key, None, f"patch of the {kind.kind}: {error}")
        identity = {"name": key.name, "namespace": key.namespace}  # a patch changes an object, not which one it is
        kept = {**changed, "apiVersion": kind.api_version, "kind": kind.kind}
        return ManagedObject(key, {**kept, "metadata": {**changed.get("metadata", {}), **identity}})

    def _owner(self) -> Document:
        owner = self._workload.owner
        if owner is None:
            return {}
        reference = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": owner.kind, "name": owner.name, "uid": owner.uid}
        return {"ownerReferences": [reference]}

    def _files(self) -> dict[str, str]:
        """The SDS answers that Envoy reads from files, which point to the files with the certificates."""
        if self._installation.gateway_namespace_mode:
            own = {"ca.crt": self._installation.trusted_ca} if self._installation.trusted_ca else {}
        else:
            chain = {"certificate_chain": {"filename": "/certs/tls.crt"}, "private_key": {"filename": "/certs/tls.key"}}
            own = {CERTIFICATE_FILE: _sds(CERTIFICATE_SECRET, {"tls_certificate": chain})}
        server = {"san_type": "DNS", "matcher": {"exact": XDS_SERVICE}}
        validation = {"trusted_ca": {"filename": "/certs/ca.crt"}, "match_typed_subject_alt_names": [server]}
        token = {"secret": {"filename": f"{TOKEN_PATH}/sa-token"}}
        return {
            **own,
            TRUSTED_CA_FILE: _sds(TRUSTED_CA_SECRET, {"validation_context": validation}),
            TOKEN_FILE: _sds(TOKEN_SECRET, {"generic_secret": token}),
        }

    def _deployment(self, deployment: KubernetesDeploymentSpec) -> Document:
        """The replicas of an autoscaled Deployment are the autoscaler's: what is not applied is not ours."""
        ours = deployment.replicas is not None and self._provider.envoy_hpa is None
        return {
            **({"replicas": deployment.replicas} if ours else {}),
            "strategy": deployment.strategy or {"type": "RollingUpdate"},
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            **self._pods(),
        }

    def _daemon_set(self, strategy: Document | None) -> Document:
        return {"updateStrategy": strategy or {"type": "RollingUpdate"}, **self._pods()}

    def _pods(self) -> Document:
        return {
            "selector": {"matchLabels": selector(self._workload, self._installation)},
            "template": pod_template(self._workload, self._installation),
        }

    def _service(self) -> Document:
        service = self._provider.envoy_service
        addresses = [each for each in self._workload.addresses if can_be_external(each)]
        internal = service.type == "ClusterIP"
        optional = {
            "loadBalancerClass": service.load_balancer_class,
            "allocateLoadBalancerNodePorts": service.allocate_load_balancer_node_ports,
            "loadBalancerSourceRanges": list(service.load_balancer_source_ranges or ()) or None,
            "loadBalancerIP": service.load_balancer_ip,
            "externalTrafficPolicy": None if internal else service.external_traffic_policy,
            "externalIPs": None if internal else addresses or None,
            "clusterIP": addresses[0] if internal and addresses else None,
            "clusterIPs": addresses[:1] if internal and addresses else None,
        }
        return {
            "type": service.type,
            "sessionAffinity": "None",
            "selector": selector(self._workload, self._installation),
            "ports": list(self._service_ports()),
            **{name: value for name, value in optional.items() if value is not None},
            **_ip_families(self._workload.parameters.ip_family),
        }

    def _service_ports(self) -> Iterator[Document]:
        for port in self._workload.ports:
            protocol = "UDP" if port.protocol == "UDP" else "TCP"
            yield {"name": port.name, "protocol": protocol, "port": port.port, "targetPort": port.target}
            if port.http3:
                yield {"name": f"{port.name}-h3", "protocol": "UDP", "port": port.port, "targetPort": port.target}

    def _autoscaler(self) -> Document:
        hpa, deployment = self._provider.envoy_hpa, self._provider.envoy_deployment
        if hpa is None:
            return {}
        target = (deployment.name if deployment else None) or self._name
        return {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            **({"minReplicas": hpa.min_replicas} if hpa.min_replicas is not None else {}),
            "maxReplicas": hpa.max_replicas,
            "metrics": list(hpa.metrics) or [_CPU_METRIC],
            **({"behavior": hpa.behavior} if hpa.behavior else {}),
        }

    def _disruption_budget(self) -> Document:
        pdb = self._provider.envoy_pdb
        limits = {"minAvailable": pdb.min_available, "maxUnavailable": pdb.max_unavailable} if pdb else {}
        return {
            "selector": {"matchLabels": selector(self._workload, self._installation)},
            **{name: value for name, value in limits.items() if value is not None},
        }


def _ip_families(family: str | None) -> Document:
    """Families of a Service; a single IPv4 one is what a cluster gives anyway."""
    if family == "IPv6":
        return {"ipFamilies": ["IPv6"], "ipFamilyPolicy": "SingleStack"}
    if family == "DualStack":
        return {"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack"}
    return {}


def _sds(name: str, secret: Document) -> str:
    """An SDS answer with one secret, as Envoy reads it from a file."""
    return msgspec.json.encode({"resources": [{"@type": _SECRET_TYPE, "name": name, **secret}]}).decode()
