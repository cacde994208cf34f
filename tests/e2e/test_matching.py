"""HTTPRoute matches at the edge: which rule a request gets."""

from tests.e2e.edge import Edge
from tests.support.objects import route, to


def test_paths(edge: Edge) -> None:
    """Exact is the whole path, PathPrefix goes by whole segments, RegularExpression must match all of the path."""
    edge.server.apply(
        "paths",
        route(
            "paths",
            r"""
            - matches: [{path: {type: Exact, value: /exact}}]
              backendRefs: [{name: one, port: 80}]
            - matches: [{path: {type: PathPrefix, value: /prefix}}, {path: {value: /default-is-prefix/}}]
              backendRefs: [{name: two, port: 80}]
            - matches: [{path: {type: RegularExpression, value: '/regex/[0-9]+(/end)?'}}]
              backendRefs: [{name: three, port: 80}]
            """,
        ),
    )
    expected = {
        "/exact": "one",
        "/exact?query=1": "one",
        "/exact/": "404",
        "/Exact": "404",
        "/prefix": "two",
        "/prefix/": "two",
        "/prefix/below?query=1": "two",
        "/prefixed": "404",
        "/default-is-prefix": "two",
        "/default-is-prefix/below": "two",
        "/regex/12": "three",
        "/regex/12/end?query=1": "three",
        "/regex/": "404",
        "/regex/12/more": "404",
        "/": "404",
    }
    assert expected == {path: edge.chosen("paths.test", path) for path in expected}


def test_headers(edge: Edge) -> None:
    """All headers of a match must be there; names in any case; matches of one rule are alternatives."""
    edge.server.apply(
        "headers",
        route(
            "headers",
            """
            - matches:
              - headers: [{name: version, value: two}, {name: colour, value: blue}]
              - headers: [{name: either, value: 'yes'}]
              backendRefs: [{name: two, port: 80}]
            - matches: [{headers: [{name: Number, type: RegularExpression, value: '[0-9]+'}]}]
              backendRefs: [{name: three, port: 80}]
            """,
        ),
    )
    requests: dict[str, tuple[dict[str, str], str]] = {
        "both": ({"Version": "two", "COLOUR": "blue"}, "two"),
        "one of two": ({"version": "two"}, "404"),
        "another value": ({"version": "two", "colour": "Blue"}, "404"),
        "the other match": ({"either": "yes"}, "two"),
        "a whole number": ({"number": "17"}, "three"),
        "not a whole number": ({"number": "17a"}, "404"),
        "none": ({}, "404"),
    }
    expected = {name: chosen for name, (_, chosen) in requests.items()}
    assert expected == {name: edge.chosen("headers.test", headers=sent) for name, (sent, _) in requests.items()}


def test_query_parameters_and_methods(edge: Edge) -> None:
    """Names and values of query parameters are compared exactly or by expression; a method is one condition more."""
    edge.server.apply(
        "queries",
        route(
            "queries",
            """
            - matches: [{queryParams: [{name: animal, value: whale}]}]
              backendRefs: [{name: one, port: 80}]
            - matches: [{queryParams: [{name: size, type: RegularExpression, value: '[0-9]+'}, {name: unit, value: m}]}]
              backendRefs: [{name: two, port: 80}]
            - matches: [{method: DELETE, path: {value: /things}}]
              backendRefs: [{name: three, port: 80}]
            """,
        ),
    )
    expected = {
        "/?animal=whale": "one",
        "/?other=1&animal=whale": "one",
        "/?animal=Whale": "404",
        "/?Animal=whale": "404",
        "/?size=12&unit=m": "two",
        "/?size=12": "404",
        "/?size=1x&unit=m": "404",
        "/things": "404",
    }
    assert expected == {path: edge.chosen("queries.test", path) for path in expected}
    assert "three" == edge.chosen("queries.test", "/things/1", method="DELETE")


