"""EnvoyProxies: whether what they say can be done."""

from gatewright.api.bootstrap_overrides import overridden
from gatewright.api.envoyproxy import EnvoyProxySpec
from gatewright.api.json_patch import PatchRefused
from gatewright.graph.settings import GraphSettings


def bootstrap_problem(settings: GraphSettings | None, parameters: EnvoyProxySpec) -> str:
    """Why `spec.bootstrap` cannot be had; empty when it can. Proxies are then started without it."""
    if parameters.bootstrap is None or settings is None or settings.bootstrap is None:
        return ""
    try:
        overridden(settings.bootstrap, parameters.bootstrap)
    except PatchRefused as refused:
        return f"spec.bootstrap: {refused}"
    return ""
