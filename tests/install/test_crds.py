"""CustomResourceDefinitions: structural, with the rules of the models, and true to them."""

from collections.abc import Iterator
from typing import Any

import pytest

from gatewright.api.checks import Terms, fields_of, rules_of
from gatewright.api.crds import Schema, crd, extension_crds, leaves, schema_of
from gatewright.api.kinds import by_gvk
from gatewright.api.references import SecretObjectReference
from gatewright.api.workloads import EnvoyProxyKubernetesProvider, KubernetesServiceSpec, ResourceRequirements

KINDS = ("EnvoyProxy", "Backend", "HTTPRouteFilter")


def schema(kind: str) -> Schema:
    found = by_gvk("gateway.envoyproxy.io/v1alpha1", kind)
    assert found is not None
    whole: Schema = crd(found)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return whole


def field(kind: str, path: str) -> Schema:
    return dict(leaves(schema(kind)))[path]


def test_all_extension_kinds_have_one() -> None:
    """Under the names that users know."""
    assert [
        ("envoyproxies.gateway.envoyproxy.io", ["eproxy"]),
        ("backends.gateway.envoyproxy.io", ["be"]),
        ("httproutefilters.gateway.envoyproxy.io", ["hrf"]),
    ] == [(each["metadata"]["name"], each["spec"]["names"]["shortNames"]) for each in extension_crds()]


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_structural(kind: str) -> None:
    """Every field has a type, or says that it takes anything: an API server asks for that."""
    for path, each in leaves(schema(kind)):
        known = {"type", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"} & set(each)
        assert known, path
        assert not ({"properties", "additionalProperties"} <= set(each)), path
        assert "items" in each or each.get("type") != "array", path


def test_types_limits_and_patterns() -> None:
    """As the models have them, patterns as RE2 reads them."""
    assert {"type": "integer", "format": "int32", "minimum": 0, "maximum": 65535} == field("Backend", "spec.endpoints[].ip.port")
    hostname = field("Backend", "spec.endpoints[].fqdn.hostname")
    assert (1, 253) == (hostname["minLength"], hostname["maxLength"])
    assert hostname["pattern"].endswith("$")
    endpoints = field("Backend", "spec.endpoints")
    assert {"array"} == {endpoints["type"]}
    assert "x-kubernetes-validations" in field("Backend", "spec.endpoints[]")


def test_quantities_are_numbers_or_texts() -> None:
    """Kubernetes' own way to say it."""
    limits = schema_of(ResourceRequirements)["properties"]["limits"]["additionalProperties"]

    assert limits["x-kubernetes-int-or-string"]
    assert [{"type": "integer"}, {"type": "string"}] == limits["anyOf"]
    assert limits["pattern"].startswith("^(\\+|-)?")


def test_defaults_that_rules_ask_for_are_filled_in() -> None:
    """A rule that says `self.type == 'LoadBalancer'` needs the default; an absent flag stays absent."""
    service = schema_of(KubernetesServiceSpec)["properties"]

    assert ("LoadBalancer", "Local") == (service["type"]["default"], service["externalTrafficPolicy"]["default"])
    assert "default" not in schema_of(EnvoyProxyKubernetesProvider)["properties"]["useListenerPortAsContainerPort"]
    assert "Secret" == schema_of(SecretObjectReference)["properties"]["kind"]["default"]


def _rules(struct: type, terms: Terms) -> Iterator[Any]:
    yield from rules_of(struct, terms)


@pytest.mark.parametrize("struct", [KubernetesServiceSpec, EnvoyProxyKubernetesProvider, SecretObjectReference])
def test_rules_stand_where_they_hold(struct: type) -> None:
    """Those of a struct at its schema, those about one field at that field's."""
    found = schema_of(struct)
    names = {each.attribute: each.name for each in fields_of(struct)}
    for rule in _rules(struct, Terms("experimental", "v1alpha1")):
        at = found["properties"][names[rule.field]] if rule.field else found
        assert {"message": rule.message, "rule": rule.cel} in at["x-kubernetes-validations"]


def test_named_objects_are_required_to_be_so_by_their_schema() -> None:
    """CEL does not see fields of an object that takes anything, so no rule may speak of them."""
    volumes = field("EnvoyProxy", "spec.provider.kubernetes.envoyDeployment.pod.volumes")

    assert ["name"] == volumes["items"]["required"]
    assert "x-kubernetes-validations" not in volumes
