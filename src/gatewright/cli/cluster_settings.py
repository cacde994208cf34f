"""From an EnvoyGateway file with the Kubernetes provider, and from what a Pod is told of itself, to `ClusterSettings`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gatewright.api.durations import milliseconds
from gatewright.api.envoygateway import EnvoyGateway, KubernetesProvider, LeaderElection
from gatewright.cli.manifests import IMAGE, NAMESPACE
from gatewright.settings import ClusterSettings

LEASE_SECONDS: Final = 15.0
RENEW_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 2.0


def cluster_settings(
    file: EnvoyGateway, environ: Mapping[str, str], kubeconfig: Path | None, context: str | None
) -> ClusterSettings | None:
    """The cluster that `file` wants to be served; None for another provider. The names in `environ` are Envoy Gateway's."""
    if file.provider.type != "Kubernetes":
        return None
    provider = file.provider.kubernetes or KubernetesProvider()
    election = provider.leader_election or LeaderElection()
    shutdown = provider.shutdown_manager
    return ClusterSettings(
        namespace=environ.get("ENVOY_GATEWAY_NAMESPACE") or NAMESPACE,
        identity=environ.get("POD_NAME") or f"{os.uname().nodename}-{os.getpid()}",
        kubeconfig=str(kubeconfig or ""),
        context=context or "",
        dns_domain=environ.get("KUBERNETES_CLUSTER_DOMAIN") or "cluster.local",
        shutdown_image=(shutdown.image if shutdown else None) or IMAGE,
        gateway_namespace_mode=provider.deploy is not None and provider.deploy.type == "GatewayNamespace",
        watch=provider.watch,
        elects=not election.disable,
        lease_duration=_seconds(election.lease_duration, LEASE_SECONDS),
        renew_deadline=_seconds(election.renew_deadline, RENEW_SECONDS),
        retry_period=_seconds(election.retry_period, RETRY_SECONDS),
    )


def own_folder(folder: Path, uid: int) -> Path:
    """Where state goes that is to be in `folder`: a volume of a Pod belongs to root, so then it is a folder in there."""
    try:
        owner = folder.stat().st_uid
    except OSError:
        return folder
    return folder if owner == uid else folder / "state"


def _seconds(duration: str | None, default: float) -> float:
    return milliseconds(duration) / 1000 if duration else default
