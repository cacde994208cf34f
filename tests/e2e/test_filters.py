"""Filters at the edge: headers, redirects and rewrites, as the client and the backend see them."""

from urllib.parse import urlsplit

import pytest

from tests.e2e.edge import Edge
from tests.support.objects import route


def test_request_headers(edge: Edge) -> None:
    """What is set replaces, add appends, remove takes away, in any case; a backend's own filter acts after the rule's."""
    edge.server.apply(
        "requests",
        route(
            "requests",
            """
            - filters:
              - type: RequestHeaderModifier
                requestHeaderModifier:
                  set: [{name: X-Set, value: new}]
                  add: [{name: X-Add, value: second}]
                  remove: [x-remove]
              backendRefs:
              - name: one
                port: 80
                filters:
                - type: RequestHeaderModifier
                  requestHeaderModifier: {set: [{name: X-Backend-Set, value: one}]}
            """,
        ),
    )
    sent = {"x-set": "old", "x-add": "first", "X-Remove": "gone", "x-kept": "kept"}
    seen = edge.ask("requests.test", headers=sent).seen["headers"]
    expected = {"x-set": "new", "x-add": "first, second", "x-remove": None, "x-kept": "kept", "x-backend-set": "one"}
    assert expected == {name: seen.get(name) for name in expected}


def test_response_headers(edge: Edge) -> None:
    """The same towards the client."""
    edge.server.apply(
        "responses",
        route(
            "responses",
            """
            - filters:
              - type: ResponseHeaderModifier
                responseHeaderModifier:
                  set: [{name: X-Backend, value: hidden}]
                  add: [{name: X-Added, value: "yes"}]
                  remove: [Date]
              backendRefs: [{name: one, port: 80}]
            """,
        ),
    )
    headers = edge.ask("responses.test").headers
    assert ("hidden", "yes") == (headers["x-backend"], headers["x-added"])


PREFIXES = [  # prefix of the match, replacement, request, its path after it: the table of the Gateway API's HTTPPathModifier
    ("/foo", "/xyz", "/foo/bar", "/xyz/bar"),
    ("/foo/", "/xyz", "/foo/bar", "/xyz/bar"),
    ("/foo", "/xyz/", "/foo/bar", "/xyz/bar"),
    ("/foo/", "/xyz/", "/foo/bar", "/xyz/bar"),
    ("/foo", "/xyz", "/foo", "/xyz"),
    ("/foo/", "/xyz", "/foo/", "/xyz/"),
    ("/foo", "", "/foo/bar", "/bar"),
    ("/foo/", "", "/foo/bar", "/bar"),
    ("/foo", "", "/foo/", "/"),
    ("/foo", "", "/foo", "/"),
    ("/foo", "/", "/foo/bar", "/bar"),
    ("/foo", "/", "/foo/", "/"),
    ("/foo", "/", "/foo", "/"),
    ("/", "/xyz", "/bar", "/xyz/bar"),
    ("/foo", "/xyz", "/foo/bar?q=1", "/xyz/bar?q=1"),
]


def test_prefixes_are_replaced_in_redirects_and_rewrites(edge: Edge) -> None:
    """ReplacePrefixMatch goes by whole segments, whatever slashes the prefix and the replacement end in; queries stay."""
    texts = []
    for number, (prefix, replacement, _, _) in enumerate(PREFIXES):
        path = f"path: {{type: ReplacePrefixMatch, replacePrefixMatch: '{replacement}'}}"
        rules = {
            "redirect": f"filters: [{{type: RequestRedirect, requestRedirect: {{{path}}}}}]",
            "rewrite": f"filters: [{{type: URLRewrite, urlRewrite: {{{path}}}}}]\n  backendRefs: [{{name: one, port: 80}}]",
        }
        for kind, rule in rules.items():
            texts.append(route(f"{kind}-{number}", f"- matches: [{{path: {{value: '{prefix}'}}}}]\n  {rule}"))
    edge.server.apply("prefixes", *texts)
    asked = [(number, request) for number, (_, _, request, _) in enumerate(PREFIXES)]
    rewritten = [edge.ask(f"rewrite-{number}.test", request).seen["path"] for number, request in asked]
    assert [expected for *_, expected in PREFIXES] == rewritten
    redirected = [edge.ask(f"redirect-{number}.test", request).headers["location"] for number, request in asked]
    expected = [f"http://redirect-{number}.test:{edge.port}{path}" for number, (*_, path) in enumerate(PREFIXES)]
    assert expected == redirected
    edge.server.remove("prefixes")


@pytest.mark.parametrize(
    ("redirect", "status", "location"),
    [
        ("{}", 302, "http://{host}:{port}/path?q=1"),
        ("{statusCode: 301}", 301, "http://{host}:{port}/path?q=1"),
        ("{hostname: other.test}", 302, "http://other.test:{port}/path?q=1"),
        ("{scheme: https}", 302, "https://{host}:443/path?q=1"),
        ("{scheme: http}", 302, "http://{host}:80/path?q=1"),
        ("{scheme: https, port: 8443}", 302, "https://{host}:8443/path?q=1"),
        ("{port: 80}", 302, "http://{host}:80/path?q=1"),
        ("{port: 8080}", 302, "http://{host}:8080/path?q=1"),
        ("{path: {type: ReplaceFullPath, replaceFullPath: /full}}", 302, "http://{host}:{port}/full?q=1"),
        ("{statusCode: 308, scheme: https, hostname: o.test}", 308, "https://o.test:443/path?q=1"),
    ],
)
def test_redirects(edge: Edge, redirect: str, status: int, location: str) -> None:
    """Without a port, a redirect goes to the well-known port of its scheme, or without a scheme to the listener's own port.

    It does so whether the client's Host names the port, as browsers do, or not. A well-known port may be left out.
    """
    edge.server.apply("redirected", route("redirected", f"- filters: [{{type: RequestRedirect, requestRedirect: {redirect}}}]"))
    expected = location.format(host="redirected.test", port=edge.port)
    for host in ("redirected.test", f"redirected.test:{edge.port}"):
        answer = edge.ask(host, "/path?q=1")
        assert (status, expected) == (answer.status, with_port(answer.headers["location"]))


def with_port(url: str) -> str:
    """The same URL with its port, if it leaves the well-known one out."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return parts._replace(netloc=f"{parts.hostname}:{port}").geturl()


def test_rewrites(edge: Edge) -> None:
    """The backend sees another path and host; the client's host is told in x-forwarded-host or the like, not lost."""
    edge.server.apply(
        "rewritten",
        route(
            "rewritten",
            """
            - matches: [{path: {value: /full}}]
              filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /new}}}]
              backendRefs: [{name: one, port: 80}]
            - matches: [{path: {value: /host}}]
              filters: [{type: URLRewrite, urlRewrite: {hostname: inner.example}}]
              backendRefs: [{name: one, port: 80}]
            """,
        ),
    )
    full, host = edge.ask("rewritten.test", "/full/path?q=1").seen, edge.ask("rewritten.test", "/host/path").seen
    assert [("/new?q=1", "rewritten.test"), ("/host/path", "inner.example")] == [
        (seen["path"], seen["host"]) for seen in (full, host)
    ]
