"""The JSON Schemas for editors say what the official CRDs say: field by field, in both channels and all versions."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
import yaml

from gatewright.api.crds import Schema, leaves
from gatewright.api.kinds import KINDS, Kind
from gatewright.api.rules import Channel
from gatewright.api.schemas import files
from tests.kubernetes.bed import TESTBED
from tests.kubernetes.conftest import missing

COMPARED: Final = (
    *("type", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"),
    *("required", "default", "minProperties", "maxProperties"),
)
NEWER: Final = ("sessionPersistence.cookie", "sessionPersistence.header")  # the shape that follows v1.6's
TOLD_IN_WORDS: Final = r"^[!-~]+([\t ]?[!-~]+)*$"  # JavaScript would take exponential time over it


@pytest.mark.parametrize("channel", ["experimental", "standard"])
def test_fields_are_those_of_the_official_definitions(channel: Channel) -> None:
    """Types, limits, patterns, enumerations, defaults and required fields."""
    if reason := missing():
        pytest.skip(reason)
    ours = dict(files(KINDS, channel))

    assert [] == [
        difference
        for kind, version, official in _official(channel)
        for difference in _differences(official, ours[f"{kind.group}/{kind.name.lower()}_{version}.json"]["properties"]["spec"])
    ]


def _official(channel: Channel) -> Iterator[tuple[Kind, str, Schema]]:
    """The schemas of specs."""
    kinds = {kind.name: kind for kind in KINDS}
    for file in sorted((TESTBED / "bin/crds" / channel).glob("*.yaml")):
        for each in yaml.load_all(file.read_text(), yaml.CSafeLoader):
            kind = kinds.get(each["spec"]["names"]["kind"]) if each.get("kind") == "CustomResourceDefinition" else None
            for version in each["spec"]["versions"] if kind else ():
                if kind and version["served"]:
                    yield kind, version["name"], version["schema"]["openAPIV3Schema"]["properties"]["spec"]


def _differences(official: Schema, ours: Schema) -> Iterator[str]:
    theirs, own = dict(leaves(official, "spec")), dict(leaves(ours, "spec"))
    yield from (f"{path} is missing" for path in theirs.keys() - own.keys())
    yield from (f"{path} is not theirs" for path in own.keys() - theirs.keys() if not any(each in path for each in NEWER))
    for path in theirs.keys() & own.keys():
        for word in COMPARED:
            wanted, found = _said(theirs[path], word), _said(own[path], word)
            if wanted != found and not _is_said_otherwise(path, word, wanted):
                yield f"{path}: {word} is {found!r}, and officially {wanted!r}"


def _said(schema: Mapping[str, Any], word: str) -> object:
    value = schema.get(word)
    if word in {"enum", "required"}:
        return sorted(value or (), key=str)
    return None if value in ("", 0) and word == "default" else value


def _is_said_otherwise(path: str, word: str, wanted: object) -> bool:
    """Defaults of objects are those of their fields; a field of which one item is required is not required to be there."""
    return (
        (word == "default" and isinstance(wanted, dict | list))
        or (word == "pattern" and wanted == TOLD_IN_WORDS)
        or (path == "spec" and wanted == ["hostnames", "rules"])
    )
