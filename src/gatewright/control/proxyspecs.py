"""From the proxy that the graph wants to the process that the fleet runs, and what this machine offers it."""

import ssl
from pathlib import Path
from typing import Final

from gatewright.api.durations import milliseconds
from gatewright.api.envoyproxy import EnvoyProxySpec
from gatewright.fleet.spec import DEFAULT_COMPONENT_LOG_LEVELS, ProxySpec
from gatewright.graph.proxies import ProxyFacts

DRAIN_SECONDS: Final = 60

AUTHORITIES: Final = (  # where distributions keep the authorities that the system trusts
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def system_authorities() -> str:
    """The file with the authorities that this machine trusts; where there is none, the usual place of one."""
    known = (ssl.get_default_verify_paths().cafile, *AUTHORITIES)
    return next((path for path in known if path and Path(path).is_file()), AUTHORITIES[0])


def proxy_spec(facts: ProxyFacts) -> ProxySpec:
    """Shape a proxy's process by its EnvoyProxy."""
    parameters = facts.parameters
    levels = dict(parameters.logging.level)
    return ProxySpec(
        name=facts.name,
        log_level=levels.pop("default", "warn"),
        component_log_levels={**DEFAULT_COMPONENT_LOG_LEVELS, **levels},
        concurrency=parameters.concurrency,
        drain_seconds=_drain_seconds(parameters),
        extra_arguments=parameters.extra_args,
        bootstrap=parameters.bootstrap,
    )


def _drain_seconds(parameters: EnvoyProxySpec) -> int:
    """How long a proxy that is replaced or no longer wanted lets requests finish; whole seconds, as Envoy takes them."""
    timeout = parameters.shutdown.drain_timeout if parameters.shutdown else None
    return DRAIN_SECONDS if timeout is None else -(-milliseconds(timeout) // 1000)
