"""Documents that many tests need, as text: what a test is about stands in the test itself."""

from collections.abc import Sequence
from textwrap import dedent, indent
from typing import Final

CONTROLLER: Final = "gateway.envoyproxy.io/gatewayclass-controller"
GATEWAY_CLASS: Final = f"""
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: gatewright}}
spec: {{controllerName: {CONTROLLER}}}
"""


def documents(*texts: str) -> str:
    """Several documents as one file."""
    return "\n---\n".join(text.strip("\n") for text in texts) + "\n"


def gateway(name: str, listeners: str, *, namespace: str = "default", tls: str = "{}") -> str:
    """A Gateway with these listeners (YAML of the list), and TLS settings of the whole."""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  gatewayClassName: gatewright
  tls: {tls}
  listeners:
{_list(listeners)}
"""


def listener_set(name: str, listeners: str, *, parent: str, namespace: str = "default") -> str:
    """A ListenerSet that adds these listeners (YAML of the list) to a Gateway, `namespace/name`."""
    where, _, gateway_name = parent.partition("/")
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  parentRef: {{name: {gateway_name}, namespace: {where}}}
  listeners:
{_list(listeners)}
"""


def https(name: str, port: int, *secrets: str, hostname: str = "") -> str:
    """An HTTPS listener (YAML of the list) that shows the certificates of these Secrets."""
    host = f", hostname: {hostname!r}" if hostname else ""
    references = ", ".join(f"{{name: {secret}}}" for secret in secrets)
    return f"- {{name: {name}, protocol: HTTPS, port: {port}{host}, tls: {{certificateRefs: [{references}]}}}}\n"


def service(
    name: str, *ports: int, namespace: str = "default", port: int = 80, app_protocol: str = "", transport: str = "TCP"
) -> str:
    """A Service on `port`, and the EndpointSlice that says on which ports of loopback its endpoints are (none: no endpoints)."""
    protocol = f", appProtocol: {app_protocol}" if app_protocol else ""
    protocol += f", protocol: {transport}" if transport != "TCP" else ""
    slices = [_slice(f"{name}-{number}", name, namespace, target) for number, target in enumerate(ports)]
    return documents(
        f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  ports: [{{name: http, port: {port}{protocol}}}]
""",
        *slices,
    )


def _slice(name: str, owner: str, namespace: str, port: int) -> str:
    return f"""
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}, namespace: {namespace}, labels: {{kubernetes.io/service-name: {owner}}}}}
addressType: IPv4
endpoints: [{{addresses: [127.0.0.1]}}]
ports: [{{name: http, port: {port}}}]
"""


def route(
    name: str,
    rules: str,
    *,
    hostnames: Sequence[str] | None = None,
    parents: str = "- name: edge",
    namespace: str = "default",
    kind: str = "HTTPRoute",
) -> str:
    """A route with these rules and parents (YAML of the lists), for the host `<name>.test` unless told otherwise."""
    hosts = [f"{name}.test"] if hostnames is None else hostnames
    listed = f"  hostnames: [{', '.join(map(repr, hosts))}]\n" if hosts else ""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  parentRefs:
{_list(parents)}
{listed}  rules:
{_list(rules)}
"""


def stream_route(
    kind: str,
    name: str,
    *backends: str,
    parents: str = "- name: edge",
    hostnames: Sequence[str] = (),
    created: str = "",
    namespace: str = "default",
) -> str:
    """A TLSRoute, TCPRoute or UDPRoute to port 80 of these Services, each with a weight if its name ends in `=<weight>`."""
    listed = f"  hostnames: [{', '.join(map(repr, hostnames))}]\n" if hostnames else ""
    references = "\n".join(
        f"    - {{name: {name}, port: 80, weight: {weight or 1}}}"
        for name, _, weight in (each.partition("=") for each in backends)
    )
    when = f", creationTimestamp: {created}" if created else ""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}, namespace: {namespace}{when}}}
spec:
  parentRefs:
{_list(parents)}
{listed}  rules:
  - backendRefs:
{references}
"""


def to(service: str, port: int = 80) -> str:
    """The rule that sends everything to a Service."""
    return f"- backendRefs: [{{name: {service}, port: {port}}}]"


def _list(text: str) -> str:
    return indent(dedent(text).strip("\n"), "  ")
