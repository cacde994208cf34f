"""Filters of single backends: each acts on the requests that its backend gets, and the weights hold."""

from collections import Counter

from tests.e2e.edge import Edge
from tests.support.objects import route
from tests.support.waiting import eventually

RULES = """
- matches: [{path: {value: /paths}}]
  filters:
  - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-rule, value: "yes"}, {name: x-both, value: rule}]}}
  backendRefs:
  - name: one
    port: 80
    weight: 1
    filters:
    - {type: URLRewrite, urlRewrite: {hostname: one.example.com, path: {type: ReplacePrefixMatch, replacePrefixMatch: /first}}}
    - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-both, value: one}]}}
  - name: two
    port: 80
    weight: 3
    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /second}}}]
- matches: [{path: {value: /redirected}}]
  backendRefs:
  - name: one
    port: 80
    filters:
    - {type: RequestRedirect, requestRedirect: {statusCode: 307, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}
  - {name: two, port: 80}
  - {name: nobody, port: 80}
- matches: [{path: {value: /mirrored}}]
  backendRefs:
  - {name: one, port: 80, filters: [{type: RequestMirror, requestMirror: {backendRef: {name: three, port: 80}}}]}
  - {name: two, port: 80}
- matches: [{path: {value: /headers}}]
  filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-both, value: rule}]}}]
  backendRefs:
  - name: one
    port: 80
    filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-both, value: one}]}}]
  - {name: two, port: 80}
"""


def test_every_backend_has_its_own_path(edge: Edge) -> None:
    """Two backends of one rule rewrite paths each in its way, at a weight of 1 to 3, after the filters of the rule."""
    edge.server.apply("own-filters", route("own-filters", RULES))
    answers = [edge.ask("own-filters.test", "/paths/x?q=1").seen for _ in range(400)]

    seen = {(a["backend"], a["path"], a["host"], a["headers"]["x-rule"], a["headers"]["x-both"]) for a in answers}
    assert {
        ("one", "/first/x?q=1", "one.example.com", "yes", "one"),
        ("two", "/second?q=1", "own-filters.test", "yes", "rule"),
    } == seen
    assert 55 <= [a["backend"] for a in answers].count("one") <= 150


def test_a_backend_can_be_a_redirect(edge: Edge) -> None:
    """A share of the requests is redirected, one is served, and one fails for its backend is not there."""
    edge.server.apply("own-filters", route("own-filters", RULES))
    answers = [edge.ask("own-filters.test", "/redirected/x") for _ in range(300)]

    shares = Counter(answer.status for answer in answers)
    assert {200, 307, 500} == shares.keys()
    assert all(60 <= share <= 140 for share in shares.values())
    locations = {answer.headers["location"] for answer in answers if answer.status == 307}
    assert {f"http://own-filters.test:{edge.port}/new/x"} == locations


def test_a_mirror_sees_what_its_backend_gets(edge: Edge) -> None:
    edge.server.apply("own-filters", route("own-filters", RULES))
    edge.backends["three"].seen.clear()

    chosen = Counter(edge.chosen("own-filters.test", f"/mirrored/{number}") for number in range(60))

    assert 10 < chosen["one"] < 50
    mirrored = eventually(lambda: {seen.path for seen in edge.backends["three"].seen}, lambda paths: len(paths) >= chosen["one"])
    assert chosen["one"] == len(mirrored)


def test_a_backend_has_the_last_word_on_headers(edge: Edge) -> None:
    edge.server.apply("own-filters", route("own-filters", RULES))
    seen = {(a["backend"], a["headers"]["x-both"]) for a in (edge.ask("own-filters.test", "/headers").seen for _ in range(40))}

    assert {("one", "one"), ("two", "rule")} == seen
