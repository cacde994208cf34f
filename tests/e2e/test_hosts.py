"""Hostnames, listeners and namespaces at the edge: which route a request gets to, and which routes a listener takes."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.e2e.edge import Edge
from tests.support.backends import http_backend
from tests.support.clients import answers, ask
from tests.support.objects import GATEWAY_CLASS, gateway, route, service, to
from tests.support.ports import free_port
from tests.support.serving import Serving, serving, summary


def test_the_most_specific_host_wins(edge: Edge) -> None:
    """An exact host, then the longest wildcard, then routes for any host; a wildcard stands for one label or more."""
    edge.server.apply(
        "hosts",
        route("any", to("three"), hostnames=[]),
        route("wild", to("one"), hostnames=["*.wild.test"]),
        route("wilder", to("two"), hostnames=["*.more.wild.test"]),
        route("exact", to("one"), hostnames=["exact.more.wild.test", "upper.wild.test"]),
    )
    expected = {
        "a.wild.test": "one",
        "a.b.wild.test": "one",
        "a.more.wild.test": "two",
        "exact.more.wild.test": "one",
        "wild.test": "three",
        "UPPER.Wild.Test": "one",
        f"a.more.wild.test:{edge.port}": "two",
        "elsewhere.org": "three",
    }
    try:
        assert expected == {host: edge.chosen(host) for host in expected}
    finally:
        edge.server.remove("hosts")


def test_a_more_specific_host_without_a_matching_rule_is_not_found(edge: Edge) -> None:
    """Who matches the host answers, with 404 if need be: a less specific host is not tried after it."""
    edge.server.apply(
        "narrow",
        route("narrow-wild", to("one"), hostnames=["*.narrow.test"]),
        route(
            "narrow-exact",
            "- {matches: [{path: {value: /only}}], backendRefs: [{name: two, port: 80}]}",
            hostnames=["www.narrow.test"],
        ),
    )
    assert ["two", "404", "one"] == [
        edge.chosen("www.narrow.test", "/only"),
        edge.chosen("www.narrow.test", "/else"),
        edge.chosen("else.narrow.test", "/else"),
    ]


class Listeners:
    """A Gateway with several listeners on two ports, and backends in the namespaces `default` and `guests`."""

    def __init__(self, server: Serving, ports: Mapping[str, int]) -> None:
        self.server = server
        self.ports = ports

    def chosen(self, port: str, host: str) -> str:
        """The backend that answers on a port; else the status."""
        return ask(self.ports[port], host).chosen


@pytest.fixture(scope="module")
def listeners() -> Iterator[Listeners]:
    with ExitStack() as stack:
        backends = {name: stack.enter_context(http_backend(name)) for name in ("one", "two", "guest")}
        server = stack.enter_context(serving())
        ports = {"main": free_port(), "other": free_port()}
        server.put(
            "gateway",
            GATEWAY_CLASS,
            gateway(
                "halls",
                f"""
                - {{name: any, protocol: HTTP, port: {ports["main"]}}}
                - name: wild
                  protocol: HTTP
                  port: {ports["main"]}
                  hostname: "*.hall.test"
                  allowedRoutes: {{namespaces: {{from: All}}}}
                - {{name: exact, protocol: HTTP, port: {ports["main"]}, hostname: www.hall.test}}
                - name: selected
                  protocol: HTTP
                  port: {ports["other"]}
                  allowedRoutes:
                    namespaces: {{from: Selector, selector: {{matchLabels: {{welcome: "yes"}}}}}}
                """,
            ),
            *(service(name, backends[name].port) for name in ("one", "two")),
            service("guest", backends["guest"].port, namespace="guests"),
            route("base", to("one"), hostnames=["base.test"], parents="- {name: halls, sectionName: any}"),
        )
        server.start()
        yield Listeners(server, ports)


def test_listener_isolation(listeners: Listeners) -> None:
    """Of the listeners on a port the one with the most specific host answers, with 404 if it has no route for the request."""
    listeners.server.apply(
        "isolated",
        route("isolated-any", to("one"), hostnames=[], parents="- {name: halls, sectionName: any}"),
        route("isolated-wild", to("two"), hostnames=["a.hall.test"], parents="- {name: halls, sectionName: wild}"),
    )
    try:
        expected = {"outside.test": "one", "a.hall.test": "two", "b.hall.test": "404", "www.hall.test": "404", "hall.test": "one"}
        assert expected == {host: listeners.chosen("main", host) for host in expected}
    finally:
        listeners.server.remove("isolated")


def test_hosts_of_route_and_listener_meet(listeners: Listeners) -> None:
    """A route serves what its hosts and the listener's have in common; with nothing in common it is not accepted."""
    listeners.server.apply(
        "meeting",
        route("no-host", to("one"), hostnames=[], parents="- {name: halls, sectionName: exact}"),
        route("wild-host", to("two"), hostnames=["*.test", "*.a.hall.test"], parents="- {name: halls, sectionName: wild}"),
        route("apart", to("two"), hostnames=["other.test"], parents="- {name: halls, sectionName: wild}"),
    )
    try:
        expected = {
            "www.hall.test": "one",
            "x.hall.test": "two",
            "y.a.hall.test": "two",
            "x.other.test": "404",
            "other.test": "404",
        }
        assert expected == {host: listeners.chosen("main", host) for host in expected}
        assert "-NoMatchingListenerHostname" == listeners.server.conditions("apart")["Accepted"]
    finally:
        listeners.server.remove("meeting")


