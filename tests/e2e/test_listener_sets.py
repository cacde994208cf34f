"""ListenerSets at the edge: teams add listeners to a shared Gateway, and none of them costs another a request."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from tests.support.backends import http_backend
from tests.support.certificates import names, self_signed
from tests.support.clients import ask, served_certificate
from tests.support.load import Load
from tests.support.objects import GATEWAY_CLASS, documents, gateway, https, listener_set, route, service, to
from tests.support.ports import free_port
from tests.support.serving import Serving, serving, summary
from tests.support.waiting import eventually

TURNS = 6
PARENT = "infra/shared"
NAMESPACES = """
apiVersion: v1
kind: Namespace
metadata: {name: red, labels: {gateway: shared}}
---
apiVersion: v1
kind: Namespace
metadata: {name: blue, labels: {gateway: shared}}
---
apiVersion: v1
kind: Namespace
metadata: {name: grey}
"""


class Shared:
    """A Gateway of the platform that takes ListenerSets of labelled namespaces, and a backend for each team."""

    def __init__(self, server: Serving, port: int, own: int) -> None:
        self.server = server
        self.port = port  # where the Gateway listens itself, for platform.test
        self.own = own  # where only ListenerSets listen

    def chosen(self, host: str, port: int | None = None) -> str:
        """The backend that answers; else the status."""
        return ask(port or self.port, host).chosen

    def conditions(self, name: str, namespace: str) -> dict[str, str]:
        """The conditions of a ListenerSet."""
        return summary(self.server.status("ListenerSet", name, namespace)["conditions"])

    def put(self, team: str, name: str, listeners: str) -> None:
        """Have a team add listeners, and a route to all of them."""
        set_of_team = listener_set(name, listeners, parent=PARENT, namespace=team)
        parents = f"- {{kind: ListenerSet, name: {name}}}"
        self.server.apply(f"{team}-{name}", set_of_team, route(name, to(team), hostnames=[], parents=parents, namespace=team))

    def take_away(self, team: str, name: str) -> None:
        """Remove both."""
        self.server.remove(f"{team}-{name}")


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    with ExitStack() as stack:
        backends = {name: stack.enter_context(http_backend(name)) for name in ("infra", "red", "blue", "grey")}
        server = stack.enter_context(serving())
        port, own = free_port(), free_port()
        server.put("namespaces", NAMESPACES)
        server.put("gateway", GATEWAY_CLASS, shared_gateway(port))
        server.put("backends", *(service(name, backend.port, namespace=name) for name, backend in backends.items()))
        parents = "- {name: shared}"
        server.put("platform", route("platform", to("infra"), hostnames=[], parents=parents, namespace="infra"))
        server.start()
        yield Shared(server, port, own)


def shared_gateway(port: int, more: str = "") -> str:
    """The Gateway of the platform."""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: shared, namespace: infra}}
spec:
  gatewayClassName: gatewright
  allowedListeners: {{namespaces: {{from: Selector, selector: {{matchLabels: {{gateway: shared}}}}}}}}
  listeners:
    - {{name: http, port: {port}, protocol: HTTP, hostname: platform.test}}
    {more}
"""


def test_each_team_has_its_hosts(shared: Shared) -> None:
    """Listeners on a shared port go to the routes of their own set, whatever their names; a stranger gets none."""
    for team in ("red", "blue", "grey"):
        shared.put(team, "site", f"- {{name: http, port: {shared.port}, protocol: HTTP, hostname: {team}.test}}")
    expected = {"platform.test": "infra", "red.test": "red", "blue.test": "blue", "grey.test": "404", "other.test": "404"}
    assert expected == {host: shared.chosen(host) for host in expected}
    assert {"Accepted": "-NotAllowed", "Programmed": "-NotAllowed"} == shared.conditions("site", "grey")
    assert {"Accepted": "Accepted", "Programmed": "Programmed"} == shared.conditions("site", "red")
    assert 2 == shared.server.status("Gateway", "shared", "infra")["attachedListenerSets"]
    for team in ("red", "blue", "grey"):
        shared.take_away(team, "site")


def test_sets_come_and_go_under_load(shared: Shared) -> None:
    """Neither the Gateway nor the other sets lose a request, also where a new listener comes first on a port."""
    listener = f"- {{name: http, port: {shared.own}, protocol: HTTP, hostname: NAME.test}}"
    shared.put("red", "middle", listener.replace("NAME", "middle"))
    with Load(shared.port, "platform.test") as platform, Load(shared.own, "middle.test") as middle:
        middle.wait_for(50)
        for _ in range(TURNS):
            for name in ("a-first", "z-last"):
                shared.put("blue", name, listener.replace("NAME", name))
                assert "blue" == shared.chosen(f"{name}.test", shared.own)
                shared.take_away("blue", name)
                eventually(partial(shared.chosen, f"{name}.test", shared.own), "404".__eq__)
        platform.wait_for(20)
        middle.wait_for(20)
    assert {"200": platform.total} == platform.answers
    assert {"200": middle.total} == middle.answers
    shared.take_away("red", "middle")


