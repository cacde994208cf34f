"""Patches of finished objects, as `kubectl patch` would do them."""

from typing import Any

import pytest

from gatewright.api.workloads import KubernetesPatchSpec
from gatewright.fleet.kube.patch import PatchError, json_merge, patched, strategic_merge

POD: dict[str, Any] = {
    "containers": [
        {"name": "envoy", "image": "a", "args": ["1"], "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        {"name": "shutdown-manager", "image": "b"},
    ],
    "volumes": [{"name": "certs", "secret": {"secretName": "envoy"}}],
    "tolerations": [{"key": "a"}],
}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"containers": [{"name": "envoy", "image": "c"}]}, [{**POD["containers"][0], "image": "c"}, POD["containers"][1]]),
        ({"containers": [{"name": "new"}]}, [*POD["containers"], {"name": "new"}]),
        ({"containers": [{"name": "envoy", "$patch": "delete"}]}, [POD["containers"][1]]),
        ({"containers": [{"$patch": "replace"}, {"name": "only"}]}, [{"name": "only"}]),
        ({"containers": None}, None),
        (
            {"containers": [{"name": "envoy", "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}]},
            [
                {
                    **POD["containers"][0],
                    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
                },
                POD["containers"][1],
            ],
        ),
    ],
    ids=["merge", "add", "delete", "replace", "remove", "nested"],
)
def test_lists_with_a_key_are_merged(patch: dict[str, Any], expected: list[Any] | None) -> None:
    """By the name of a container or variable; the order of what is there stays."""
    assert expected == strategic_merge(POD, patch).get("containers")


def test_lists_without_a_key_are_replaced() -> None:
    """Arguments and tolerations have no identity."""
    assert [{"key": "b"}] == strategic_merge(POD, {"tolerations": [{"key": "b"}]})["tolerations"]
    assert ["2"] == strategic_merge(POD, {"containers": [{"name": "envoy", "args": ["2"]}]})["containers"][0]["args"]


def test_a_volume_can_change_its_source() -> None:
    """`$retainKeys` drops the fields that it does not name; without it a volume would have two sources."""
    patch = {"volumes": [{"name": "certs", "$retainKeys": ["name", "emptyDir"], "emptyDir": {}}]}

    assert [{"name": "certs", "emptyDir": {}}] == strategic_merge(POD, patch)["volumes"]


def test_directives_of_objects() -> None:
    """`$patch: replace` forgets what was there; `$deleteFromPrimitiveList` takes items out; the order is not ours to set."""
    document = {"labels": {"a": "1", "b": "2"}, "finalizers": ["x", "y"]}

    assert {"c": "3"} == strategic_merge(document, {"labels": {"$patch": "replace", "c": "3"}})["labels"]
    assert ["y"] == strategic_merge(document, {"$deleteFromPrimitiveList/finalizers": ["x"]})["finalizers"]
    assert ["x", "y", "z"] == strategic_merge(document, {"finalizers": ["z", "x"]})["finalizers"]
    assert document == strategic_merge(document, {"$setElementOrder/finalizers": ["y", "x"]})


def test_ports_of_a_service_are_merged_by_port_and_protocol() -> None:
    """53/TCP and 53/UDP are two ports; a patch that names no protocol means TCP."""
    ports = [{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]

    patched_ports = strategic_merge({"ports": ports}, {"ports": [{"port": 53, "nodePort": 30053}]})["ports"]
    assert [{"port": 53, "protocol": "TCP", "nodePort": 30053}, {"port": 53, "protocol": "UDP"}] == patched_ports


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_json_merge(document: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    """The examples of RFC 7386, appendix A, of which both are objects."""
    assert expected == json_merge(document, patch)


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (KubernetesPatchSpec(value=[]), "value is list, and must be an object"),
        (KubernetesPatchSpec(value={}, type="Replace"), "type 'Replace' is not supported"),
        (KubernetesPatchSpec(value={"containers": [{"image": "c"}]}), "an item of containers has no name"),
        (KubernetesPatchSpec(value={"a": {"$patch": "swap"}}), "'swap' is no directive"),
    ],
)
def test_what_cannot_be_applied_is_said(patch: KubernetesPatchSpec, message: str) -> None:
    """In words for whoever wrote the patch."""
    with pytest.raises(PatchError, match=message):
        patched({"containers": []}, patch)


def test_the_original_is_not_touched() -> None:
    """Documents are shared between turns."""
    before = repr(POD)
    strategic_merge(POD, {"containers": [{"name": "envoy", "env": [{"name": "A", "value": "9"}]}], "volumes": None})
    assert before == repr(POD)
