"""Texts of objects, as short as the API lets them be."""


def route(name: str, backend: str = "one", namespace: str | None = None) -> str:
    """An HTTPRoute that `admit` takes."""
    where = f", namespace: {namespace}" if namespace else ""
    return f"""apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}{where}}}
spec:
  parentRefs: [{{name: gw}}]
  hostnames: ["{name}.example.com"]
  rules:
  - backendRefs: [{{name: {backend}, port: 80}}]
"""


def refused_route(name: str) -> str:
    """An HTTPRoute with one field too many, on its line 5."""
    return f"""apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRef: {{name: gw}}
"""


def together(*documents: str) -> str:
    """Several documents in one text."""
    return "---\n".join(documents)