def test_parents_by_section_and_port(listeners: Listeners) -> None:
    """A parentRef's sectionName and port choose listeners; none chosen is NoMatchingParent."""
    listeners.server.apply(
        "chosen",
        route("by-port", to("one"), hostnames=[], parents=f"- {{name: halls, port: {listeners.ports['main']}}}"),
        route("by-wrong-port", to("two"), hostnames=["wrong.test"], parents="- {name: halls, port: 1}"),
        route("by-wrong-name", to("two"), hostnames=["wrong.test"], parents="- {name: halls, sectionName: cellar}"),
    )
    try:
        expected = {"main": "one", "other": "404"}
        assert expected == {port: listeners.chosen(port, "wrong.test") for port in expected}
        reasons = [listeners.server.conditions(name)["Accepted"] for name in ("by-port", "by-wrong-port", "by-wrong-name")]
        assert ["Accepted", "-NoMatchingParent", "-NoMatchingParent"] == reasons
    finally:
        listeners.server.remove("chosen")


def guest_route(name: str, section: str, host: str) -> str:
    return route(
        name,
        to("guest"),
        hostnames=[host],
        parents=f"- {{name: halls, namespace: default, sectionName: {section}}}",
        namespace="guests",
    )


def test_namespaces_that_a_listener_allows(listeners: Listeners) -> None:
    """Same is the default, All takes every namespace, Selector goes by the labels of the Namespace object, as they change."""
    labelled = "apiVersion: v1\nkind: Namespace\nmetadata: {name: guests, labels: {welcome: '%s'}}\n"
    listeners.server.apply(
        "guests",
        guest_route("same", "any", "guest.test"),
        guest_route("all", "wild", "guest.hall.test"),
        guest_route("selected", "selected", "guest.test"),
        labelled % "no",
    )

    def served() -> list[str]:
        asked = [("main", "guest.test"), ("main", "guest.hall.test"), ("other", "guest.test")]
        return [listeners.chosen(port, host) for port, host in asked]

    def accepted() -> list[str]:
        return [listeners.server.conditions(name, "guests")["Accepted"] for name in ("same", "all", "selected")]

    assert ["404", "guest", "404"] == served()
    assert ["-NotAllowedByListeners", "Accepted", "-NotAllowedByListeners"] == accepted()
    listeners.server.apply("welcome", labelled % "yes")  # the first file still holds the name: a duplicate does not count
    assert ["404", "guest", "404"] == served()
    listeners.server.remove("welcome")
    listeners.server.apply("guests", guest_route("selected", "selected", "guest.test"), labelled % "yes")
    assert "guest" == listeners.chosen("other", "guest.test")
    listeners.server.remove("guests")
    assert "404" == listeners.chosen("other", "guest.test")


def test_one_host_on_two_gateways(listeners: Listeners) -> None:
    """A route with two parents is served by both, and told of each."""
    port = free_port()
    listeners.server.apply(
        "second",
        gateway("second", f"- {{name: http, protocol: HTTP, port: {port}}}"),
        route("both", to("one"), hostnames=["both.test"], parents="- {name: halls, sectionName: any}\n- {name: second}"),
    )
    try:
        assert "one" == listeners.chosen("main", "both.test")
        assert "one" == answers(lambda: ask(port, "both.test"), 200).backend
        parents = listeners.server.status("HTTPRoute", "both")["parents"]
        expected = [("halls", "Accepted"), ("second", "Accepted")]
        assert expected == [(each["parentRef"]["name"], summary(each["conditions"])["Accepted"]) for each in parents]
    finally:
        listeners.server.remove("second")
