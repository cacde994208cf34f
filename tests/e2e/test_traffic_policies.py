"""XBackendTrafficPolicies at the edge: sessions for every rule that leads to a backend, and fewer retries than routes ask for."""

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.edge import Edge
from tests.support.objects import route
from tests.support.waiting import eventually

POLICY = """
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: traffic}
spec:
  targetRefs: [{group: "", kind: Service, name: three}]
  sessionPersistence: {cookie: {name: sid}}
  retryConstraint: {budget: {percent: 0}, minRetryRate: {count: 1, interval: 1s}}
"""
RULES = """
- {matches: [{path: {value: /a}}], backendRefs: [{name: three, port: 80}]}
- {matches: [{path: {value: /b}}], backendRefs: [{name: three, port: 80}]}
- {matches: [{path: {value: /fails}}], retry: {codes: [500], attempts: 3}, backendRefs: [{name: three, port: 80}]}
"""
CLIENTS = 20


def test_rules_have_sessions_of_their_own(edge: Edge) -> None:
    """A policy gives each rule sessions; they are not shared."""
    edge.server.apply("traffic", route("traffic", RULES), POLICY)

    cookies = [edge.ask("traffic.test", path).headers["set-cookie"].partition("=")[0] for path in ("/a", "/b")]

    assert 2 == len(set(cookies))
    assert all(cookie.startswith("sid-") for cookie in cookies)


def test_a_budget_limits_retries(edge: Edge) -> None:
    """Of many failing requests at once only a few are retried; without the policy all are."""
    edge.server.apply("traffic", route("traffic", RULES), POLICY)
    limited = tries(edge, "limited")
    edge.server.remove("traffic")
    edge.server.apply("untroubled", route("traffic", RULES))
    eventually(lambda: "set-cookie" in edge.ask("traffic.test", "/a").headers, lambda sticky: not sticky)

    assert CLIENTS <= limited <= 2 * CLIENTS
    assert 4 * CLIENTS == tries(edge, "unlimited")


def tries(edge: Edge, name: str) -> int:
    """How often the backend is tried for requests that never succeed."""
    edge.backends["three"].seen.clear()
    with ThreadPoolExecutor(CLIENTS) as pool:
        paths = [f"/fails/9/500/{name}-{number}" for number in range(CLIENTS)]
        assert {500} == {answer.status for answer in pool.map(lambda path: edge.ask("traffic.test", path), paths)}
    return len(edge.backends["three"].seen)
