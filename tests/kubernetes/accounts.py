"""ServiceAccounts in the cluster, what they may do, and what a Pod of theirs finds.

Who a Kubernetes source is to the API server decides what it sees: these make somebody with few rights, and give more.
"""

import base64
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from gatewright.sources.kube.credentials import Credentials
from tests.kubernetes.bed import Bed
from tests.kubernetes.cluster import Objects

READ = ("get", "list", "watch")
RBAC = "rbac.authorization.k8s.io"


def kubeconfig_of(bed: Bed) -> dict[str, Any]:
    """The kubeconfig with all rights."""
    config: dict[str, Any] = yaml.safe_load(bed.kubeconfig.read_text())
    return config


def certificate_authority(bed: Bed) -> bytes:
    """The certificate that the API server's is signed by."""
    return base64.b64decode(kubeconfig_of(bed)["clusters"][0]["cluster"]["certificate-authority-data"])


async def token_for(objects: Objects, namespace: str, name: str) -> str:
    """A token of a new ServiceAccount."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
    await objects.ask("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", account)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    granted = await objects.ask("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", request)
    token: str = granted["status"]["token"]
    return token


async def allow(objects: Objects, namespace: str, name: str, *plurals: str, verbs: tuple[str, ...] = READ) -> None:
    """Let a ServiceAccount do this in the whole cluster, besides what it may already."""
    role = f"{namespace}-{name}-{plurals[0].replace('*', 'all')}"
    named = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": role}}
    rules = [{"apiGroups": ["*"], "resources": list(plurals), "verbs": list(verbs)}]
    await objects.ask("POST", f"/apis/{RBAC}/v1/clusterroles", {**named, "kind": "ClusterRole", "rules": rules})
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}
    binding = {**named, "kind": "ClusterRoleBinding", "subjects": [subject], "roleRef": reference}
    await objects.ask("POST", f"/apis/{RBAC}/v1/clusterrolebindings", binding)


def pod(bed: Bed, folder: Path, token: str) -> Credentials:
    """What a Pod finds."""
    server = urlsplit(kubeconfig_of(bed)["clusters"][0]["cluster"]["server"])
    (folder / "ca.crt").write_bytes(certificate_authority(bed))
    (folder / "token").write_text(token)
    (folder / "namespace").write_text("here")
    environ = {"KUBERNETES_SERVICE_HOST": str(server.hostname), "KUBERNETES_SERVICE_PORT": str(server.port)}
    return Credentials(environ, service_account=folder)
