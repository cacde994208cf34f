"""What an API server takes, what it refuses, and what it makes of what it takes."""

import json
import time
from typing import Any

import pytest

from gatewright.api.admission import Admitted, Problem, Refused, admit
from gatewright.api.gateway import Gateway, GatewayClass
from gatewright.api.httproute import HTTPPathMatch, HTTPRoute, HTTPRouteMatch, HTTPRouteRule
from gatewright.api.kinds import ALL_KINDS, by_gvk
from gatewright.api.meta import NamespacedName
from gatewright.api.rules import Channel
from tests.api.samples import ABSENT, SAMPLES, Document, changed


def refused(document: Document | bytes, channel: Channel = "experimental") -> dict[str, str]:
    """The problems of a document by their paths."""
    verdict = admit(document, channel, ALL_KINDS)
    assert isinstance(verdict, Refused), verdict
    return dict(verdict.problems)


def admitted(document: Document | bytes, channel: Channel = "experimental") -> Admitted:
    verdict = admit(document, channel, ALL_KINDS)
    assert isinstance(verdict, Admitted), verdict
    return verdict


@pytest.mark.parametrize("kind", SAMPLES)
def test_samples_are_good(kind: str) -> None:
    """A sound document of every kind is admitted, alike as a dictionary and as JSON."""
    assert admitted(SAMPLES[kind]) == admitted(json.dumps(SAMPLES[kind]).encode())


def test_every_kind_has_a_sample() -> None:
    """The tests here reach all kinds."""
    assert {kind.name for kind in ALL_KINDS} == set(SAMPLES)


def test_key_and_default_namespace() -> None:
    """An object without a namespace is of `default`; a cluster-scoped one is of none, even when it names one."""
    assert admitted(SAMPLES["HTTPRoute"]).key == NamespacedName("shop", "sample")
    assert admitted(SAMPLES["Gateway"]).key == NamespacedName("default", "sample")
    assert admitted(changed("GatewayClass", {"metadata.namespace": "shop"})).key == NamespacedName("", "sample")


def test_defaults_of_the_api() -> None:
    """A route without rules matches every path; a listener takes routes of its own namespace."""
    route = admitted(changed("HTTPRoute", {"spec": {}})).object
    gateway = admitted(SAMPLES["Gateway"]).object

    assert isinstance(route, HTTPRoute)
    assert (HTTPRouteRule(matches=(HTTPRouteMatch(path=HTTPPathMatch(type="PathPrefix", value="/")),)),) == route.spec.rules
    assert isinstance(gateway, Gateway)
    assert "Same" == gateway.spec.listeners[1].allowed_routes.namespaces.from_
    assert "Terminate" == getattr(gateway.spec.listeners[1].tls, "mode", None)


def test_status_is_dropped_and_never_judged() -> None:
    """A status, however odd, changes nothing; only a Service's is kept."""
    service = admitted(changed("Service", {"status.loadBalancer.ingress": [{"ip": "10.0.0.1"}]})).object

    assert admitted(SAMPLES["HTTPRoute"]) == admitted(changed("HTTPRoute", {"status": {"parents": 5}}))
    assert "10.0.0.1" == service.status.load_balancer.ingress[0].ip  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("HTTPRoute", "spec.rules[0].backendRefs[0].weight"),
        ("HTTPRoute", "spec.rules[2].matches"),
        ("HTTPRoute", "spec.parentRefs[0].group"),
        ("HTTPRoute", "spec.hostnames"),
        ("Gateway", "spec.listeners[0].allowedRoutes.namespaces.from"),
        ("Gateway", "metadata.labels"),
        ("Gateway", "metadata.labels.team"),
        ("Gateway", "spec.infrastructure.annotations.more"),
        ("Service", "spec.type"),
    ],
)
def test_null_is_absent(kind: str, field: str) -> None:
    """An explicit null of a field is as if it were not there, so a default applies."""
    without = ABSENT if changed(kind, {field: None}) != changed(kind, {}) and _has(kind, field) else None
    expected = admitted(changed(kind, {field: without}) if without is ABSENT else SAMPLES[kind])

    assert expected == admitted(changed(kind, {field: None}))


def _has(kind: str, field: str) -> bool:
    try:
        changed(kind, {field: ABSENT})
    except KeyError:
        return False
    return True