def test_precedence_within_a_route(edge: Edge) -> None:
    """Exact path, longer prefix, method, more headers, more query parameters; then the order of the rules. Written backwards."""
    edge.server.apply(
        "precedence",
        route(
            "precedence",
            """
            - backendRefs: [{name: missing, port: 80}]
            - matches: [{path: {value: /a}, queryParams: [{name: q, value: '1'}]}]
              filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: rule, value: query}]}}]
              backendRefs: [{name: one, port: 80}]
            - matches: [{path: {value: /a}, queryParams: [{name: q, value: '1'}]}]
              filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: rule, value: second}]}}]
              backendRefs: [{name: one, port: 80}]
            - matches: [{path: {value: /a}, headers: [{name: h, value: '1'}]}]
              filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: rule, value: header}]}}]
              backendRefs: [{name: one, port: 80}]
            - matches: [{path: {value: /a}, headers: [{name: h, value: '1'}, {name: i, value: '1'}]}]
              filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: rule, value: headers}]}}]
              backendRefs: [{name: one, port: 80}]
            - matches: [{path: {value: /a}, method: GET}]
              filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: rule, value: method}]}}]
              backendRefs: [{name: one, port: 80}]
            - matches: [{path: {value: /a/longer}}]
              filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: rule, value: longer}]}}]
              backendRefs: [{name: one, port: 80}]
            - matches: [{path: {type: Exact, value: /a}}]
              filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: rule, value: exact}]}}]
              backendRefs: [{name: one, port: 80}]
            """,
        ),
    )
    requests: list[tuple[str, str, dict[str, str], str]] = [
        ("GET", "/a?q=1", {"h": "1", "i": "1"}, "exact"),
        ("GET", "/a/longer/b?q=1", {"h": "1", "i": "1"}, "longer"),
        ("GET", "/a/b?q=1", {"h": "1", "i": "1"}, "method"),
        ("PUT", "/a/b?q=1", {"h": "1", "i": "1"}, "headers"),
        ("PUT", "/a/b?q=1", {"h": "1"}, "header"),
        ("PUT", "/a/b?q=1", {}, "query"),
    ]
    answers = [edge.ask("precedence.test", path, method=method, headers=sent) for method, path, sent, _ in requests]
    assert [rule for _, _, _, rule in requests] == [answer.headers.get("rule", answer.status) for answer in answers]
    assert 500 == edge.ask("precedence.test", "/b").status


def test_precedence_among_routes(edge: Edge) -> None:
    """Routes share a host: the more specific match wins wherever it stands; of equal ones the older, then the first by name."""
    rules = "- {{matches: [{{path: {{value: {path}}}}}], backendRefs: [{{name: {backend}, port: 80}}]}}"
    same = rules.format(path="/same", backend="one"), rules.format(path="/same", backend="two")
    hosts = ["among.test"]
    aged = "metadata: {creationTimestamp: '%s', name: "
    old, young = aged % "2020-01-01T00:00:00Z", aged % "2021-01-01T00:00:00Z"
    edge.server.apply(
        "among",
        route("b-first", same[0], hostnames=hosts),
        route("a-first", same[1], hostnames=hosts),
        route("a-young", rules.format(path="/aged", backend="one"), hostnames=hosts).replace("metadata: {name: ", young),
        route("b-old", rules.format(path="/aged", backend="two"), hostnames=hosts).replace("metadata: {name: ", old),
        route("a-wide", rules.format(path="/wide", backend="one"), hostnames=hosts),
        route("b-narrow", rules.format(path="/wide/narrow", backend="two"), hostnames=hosts),
    )
    expected = {"/same": "two", "/aged": "two", "/wide/x": "one", "/wide/narrow/x": "two"}
    assert expected == {path: edge.chosen("among.test", path) for path in expected}


def test_a_route_follows_its_file(edge: Edge) -> None:
    """Edited, a route answers anew; renamed or removed, its old host is a 404 at once."""
    one = route("following", to("one"))
    edge.server.apply("following", one)
    assert "one" == edge.chosen("following.test")
    edge.server.apply("following", one.replace("name: one", "name: two"))
    assert "two" == edge.chosen("following.test")
    edge.server.apply("following", one.replace("following.test", "followed.test"))
    assert ("404", "one") == (edge.chosen("following.test"), edge.chosen("followed.test"))
    edge.server.remove("following")
    assert "404" == edge.chosen("followed.test")
