"""Routing by cookie: the matches of an HTTPRouteFilter, alone and in a crowd of other cookies."""

import pytest

from tests.e2e.edge import Edge
from tests.support.objects import route

FILTER = r"""
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: HTTPRouteFilter
metadata: {name: cookies}
spec:
  matches:
    - cookies: [{name: tier, value: gold.1}]
    - cookies: [{name: tier, value: "silver-\\d", type: RegularExpression}, {name: beta, value: "yes"}]
"""
RULES = """
- {backendRefs: [{name: one, port: 80}]}
- filters: [{type: ExtensionRef, extensionRef: {group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: cookies}}]
  backendRefs: [{name: two, port: 80}]
"""


@pytest.mark.parametrize(
    ("cookie", "backend"),
    [
        ("tier=gold.1", "two"),
        ("a=b; tier=gold.1; c=d", "two"),
        ("tier=gold.12", "one"),
        ("tier=goldx1", "one"),
        ("my-tier=gold.1", "one"),
        ("a=tier=gold.1", "one"),
        ("tier=silver-7; beta=yes", "two"),
        ("beta=yes; x=y; tier=silver-7", "two"),
        ("tier=silver-7", "one"),
        ("tier=silver-x; beta=yes", "one"),
        ("", "one"),
    ],
)
def test_cookies_choose_the_backend(edge: Edge, cookie: str, backend: str) -> None:
    edge.server.apply("cookies", route("cookies", RULES), FILTER)

    assert backend == edge.chosen("cookies.test", headers={"cookie": cookie})