@pytest.mark.parametrize("address", ["10.0.0.1", "010.0.0.001", "::1", "::ffff:10.0.0.1"])
def test_addresses(address: str) -> None:
    """An API server reads numbers with zeros before them as the decimal numbers that they are."""
    admitted(changed("Gateway", {"spec.addresses[0].value": address}))


def test_null_in_a_list_is_refused() -> None:
    """A null item is of the wrong type, and a null of a required field is a missing one."""
    assert {"spec.hostnames[1]": "null is not a string"} == refused(changed("HTTPRoute", {"spec.hostnames[1]": None}))
    assert {"spec.gatewayClassName": "is required"} == refused(changed("Gateway", {"spec.gatewayClassName": None}))


def test_whole_floats_are_integers() -> None:
    """JSON has one kind of number: 1.0 is a weight and 1.5 is none. CEL has two: a field that rules ask for is no 80.0."""
    backend = "spec.rules[0].backendRefs[0]"
    assert admitted(SAMPLES["TCPRoute"]) == admitted(changed("TCPRoute", {f"{backend}.weight": 1.0}))
    assert {f"{backend}.weight": "1.5 is not an integer"} == refused(changed("TCPRoute", {f"{backend}.weight": 1.5}))
    assert {f"{backend}.port": "80.0 is not an integer"} == refused(changed("TCPRoute", {f"{backend}.port": 80.0}))


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"spec.rulez": []}, "spec.rulez", 'unknown field; did you mean "rules"? (known: hostnames, parentRefs, rules, '),
        ({"spec.hostnames": "a.b"}, "spec.hostnames", '"a.b" is not a list'),
        ({"spec.Hostnames": []}, "spec.Hostnames", 'unknown field; did you mean "hostnames"? (known: '),
        ({"spec.hostnames[0]": 10}, "spec.hostnames[0]", "10 is not a string; put it in quotes"),
        ({"spec.rules[0].backendRefs[0].port": "80"}, "spec.rules[0].backendRefs[0].port", "without quotes"),
        (
            {"spec.rules[0].filters[2].cors.allowCredentials": "true"},
            "spec.rules[0].filters[2].cors.allowCredentials",
            '"true" is not true or false; write it without quotes',
        ),
        (
            {"spec.rules[0].filters[2].cors.allowCredentials": []},
            "spec.rules[0].filters[2].cors.allowCredentials",
            "[] is not true or false",
        ),
        ({"spec.rules[0].matches[0].method": "get"}, "spec.rules[0].matches[0].method", 'did you mean "GET"?'),
        ({"spec.rules[0].matches[0].path": "/a"}, "spec.rules[0].matches[0].path", '"/a" is not an object'),
        ({"spec.rules[0].backendRefs[0].port": "80"}, "spec.rules[0].backendRefs[0].port", '"80" is not an integer'),
        ({"spec.rules[0].backendRefs[0].port": True}, "spec.rules[0].backendRefs[0].port", "true is not an integer"),
        ({"spec.rules[0].backendRefs[0].port": 0}, "spec.rules[0].backendRefs[0].port", "0 is too small: at least 1"),
        (
            {"spec.rules[0].backendRefs[0].weight": 1000001},
            "spec.rules[0].backendRefs[0].weight",
            "1000001 is too large: at most",
        ),
        ({"spec.rules[0].backendRefs[0].name": ABSENT}, "spec.rules[0].backendRefs[0].name", "is required"),
        (
            {"spec.rules[0].backendRefs[0].name": ""},
            "spec.rules[0].backendRefs[0].name",
            '"" is too short: at least 1 characters',
        ),
        ({"spec.hostnames": ["a.B"]}, "spec.hostnames[0]", r'"a.B" does not match ^(\*\.)?[a-z0-9]'),
        ({"spec.hostnames": ["a.b\n"]}, "spec.hostnames[0]", r'"a.b\n" does not match'),
        ({"spec.rules[0].name": "a" * 254}, "spec.rules[0].name", "is too long: at most 253 characters"),
        ({"spec.rules": []}, "spec.rules", "has 0 items, at least 1 must be there"),
        ({"spec.hostnames": ["a.b"] * 17}, "spec.hostnames", "has 17 items, at most 16 are allowed"),
        (
            {"spec.rules[0].matches[0].method": "get"},
            "spec.rules[0].matches[0].method",
            '"get" is not supported; one of "CONNECT",',
        ),
        (
            {"spec.rules[0].filters[2].cors.allowCredentials": "yes"},
            "spec.rules[0].filters[2].cors.allowCredentials",
            "not true or",
        ),
        (
            {"spec.rules[0].retry.codes": [500, 500]},
            "spec.rules[0].retry.codes[1]",
            "the same as item 0 has: 500; each may be there once",
        ),
        (
            {"spec.rules[0].matches[0].headers[1]": {"name": "x-user", "value": "b"}},
            "spec.rules[0].matches[0].headers[1]",
            'the same name as item 0 has: "x-user"; each may be there once',
        ),
        ({"spec": ABSENT}, "spec", "is required"),
        ({"more": 1}, "more", "unknown field (known: apiVersion, kind, metadata, spec, status)"),
    ],
)
def test_what_the_schema_refuses(changes: dict[str, Any], path: str, message: str) -> None:
    """A problem names the field, shows what stands there and says what may."""
    problems = refused(changed("HTTPRoute", changes))

    assert [path] == list(problems)
    assert message in problems[path]


