"""What an EnvoyProxy changes of the configuration that Envoy is started with: replaced, merged, or patched.

Field names are those of the protobufs (`static_resources`), as Envoy Gateway has them; camelCase is understood, too. How a proxy
finds its control plane stays as it is whatever is written: a proxy that nobody reaches is of no use.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import yaml

from gatewright.api.envoyproxy import ProxyBootstrap
from gatewright.api.json_patch import PatchRefused, patched

Json = Any

FIXED: Final = ("dynamic_resources",)
XDS_CLUSTER: Final = "xds_cluster"
_OPEN: Final = frozenset({"static_layer", "filter_metadata", "typed_filter_metadata", "metadata", "fields"})
"""Fields below which names are the user's own."""
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")


def overridden(default: Mapping[str, Json], overrides: ProxyBootstrap, fixed: Collection[str] = FIXED) -> dict[str, Json]:
    """The bootstrap `default` (in either case of names) with `overrides`; top-level fields that are `fixed` stay.

    Raises: PatchRefused, with a message for whoever wrote the overrides.
    """
    ours: dict[str, Json] = snake(default)
    if overrides.type == "JSONPatch":
        theirs = patched(ours, overrides.json_patches)
    else:
        written = _parsed(overrides.value or "")
        theirs = written if overrides.type == "Replace" else _merged(ours, written)
    if not isinstance(theirs, dict):
        raise PatchRefused("what is left is no object")
    return _kept(ours, theirs, fixed)


def _parsed(text: str) -> dict[str, Json]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PatchRefused(f"value is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise PatchRefused("value is no YAML object")
    parsed: dict[str, Json] = snake(found)
    return parsed


def snake(value: Json, *, names: bool = True) -> Json:
    """A copy with the protobufs' own names of fields."""
    if isinstance(value, Mapping):
        return {
            (named := _snake(str(key)) if names else key): snake(each, names=names and named not in _OPEN)
            for key, each in value.items()
        }
    return [snake(each, names=names) for each in value] if isinstance(value, list | tuple) else value


def _snake(name: str) -> str:
    return _CAMEL.sub(r"_\1", name).lower() if name.isalnum() else name


def _merged(ours: Json, theirs: Json) -> Json:
    """As protobufs are merged: messages field by field, lists one behind the other, all else is replaced; an Any is one value."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and "@type" not in theirs:
        return {**ours, **{name: _merged(ours[name], value) if name in ours else value for name, value in theirs.items()}}
    return [*ours, *theirs] if isinstance(ours, list) and isinstance(theirs, list) else theirs


def _kept(ours: dict[str, Json], theirs: dict[str, Json], fixed: Collection[str]) -> dict[str, Json]:
    resources = theirs.get("static_resources") or {}
    clusters = resources.get("clusters") if isinstance(resources, dict) else None
    if not isinstance(resources, dict) or not isinstance(clusters or [], list):
        raise PatchRefused("static_resources.clusters is no list")
    found = [each for each in ours["static_resources"]["clusters"] if each["name"] == XDS_CLUSTER]
    found += [each for each in clusters or [] if not isinstance(each, dict) or each.get("name") != XDS_CLUSTER]
    return {**theirs, **{name: ours[name] for name in fixed}, "static_resources": {**resources, "clusters": found}}
