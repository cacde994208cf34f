"""Changes that users make to finished objects: strategic merge patches and JSON merge patches.

A strategic merge patch knows which lists of the Kubernetes API are maps by a key; all other lists are replaced. Sources: "Update
API Objects in Place Using kubectl patch", the community's strategic-merge-patch.md, and RFC 7386.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from gatewright.api.workloads import KubernetesPatchSpec

_MERGE_KEYS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "containers": ("name",),
        "initContainers": ("name",),
        "env": ("name",),
        "volumes": ("name",),
        "imagePullSecrets": ("name",),
        "resourceClaims": ("name",),
        "schedulingGates": ("name",),
        "volumeMounts": ("mountPath",),
        "volumeDevices": ("devicePath",),
        "ports": ("containerPort", "port"),  # of a container, of a Service
        "topologySpreadConstraints": ("topologyKey",),
        "hostAliases": ("ip",),
        "ownerReferences": ("uid",),
    }
)
_MERGED_SETS: Final = frozenset({"finalizers"})
_DIRECTIVE, _RETAIN, _ORDER, _DELETE = "$patch", "$retainKeys", "$setElementOrder/", "$deleteFromPrimitiveList/"


class PatchError(ValueError):
    """A patch that cannot be applied; the message is for whoever wrote it."""


def patched(document: dict[str, Any], patch: KubernetesPatchSpec | None) -> dict[str, Any]:
    """`document` as its patch wants it.

    Raises:
        PatchError: the patch has an unknown type, or its value is no object.
    """
    if patch is None:
        return document
    kind = patch.type or "StrategicMerge"
    if not isinstance(patch.value, dict):
        raise PatchError(f"value is {type(patch.value).__name__}, and must be an object")
    if kind == "StrategicMerge":
        return strategic_merge(document, patch.value)
    if kind == "JSONMerge":
        return json_merge(document, patch.value)
    raise PatchError(f"type {kind!r} is not supported; use StrategicMerge or JSONMerge")


def json_merge(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7386: objects are merged, null removes, all else replaces."""
    merged = dict(document)
    for name, wanted in patch.items():
        if wanted is None:
            merged.pop(name, None)
        elif isinstance(wanted, dict):
            found = merged.get(name)
            merged[name] = json_merge(found if isinstance(found, dict) else {}, wanted)
        else:
            merged[name] = wanted
    return merged


def strategic_merge(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The same, but lists of the Kubernetes API that have a key are merged by it.

    Raises:
        PatchError: an item of such a list lacks the key, or a directive is unknown.
    """
    directive = patch.get(_DIRECTIVE)
    if directive not in {None, "merge", "replace", "delete"}:
        raise PatchError(f"{_DIRECTIVE}: {directive!r} is no directive")
    if directive == "delete":
        return {}
    merged = {} if directive == "replace" else dict(document)
    retained = patch.get(_RETAIN)
    if isinstance(retained, list):
        merged = {name: value for name, value in merged.items() if name in retained}
    for name, wanted in patch.items():
        if name.startswith(_DELETE):
            _remove_items(merged, name.removeprefix(_DELETE), wanted)
        elif name not in {_DIRECTIVE, _RETAIN} and not name.startswith(_ORDER):
            _merge_field(merged, name, wanted)
    return merged


def _remove_items(merged: dict[str, Any], name: str, unwanted: object) -> None:
    if isinstance(unwanted, list) and isinstance(merged.get(name), list):
        merged[name] = [item for item in merged[name] if item not in unwanted]


def _merge_field(merged: dict[str, Any], name: str, wanted: Any) -> None:  # noqa: ANN401 - any value of JSON
    found = merged.get(name)
    if wanted is None:
        merged.pop(name, None)
    elif isinstance(wanted, dict):
        merged[name] = strategic_merge(found if isinstance(found, dict) else {}, wanted)
    elif isinstance(wanted, list) and name in _MERGE_KEYS:
        merged[name] = _merge_by_key(found if isinstance(found, list) else [], wanted, name)
    elif isinstance(wanted, list) and name in _MERGED_SETS and isinstance(found, list):
        merged[name] = [*found, *(item for item in wanted if item not in found)]
    else:
        merged[name] = wanted


def _merge_by_key(found: list[Any], wanted: list[Any], name: str) -> list[Any]:
    """Items with the key of one that is there are merged into it, others come last."""
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" and len(item) == 1 for item in wanted):
        return [item for item in wanted if item != {_DIRECTIVE: "replace"}]
    merged = {_identity(item, name): item for item in found}
    for item in wanted:
        identity = _identity(item, name)
        if item.get(_DIRECTIVE) == "delete":
            merged.pop(identity, None)
        else:
            merged[identity] = strategic_merge(merged.get(identity, {}), item)
    return list(merged.values())


def _identity(item: object, name: str) -> object:
    keys = _MERGE_KEYS[name]
    value = next((item[key] for key in keys if key in item), None) if isinstance(item, dict) else None
    if value is None:
        raise PatchError(f"an item of {name} has no {' or '.join(keys)}")
    return (value, item.get("protocol", "TCP")) if name == "ports" and isinstance(item, dict) else value