def test_all_problems_are_collected() -> None:
    """A refused document is walked to its end, and rules are asked of every part that is sound."""
    changes = {
        "metadata.name": "Sample",
        "spec.hostnames": ["a b"],
        "spec.rules[0].matches[0].path.value": "no",
        "spec.rules[0].backendRefs[1].port": None,
        "spec.rules[1].filters[0].type": "Redirect",
        "spec.rules[2].name": "first",
        "spec.unknown": 1,
    }

    assert {
        "metadata.name",
        "spec.hostnames[0]",
        "spec.rules[0].matches[0].path",
        "spec.rules[0].backendRefs[1]",
        "spec.rules[1].filters[0].type",
        "spec.unknown",
    } <= set(refused(changed("HTTPRoute", changes)))


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"metadata": ABSENT}, "metadata", "is required"),
        ({"metadata.name": ABSENT}, "metadata.name", "is required"),
        ({"metadata.name": "a_b"}, "metadata.name", '"a_b" is no name: lower-case letters, digits'),
        ({"metadata.name": "a" * 254}, "metadata.name", "is no name"),
        ({"metadata.namespace": "a.b"}, "metadata.namespace", '"a.b" is no namespace'),
        ({"metadata.labels": {"a": "b c"}}, "metadata.labels[a]", '"b c" is no label'),
        ({"metadata.labels": {"a/b/c": ""}}, "metadata.labels", '"a/b/c" is no key'),
        ({"metadata.labels": {"a": 1}}, "metadata.labels[a]", "1 is not a string"),
        ({"metadata.annotations": {"/a": ""}}, "metadata.annotations", '"/a" is no key'),
        ({"metadata.annotations": {"a": "x" * 262144}}, "metadata.annotations", "is 262145 bytes long, at most 262144"),
        ({"metadata.lables": {}}, "metadata.lables", 'unknown field; did you mean "labels"?'),
    ],
)
def test_what_metadata_may_be(changes: dict[str, Any], path: str, message: str) -> None:
    """Names, namespaces, labels and annotations are what Kubernetes says."""
    problems = refused(changed("Gateway", changes))

    assert [path] == list(problems)
    assert message in problems[path]


def test_names_of_services_have_no_dots() -> None:
    """A Service's name is one DNS label, as it becomes a part of a host's name."""
    assert ["metadata.name"] == list(refused(changed("Service", {"metadata.name": "a.b"})))


