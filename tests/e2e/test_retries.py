"""Retries, counted by the backend that fails: what is tried again, how often, and what bounds it all."""

import time

import pytest

from tests.e2e.edge import Edge
from tests.support.objects import route

RULES = """
- {matches: [{path: {value: /fails/1/500/three}}], retry: {codes: [500], attempts: 3}, backendRefs: [{name: one, port: 80}]}
- {matches: [{path: {value: /fails/2/500/three}}], retry: {codes: [500], attempts: 3}, backendRefs: [{name: one, port: 80}]}
- {matches: [{path: {value: /fails/4/500/three}}], retry: {codes: [500], attempts: 3}, backendRefs: [{name: one, port: 80}]}
- {matches: [{path: {value: /fails/2/503/three}}], retry: {codes: [500], attempts: 3}, backendRefs: [{name: one, port: 80}]}
- {matches: [{path: {value: /fails/1/404/three}}], retry: {codes: [404], attempts: 3}, backendRefs: [{name: one, port: 80}]}
- {matches: [{path: {value: /fails/2/cut/three}}], retry: {attempts: 3}, backendRefs: [{name: one, port: 80}]}
- {matches: [{path: {value: /fails/4/cut/three}}], retry: {attempts: 3}, backendRefs: [{name: one, port: 80}]}
- {matches: [{path: {value: /fails/2/500/unsaid}}], retry: {codes: [500]}, backendRefs: [{name: one, port: 80}]}
- matches: [{path: {value: /fails/2/late/two}}, {path: {value: /fails/3/late/two}}]
  retry: {attempts: 2}
  timeouts: {backendRequest: 200ms}
  backendRefs: [{name: one, port: 80}]
- matches: [{path: {value: /fails/9/late/bounded}}]
  retry: {attempts: 9, backoff: 1ms}
  timeouts: {request: 400ms, backendRequest: 150ms}
  backendRefs: [{name: one, port: 80}]
- {matches: [{path: {value: /fails/1/500/never}}], backendRefs: [{name: one, port: 80}]}
"""


@pytest.mark.parametrize(
    ("path", "status", "tries"),
    [
        ("/fails/1/500/three", 200, 2),
        ("/fails/2/500/three", 200, 3),
        ("/fails/4/500/three", 500, 4),  # attempts are what follows the first try; then the answer is the last one's
        ("/fails/2/503/three", 503, 1),  # not among the codes
        ("/fails/1/404/three", 200, 2),
        ("/fails/2/cut/three", 200, 3),  # connections count without being named
        ("/fails/4/cut/three", 503, 4),
        ("/fails/2/500/unsaid", 200, 3),
        ("/fails/2/late/two", 200, 3),  # each try has its own limit, and together they have time enough
        ("/fails/3/late/two", 504, 3),
        ("/fails/1/500/never", 500, 1),
    ],
)
def test_failed_tries_are_made_again(edge: Edge, path: str, status: int, tries: int) -> None:
    edge.server.apply("retries", route("retries", RULES))
    backend = edge.backends["one"]
    backend.seen.clear()

    assert status == edge.ask("retries.test", path).status
    assert tries == [seen.path for seen in backend.seen].count(path)


def test_the_request_limit_bounds_all_tries(edge: Edge) -> None:
    edge.server.apply("retries", route("retries", RULES))
    backend = edge.backends["one"]
    backend.seen.clear()
    began = time.monotonic()

    assert 504 == edge.ask("retries.test", "/fails/9/late/bounded").status

    assert 0.35 <= time.monotonic() - began < 1
    assert [seen.path for seen in backend.seen].count("/fails/9/late/bounded") in {2, 3}