def test_a_set_has_the_certificates_of_its_own_namespace(shared: Shared) -> None:
    """A team brings its own certificate; one of another namespace takes a grant to ListenerSets."""
    port = free_port()
    shared.server.put("red-secret", self_signed("red.test").secret("red", namespace="red"))
    granted = "tls: {certificateRefs: [{name: red, namespace: red}]}"
    shared.put("red", "tls", https("https", port, "red", hostname="red.test"))
    shared.put("blue", "tls", f"- {{name: https, port: {port}, protocol: HTTPS, hostname: blue.test, {granted}}}")
    assert ["red.test"] == list(names(served_certificate(port, "red.test")))
    assert "-ListenersNotValid" == shared.conditions("tls", "blue")["Accepted"]
    grant = """
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: blue, namespace: red}
spec: {from: [{group: gateway.networking.k8s.io, kind: ListenerSet, namespace: blue}], to: [{group: "", kind: Secret, name: red}]}
"""
    shared.server.apply("grant", grant)
    assert ["red.test"] == list(names(served_certificate(port, "blue.test")))
    assert "Accepted" == shared.conditions("tls", "blue")["Accepted"]
    shared.server.remove("grant")
    shared.server.sync_removals()
    assert "-ListenersNotValid" == shared.conditions("tls", "blue")["Accepted"]
    for team in ("red", "blue"):
        shared.take_away(team, "tls")


def test_the_gateway_may_take_a_host_itself(shared: Shared) -> None:
    """What the Gateway declares is its own from then on, and the set says so; when it lets go, the set has it back."""
    host = f"{{name: claimed, port: {shared.port}, protocol: HTTP, hostname: claimed.test}}"
    shared.put("red", "claimed", f"- {host}")
    assert "red" == shared.chosen("claimed.test")
    shared.server.apply("gateway", GATEWAY_CLASS, shared_gateway(shared.port, f"- {host}"))
    assert "infra" == shared.chosen("claimed.test")
    conditions = shared.server.status("ListenerSet", "claimed", "red")["listeners"][0]["conditions"]
    lost = "HostnameConflict"
    expected = {"Accepted": f"-{lost}", "Programmed": f"-{lost}", "Conflicted": lost}
    assert expected.items() <= summary(conditions).items()
    shared.server.apply("gateway", GATEWAY_CLASS, shared_gateway(shared.port))
    assert "red" == shared.chosen("claimed.test")
    shared.take_away("red", "claimed")


def test_the_running_server_is_asked(shared: Shared) -> None:
    """Who may attach what, whether a route could attach, and why one does not work, of what is served right now."""
    shared.put("red", "asked", f"- {{name: http, port: {shared.port}, protocol: HTTP, hostname: asked.test}}")
    parent = "- {kind: ListenerSet, name: asked, namespace: red}"
    shared.server.apply("stray", route("stray", to("blue"), hostnames=["asked.test"], parents=parent, namespace="blue"))
    access = shared.server.command("access", "-n", "red")
    assert (0, True) == (access.returncode, "ListenerSet red/asked" in access.stdout), access
    question = shared.server.command("access", "--route", "httproute/stray", "-n", "blue", "--to", "red/asked")
    why = "listener http takes routes from its own namespace, red, and not from blue"
    assert (1, True) == (question.returncode, why in question.stdout), question
    explained = shared.server.command("status", "httproute/stray", "-n", "blue")
    assert (1, True) == (explained.returncode, why in explained.stdout), explained
    works = shared.server.command("status", "httproute/asked", "-n", "red")
    assert (0, True) == (
        works.returncode,
        f"listener http (port {shared.port}, HTTP) serves it for asked.test" in works.stdout,
    ), works
    shared.server.remove("stray")
    shared.take_away("red", "asked")


def test_merged_gateways_share_hosts_as_one_gateway_would(server: Serving) -> None:
    """The most specific listener of the port answers, whichever Gateway or ListenerSet declares it, and with 404 if need be."""
    port = free_port()
    with ExitStack() as stack:
        backends = {name: stack.enter_context(http_backend(name)) for name in ("wide", "narrow", "exact")}
        server.put("class", MERGED, *(service(name, backend.port) for name, backend in backends.items()))
        server.put(
            "wide", merged_gateway("wide", port, "*.test"), route("wide", to("wide"), hostnames=[], parents="- name: wide")
        )
        server.put("narrow", merged_gateway("narrow", port, "*.narrow.test"))
        listener = f"- {{name: exact, port: {port}, protocol: HTTP, hostname: exact.narrow.test}}"
        server.put("set", listener_set("exact", listener, parent="default/wide"))
        only = "- {matches: [{path: {value: /only}}], backendRefs: [{name: NAME, port: 80}]}"
        server.put("r1", route("narrow", only.replace("NAME", "narrow"), hostnames=[], parents="- name: narrow"))
        parents = "- {kind: ListenerSet, name: exact}"
        server.put("r2", route("exact", only.replace("NAME", "exact"), hostnames=[], parents=parents))
        server.start()
        expected = {
            ("x.test", "/"): "wide",
            ("x.narrow.test", "/only"): "narrow",
            ("x.narrow.test", "/"): "404",
            ("exact.narrow.test", "/only"): "exact",
            ("exact.narrow.test", "/"): "404",
        }
        assert expected == {(host, path): ask(port, host, path).chosen for host, path in expected}
        assert 1 == len(server.envoys())


MERGED = documents(
    GATEWAY_CLASS.replace("spec: {", "spec: {parametersRef: {PARAMETERS}, ").replace(
        "PARAMETERS", "group: gateway.envoyproxy.io, kind: EnvoyProxy, name: merged, namespace: default"
    ),
    """
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: merged, namespace: default}
spec: {mergeGateways: true}
""",
)


def merged_gateway(name: str, port: int, hostname: str) -> str:
    """A Gateway with one listener that takes ListenerSets."""
    made = gateway(name, f"- {{name: http, port: {port}, protocol: HTTP, hostname: '{hostname}'}}")
    return made.replace("  listeners:", "  allowedListeners: {namespaces: {from: All}}\n  listeners:")