@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        (b"{", "", "is not JSON"),
        (b"[]", "", "[] is not an object"),
        (b"[" * 100_000, "", "is nested too deep"),
        ({}, "apiVersion", "is required"),
        ({"apiVersion": 1, "kind": "Gateway"}, "apiVersion", "1 is not a string"),
        ({"apiVersion": "v1"}, "kind", "is required"),
        ({"apiVersion": "v1", "kind": "Gateway"}, "apiVersion", 'no kind Gateway; it is in "gateway.networking.k8s.io/v1"'),
        (
            {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HttpRoute"},
            "kind",
            'did you mean "HTTPRoute"? (known kinds: Backend,',
        ),
        ({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"}, "kind", "is not known; write an HTTPRoute instead (known"),
        (
            {"apiVersion": "gateway.networking.k8s.io/v2", "kind": "TLSRoute"},
            "apiVersion",
            'one of "gateway.networking.k8s.io/v1", ',
        ),
    ],
)
def test_documents_of_no_known_kind(document: Document | bytes, path: str, message: str) -> None:
    """What is no object, or of no kind or version that is served, is told what there is."""
    problems = refused(document)

    assert path in problems
    assert message in problems[path]


@pytest.mark.parametrize(
    ("kind", "changes", "path"),
    [
        ("HTTPRoute", {}, "spec.rules[0].retry"),
        ("HTTPRoute", {}, "spec.rules[0].sessionPersistence"),
        ("HTTPRoute", {}, "spec.rules[0].filters[3].externalAuth"),
        ("GRPCRoute", {"spec.useDefaultGateways": "All"}, "spec.useDefaultGateways"),
        ("Gateway", {"spec.defaultScope": "All"}, "spec.defaultScope"),
        ("UDPRoute", {}, "apiVersion"),
        ("BackendTLSPolicy", {"apiVersion": "gateway.networking.k8s.io/v1alpha3"}, "apiVersion"),
    ],
)
def test_the_standard_channel_has_no_experiments(kind: str, changes: dict[str, Any], path: str) -> None:
    """Fields and versions of the experimental channel are unknown to the standard one."""
    document = changed(kind, changes)

    admitted(document, "experimental")
    assert path in refused(document, "standard")


@pytest.mark.parametrize(
    "changes",
    [
        {"spec.rules[1].name": "first"},
        {"spec.rules[0].filters[0].requestHeaderModifier.add[0].value": "café"},
        {"spec.parentRefs": [{"name": "a", "sectionName": "b", "port": 80}, {"name": "a", "sectionName": "c"}]},
    ],
)
def test_the_standard_channel_is_laxer(changes: dict[str, Any]) -> None:
    """Three rules are the experimental channel's alone."""
    document = changed("GRPCRoute", changes)

    refused(document, "experimental")
    admitted(document, "standard")


@pytest.mark.parametrize(("version", "accepted"), [("v1", False), ("v1alpha3", False), ("v1alpha2", True)])
def test_rules_of_versions(version: str, accepted: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """The oldest version of TLSRoute needs no hostname and may have several rules."""
    rule = {"backendRefs": [{"name": "a", "port": 80}]}
    changes = {"apiVersion": f"gateway.networking.k8s.io/{version}", "spec.hostnames": ABSENT, "spec.rules": [rule, rule]}

    assert accepted == isinstance(admit(changed("TLSRoute", changes)), Admitted)


def test_header_values_of_direct_responses_are_free() -> None:
    """Envoy Gateway's own headers do not have the experimental channel's pattern."""
    admitted(changed("HTTPRouteFilter", {"spec.directResponse.header.set[0].value": "café"}))


def test_deep_nesting_is_a_problem() -> None:
    """A document that would overflow the decoder's stack is refused like any other."""
    document = b'{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"

    assert isinstance(admit(document), Refused)


def test_what_no_json_has_is_shown_too() -> None:
    """YAML knows keys and values that JSON does not; they are problems, not exceptions."""
    problems = refused({**SAMPLES["Gateway"], "spec": {("a",): {("b",): 1}, 5: 5}})

    assert "spec.5" in problems
    assert "spec.gatewayClassName" in problems


def test_configuration_files_are_no_objects() -> None:
    """An EnvoyGateway is known only to whom asks for it."""
    assert isinstance(admit(SAMPLES["EnvoyGateway"]), Refused)
    assert by_gvk("gateway.envoyproxy.io/v1alpha1", "EnvoyGateway") is None


def test_a_kind_is_found_by_each_of_its_versions() -> None:
    """All served versions lead to the one entry of a kind."""
    kind = by_gvk("gateway.networking.k8s.io/v1", "GatewayClass")

    assert kind is not None
    assert kind.struct is GatewayClass
    assert kind is by_gvk("gateway.networking.k8s.io/v1beta1", "GatewayClass")


def test_problems_read_as_one_line() -> None:
    """A problem prints as its field and what is wrong with it."""
    assert "spec.rules: is required" == str(Problem("spec.rules", "is required"))
    assert "is not JSON" == str(Problem("", "is not JSON"))


def test_admitting_is_cheap() -> None:
    """A thousand routes are admitted in well under half a second, so ten thousand do not hold a start up."""
    documents = [json.dumps(changed("HTTPRoute", {"metadata.name": f"route-{index}"})).encode() for index in range(1000)]
    admit(documents[0])

    start = time.process_time()
    verdicts = [admit(document) for document in documents]
    took = time.process_time() - start

    assert all(isinstance(verdict, Admitted) for verdict in verdicts)
    assert took < 0.5
