"""JSON Schemas for editors: they take what admission takes, and find most of what it refuses."""

import copy
import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest
from msgspec import inspect

from gatewright.api.admission import Admitted, admit
from gatewright.api.checks import fields_of, unwrapped
from gatewright.api.crds import leaves, schema_of
from gatewright.api.descriptions import described
from gatewright.api.kinds import ALL_KINDS, KINDS, Kind
from gatewright.api.rules import Channel
from gatewright.api.schemas import combined, files, schema_of_kind
from tests.api.samples import ABSENT, SAMPLES, changed
from tests.support.json_schema import complaints
from tests.support.mutations import Mutator

ALL: Final = json.loads(json.dumps(combined(ALL_KINDS, "experimental")))
MUTANTS: Final = 3000


@pytest.mark.parametrize("kind", SAMPLES)
def test_samples_are_good(kind: str) -> None:
    """Nothing is red in a sound document, neither by the schema of all kinds nor by that of its own."""
    own = next(schema_of_kind(each, "experimental") for each in ALL_KINDS if each.name == kind)

    assert [] == list(complaints(SAMPLES[kind], ALL))
    assert [] == list(complaints(SAMPLES[kind], own))


@pytest.mark.parametrize(
    ("kind", "changes", "complaint"),
    [
        ("HTTPRoute", {"kind": "HttpRoute"}, "kind: enum"),
        ("HTTPRoute", {"apiVersion": "gateway.networking.k8s.io/v1alpha2"}, "apiVersion: enum"),
        ("HTTPRoute", {"spec.hostname": "a.b"}, "spec.hostname: additionalProperties"),
        ("HTTPRoute", {"spec.hostnames": ["A.b"]}, "spec.hostnames[0]: pattern"),
        ("HTTPRoute", {"spec.hostnames": "a.b"}, "spec.hostnames: type"),
        ("HTTPRoute", {"spec.rules[0].matches[0].path.type": "Prefix"}, "spec.rules[0].matches[0].path.type: enum"),
        ("HTTPRoute", {"spec.rules[0].backendRefs[0].port": 0}, "spec.rules[0].backendRefs[0].port: minimum"),
        ("HTTPRoute", {"spec.rules[0].backendRefs[0].name": ABSENT}, "spec.rules[0].backendRefs[0]: required"),
        ("HTTPRoute", {"spec.rules[1].filters[0].requestRedirect.statusCode": 300}, "requestRedirect.statusCode: enum"),
        ("HTTPRoute", {"spec.rules[1].filters[0].type": "URLRewrite"}, "spec.rules[1].filters[0].type: const"),
        ("HTTPRoute", {"spec.rules[1].filters[0].requestRedirect": ABSENT}, "spec.rules[1].filters[0]: required"),
        ("HTTPRoute", {"spec.rules[0].retry.codes": [503, 503]}, "spec.rules[0].retry.codes: uniqueItems"),
        ("TCPRoute", {"spec.rules[1]": {"backendRefs": [{"name": "a", "port": 80}]}}, "spec.rules: maxItems"),
        ("Gateway", {"metadata.labels.team": 1}, "metadata.labels.team: type"),
    ],
)
def test_mistakes_are_red(kind: str, changes: dict[str, Any], complaint: str) -> None:
    """What people get wrong is found at its field, before anything is served."""
    found = list(complaints(changed(kind, changes), ALL))

    assert any(each.endswith(complaint) for each in found), found


def test_the_versions_of_a_kind_differ() -> None:
    """v1alpha2 of a TCPRoute may have several rules, v1 has one."""
    two = {"spec.rules[1]": {"backendRefs": [{"name": "a", "port": 80}]}, "apiVersion": "gateway.networking.k8s.io/v1alpha2"}

    assert [] == list(complaints(changed("TCPRoute", two), ALL))


def test_the_standard_channel_knows_less() -> None:
    """Neither its fields nor its kinds are those of experiments."""
    standard = combined(ALL_KINDS, "standard")

    assert "XBackend" not in standard["properties"]["kind"]["enum"]
    assert {"spec.rules[0].retry: additionalProperties", "spec.rules[0].sessionPersistence: additionalProperties"} <= set(
        complaints(SAMPLES["HTTPRoute"], standard)
    )


@pytest.mark.parametrize("channel", ["experimental", "standard"])
def test_never_stricter_than_admission(channel: Channel) -> None:
    """A red line is a document that would be refused; and most that would be refused have one."""
    schema, mutator, refused, found = combined(KINDS, channel), Mutator(1), 0, 0
    judged = {kind.name: schema_of(kind.struct) for kind in KINDS if kind.served(channel) and "spec" in SAMPLES[kind.name]}
    for number in range(MUTANTS):
        kind = list(judged)[number % len(judged)]
        document = _without_nulls(mutator.mutant(SAMPLES[kind], judged[kind]))
        is_red = any(complaints(document, schema))
        is_refused = not isinstance(admit(copy.deepcopy(document), channel), Admitted)
        assert is_refused or not is_red, (document, list(complaints(document, schema)))
        refused, found = refused + is_refused, found + (is_refused and is_red)

    assert found > 0.75 * refused


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


EXPLAINED: Final = tuple(kind for kind in KINDS if kind.group.startswith("gateway.networking"))


@pytest.mark.parametrize("kind", EXPLAINED, ids=lambda kind: kind.name)
def test_what_can_be_hovered_over_is_explained(kind: Kind) -> None:
    """Every field of the Gateway API has a description."""
    spec = schema_of(kind.struct)["properties"]["spec"]

    assert [] == [path for path, each in leaves(spec, "spec") if not path.endswith("[]") and not each.get("description")]


def test_descriptions_are_of_fields_that_there_are() -> None:
    """None is left over from a field that is gone or was never there."""
    there = {(base.__name__, name) for kind in EXPLAINED for base, name in _fields(kind.struct)}

    assert set() == {(struct, name) for struct, fields in described().items() for name in fields} - there


def _fields(struct: type[msgspec.Struct]) -> Iterator[tuple[type, str]]:
    for each in fields_of(struct):
        yield from ((base, each.name) for base in struct.__mro__)
        bare = unwrapped(each.type)[0]
        item = unwrapped(bare.item_type)[0] if isinstance(bare, inspect.VarTupleType) else bare
        if isinstance(item, inspect.StructType):
            yield from _fields(item.cls)


def test_files_are_named_as_tools_look_for_them() -> None:
    """A folder for a group, a file for a kind and version; and one file for all."""
    written = dict(files(ALL_KINDS, "standard"))

    assert {"all.json", "gateway.networking.k8s.io/httproute_v1beta1.json", "core/service_v1.json"} <= written.keys()
    assert "gateway.networking.k8s.io/tlsroute_v1alpha2.json" not in written
    assert [] == list(complaints(SAMPLES["HTTPRoute"] | {"spec": {}}, written["gateway.networking.k8s.io/httproute_v1.json"]))
