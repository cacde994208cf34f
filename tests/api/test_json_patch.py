"""JSON Patch and JSONPath: places, operations, and what is said of those that cannot be done."""

from typing import Any

import msgspec
import pytest

from gatewright.api.envoyproxy import JSONPatchOperation
from gatewright.api.json_patch import PatchRefused, found_by, patched

DOCUMENT: dict[str, Any] = {
    "admin": {"port": 1},
    "clusters": [{"name": "a", "tls": {"on": True}}, {"name": "b", "weight": 2}, {"name": "x/y~z"}],
}


def after(*operations: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    return patched(DOCUMENT, msgspec.convert(list(operations), list[JSONPatchOperation]))


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/admin/host", "value": "h"}, {"admin": {"port": 1, "host": "h"}}),
        ({"op": "add", "path": "/admin/port", "value": 2}, {"admin": {"port": 2}}),
        ({"op": "remove", "path": "/admin/port"}, {"admin": {}}),
        ({"op": "replace", "path": "/admin", "value": 3}, {"admin": 3}),
        ({"op": "copy", "from": "/clusters/1/weight", "path": "/admin/port"}, {"admin": {"port": 2}}),
        ({"op": "test", "path": "/admin/port", "value": 1}, {}),
        ({"op": "remove", "path": "/clusters"}, {"clusters": None}),
    ],
)
def test_operations(operation: dict[str, Any], expected: dict[str, Any]) -> None:
    """Those of RFC 6902, on objects."""
    wanted = {name: value for name, value in {**DOCUMENT, **expected}.items() if value is not None}

    assert wanted == after(operation)


def test_lists() -> None:
    """An item is put before the one at its index, or last; moving takes it away first."""
    found = after(
        {"op": "add", "path": "/clusters/0", "value": 0},
        {"op": "add", "path": "/clusters/-", "value": 9},
        {"op": "remove", "path": "/clusters/2"},
        {"op": "move", "from": "/clusters/0", "path": "/clusters/-"},
    )

    assert [{"name": "a", "tls": {"on": True}}, {"name": "x/y~z"}, 9, 0] == found["clusters"]


def test_nothing_is_changed_in_place() -> None:
    """The document stays what it was, and a value that is put in twice is two."""
    value: list[int] = []
    found = after({"op": "add", "path": "/a", "value": value}, {"op": "add", "path": "/b", "value": value})
    found["a"].append(1)

    assert [] == found["b"]
    assert "a" not in DOCUMENT


@pytest.mark.parametrize(
    ("expression", "places"),
    [
        ("$.admin.port", ["admin/port"]),
        ("admin", ["admin"]),
        ("$", [""]),
        ("$['admin']", ["admin"]),
        ("$.clusters[1]", ["clusters/1"]),
        ("$.clusters[*].name", ["clusters/0/name", "clusters/1/name", "clusters/2/name"]),
        ("$.*", ["admin", "clusters"]),
        ("$..on", ["clusters/0/tls/on"]),
        ("$..name", ["clusters/0/name", "clusters/1/name", "clusters/2/name"]),
        ("$.clusters[?(@.name=='b')]", ["clusters/1"]),
        ('$.clusters[?(@.name == "x/y~z")].name', ["clusters/2/name"]),
        ("$.clusters[?@.weight==2]", ["clusters/1"]),
        ("$.clusters[?(@.tls.on==true)]", ["clusters/0"]),
        ("$.clusters[?(@.name=='none')]", []),
    ],
)
def test_expressions(expression: str, places: list[str]) -> None:
    """What they find, in the document's order."""
    assert places == ["/".join(map(str, place)) for place in found_by(DOCUMENT, expression)]


def test_an_operation_at_every_place_that_is_found() -> None:
    """With the path below each."""
    found = after({"op": "add", "jsonPath": "$.clusters[*]", "path": "/seen", "value": True})

    assert [True] * 3 == [each["seen"] for each in found["clusters"]]


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"op": "remove", "path": "/none"}, "[0] remove /none: there is no 'none'"),
        ({"op": "replace", "path": "/clusters/7", "value": 1}, "[0] replace /clusters/7: there is no '7'"),
        ({"op": "add", "path": "/clusters/9", "value": 1}, "[0] add /clusters/9: nothing can be added at '9'"),
        ({"op": "add", "path": "admin", "value": 1}, "[0] add admin: 'admin' is no JSON pointer: it does not begin with /"),
        ({"op": "test", "path": "/admin/port", "value": 5}, "[0] test /admin/port: the value there is another one"),
        ({"op": "add", "value": 1}, "[0] add : it needs a path, or a jsonPath"),
        ({"op": "remove", "jsonPath": "$.none"}, "[0] remove $.none: jsonPath $.none finds nothing"),
        ({"op": "remove", "jsonPath": "$.a[(]"}, "[0] remove $.a[(]: jsonPath $.a[(] cannot be understood from '[(]' on"),
    ],
)
def test_what_cannot_be_done(operation: dict[str, Any], message: str) -> None:
    """The operation and the reason are named."""
    with pytest.raises(PatchRefused) as refused:
        after(operation)

    assert message == str(refused.value)
