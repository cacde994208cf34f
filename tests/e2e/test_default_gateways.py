"""Default Gateways: routes that ask for one are served by every Gateway that offers itself, and by no other."""

from tests.e2e.edge import Edge
from tests.support.clients import answers, ask
from tests.support.objects import gateway
from tests.support.ports import free_port

ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: anywhere}
spec: {useDefaultGateways: All, hostnames: [anywhere.test], rules: [{backendRefs: [{name: two, port: 80}]}]}
"""


def test_a_gateway_claims_routes_and_lets_them_go(edge: Edge) -> None:
    """The Gateway that becomes a default one serves the route, beside one that is none; when it is none any more, it does not."""
    port = free_port()
    plain = gateway("default", f"- {{name: http, protocol: HTTP, port: {port}}}")
    offering = plain.replace("spec:\n", "spec:\n  defaultScope: All\n", 1)
    edge.server.apply("anywhere", ROUTE)
    edge.server.apply("default-gateway", offering)

    assert "two" == answers(lambda: ask(port, "anywhere.test"), 200).backend
    assert 404 == edge.ask("anywhere.test").status

    edge.server.apply("default-gateway", plain)

    answers(lambda: ask(port, "anywhere.test"), 404)
