"""What an EnvoyProxy may change of the bootstrap, and what stays whatever it says."""

from typing import Any

import msgspec
import pytest

from gatewright.api.bootstrap_overrides import overridden
from gatewright.api.envoyproxy import ProxyBootstrap
from gatewright.api.json_patch import PatchRefused

DEFAULT: dict[str, Any] = {
    "admin": {"accessLog": [{"name": "file", "typedConfig": {"@type": "t", "path": "/dev/null"}}]},
    "layeredRuntime": {"layers": [{"name": "global", "staticLayer": {"re2.max_program_size.warn_level": 1000}}]},
    "dynamicResources": {"ldsConfig": {"ads": {}}},
    "staticResources": {
        "clusters": [{"name": "xds_cluster", "connectTimeout": "10s"}, {"name": "stats"}],
        "listeners": [{"name": "ready"}],
    },
}


def after(**overrides: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return overridden(DEFAULT, msgspec.convert(overrides, ProxyBootstrap))


def test_merged() -> None:
    """As protobufs are: objects field by field, lists one behind the other, an Any as one value; names in either case."""
    found = after(
        type="Merge",
        value="""
stats_flush_interval: 1s
admin: {access_log: [{name: other, typed_config: {"@type": u}}]}
layered_runtime: {layers: [{name: mine, static_layer: {someThing: {CamelCase: 1}}}]}
staticResources: {clusters: [{name: more, connectTimeout: 1s}]}
""",
    )

    assert "1s" == found["stats_flush_interval"]
    assert ["file", "other"] == [each["name"] for each in found["admin"]["access_log"]]
    assert ["xds_cluster", "stats", "more"] == [each["name"] for each in found["static_resources"]["clusters"]]
    assert {"someThing": {"CamelCase": 1}} == found["layered_runtime"]["layers"][1]["static_layer"]
    assert {"name": "more", "connect_timeout": "1s"} == found["static_resources"]["clusters"][2]


def test_replaced_but_for_the_way_to_the_control_plane() -> None:
    """A bootstrap written for Envoy Gateway names its own: ours stays in its place."""
    found = after(
        value="{dynamic_resources: {cds_config: {path: x}}, static_resources: {clusters: [{name: xds_cluster, type: EDS}]}}"
    )

    clusters = [{"name": "xds_cluster", "connect_timeout": "10s"}]
    assert {"dynamic_resources": {"lds_config": {"ads": {}}}, "static_resources": {"clusters": clusters}} == found


def test_patched() -> None:
    """By pointers and expressions, in the protobufs' own names of fields."""
    found = after(
        type="JSONPatch",
        jsonPatches=[
            {"op": "replace", "path": "/admin/access_log/0/typed_config/path", "value": "/dev/stdout"},
            {
                "op": "add",
                "jsonPath": "$.static_resources.clusters[?(@.name=='stats')]",
                "path": "/connect_timeout",
                "value": "2s",
            },
            {"op": "remove", "path": "/static_resources/listeners"},
            {"op": "remove", "path": "/dynamic_resources"},
        ],
    )

    assert "/dev/stdout" == found["admin"]["access_log"][0]["typed_config"]["path"]
    assert {"name": "stats", "connect_timeout": "2s"} == found["static_resources"]["clusters"][1]
    assert "listeners" not in found["static_resources"]
    assert {"lds_config": {"ads": {}}} == found["dynamic_resources"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"value": "a: ["}, "value is no YAML: "),
        ({"value": "- a"}, "value is no YAML object"),
        ({"value": "static_resources: {clusters: 1}"}, "static_resources.clusters is no list"),
        ({"type": "JSONPatch", "jsonPatches": [{"op": "remove", "path": ""}]}, "what is left is no object"),
    ],
)
def test_what_cannot_be_had(overrides: dict[str, Any], message: str) -> None:
    """The reason is for whoever wrote it."""
    with pytest.raises(PatchRefused) as refused:
        after(**overrides)

    assert str(refused.value).startswith(message)
