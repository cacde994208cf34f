"""JSON Schemas of the kinds, for editors: completion, explanations and red lines while YAML is typed.

They are made from the schemas of the CRDs (`api.crds`) and so from the models that admission judges by. What only an API server
understands is said in JSON Schema as far as it can be (lengths, what a member of a union goes with) and else told in the
description. A schema is never stricter than admission, but for nulls: `key:` with nothing behind it is a mistake in an editor.
Draft 7, since that is what yaml-language-server reads.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from gatewright.api.checks import Terms
from gatewright.api.crds import Schema, schema_of
from gatewright.api.kinds import Kind
from gatewright.api.rules import Channel
from gatewright.api.scalars import LIST_TYPE

DRAFT: Final = "http://json-schema.org/draft-07/schema#"

Definitions: TypeAlias = dict[str, Schema]

_KEPT: Final = (
    *("type", "description", "enum", "pattern", "default", "required", "minimum", "maximum", "anyOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
)
_EMPTY: Final = (("default", ""), ("default", 0))  # what our models have for nothing at all
_SIZE: Final = re.compile(r"self\.size\(\) (<=|>=) (\d+)")
_ONLY_WITH: Final = re.compile(r"!\(?has\(self\.(\w+)\) (?:&& self\.type != |\|\| self\.type == )'(\w+)'\)?")
_NEEDED_BY: Final = re.compile(r"!\(!has\(self\.(\w+)\) && self\.type == '(\w+)'\)")


def schema_of_kind(kind: Kind, channel: Channel) -> Schema:
    """The schema of documents of one kind, in all versions that the channel has; those that differ are told apart by `if`."""
    versions = {each: _of_version(kind, each, channel) for each in kind.served(channel)}
    alike = len({repr(each) for each in versions.values()}) == 1
    said = {"$schema": DRAFT, "title": kind.name}
    if alike:
        schema = next(iter(versions.values()))
        return said | _identified(schema, kind, list(versions))
    return {
        **said,
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"apiVersion": {"enum": list(versions)}, "kind": {"const": kind.name}},
        "allOf": [
            {"if": {"properties": {"apiVersion": {"const": api_version}}}, "then": _identified(schema, kind, [api_version])}
            for api_version, schema in versions.items()
        ],
    }


def combined(kinds: Iterable[Kind], channel: Channel) -> Schema:
    """The schema of documents of any of these kinds, for files that hold several."""
    served = [kind for kind in kinds if kind.served(channel)]
    definitions = {kind.name: schema_of_kind(kind, channel) for kind in served}
    for each in definitions.values():
        del each["$schema"]
    api_versions = dict.fromkeys(each for kind in served for each in kind.served(channel))
    return {
        "$schema": DRAFT,
        "title": f"Objects of the Gateway API ({channel} channel) and of Gatewright",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {
            "apiVersion": {"type": "string", "enum": list(api_versions)},
            "kind": {"type": "string", "enum": [kind.name for kind in served]},
        },
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]},
                "then": {"$ref": f"#/definitions/{kind.name}"},
            }
            for kind in served
        ],
        "definitions": definitions,
    }


def _of_version(kind: Kind, api_version: str, channel: Channel) -> Schema:
    return _for_editors(schema_of(kind.struct, Terms(channel, api_version.rpartition("/")[2])))


def _identified(schema: Schema, kind: Kind, api_versions: list[str]) -> Schema:
    """The schema with the values that say what a document is."""
    names = {"apiVersion": {"type": "string", "enum": api_versions}, "kind": {"type": "string", "const": kind.name}}
    return {**schema, "properties": {**schema["properties"], **names}}


def _for_editors(schema: Schema) -> Schema:
    """One schema of a CRD, and all that it holds, as a schema for editors."""
    made = {name: value for name, value in schema.items() if name in _KEPT and (name, value) not in _EMPTY}
    if "properties" in schema:
        made["properties"] = {name: _for_editors(each) for name, each in schema["properties"].items()}
        if "x-kubernetes-preserve-unknown-fields" not in schema:
            made["additionalProperties"] = False
    if isinstance(values := schema.get("additionalProperties"), dict):
        made["additionalProperties"] = _for_editors(values)
    if "items" in schema:
        made["items"] = _for_editors(schema["items"])
    if schema.get(LIST_TYPE) == "set":
        made["uniqueItems"] = True
    rules = schema.get("x-kubernetes-validations", ())
    return made | _limits(rules) | _described(made, rules) | _members(rules)


def _limits(rules: Iterable[dict[str, str]]) -> Schema:
    """Lengths of lists that the CRD says in CEL."""
    found = (_SIZE.fullmatch(rule["rule"]) for rule in rules)
    return {"maxItems" if each[1] == "<=" else "minItems": int(each[2]) for each in found if each}


def _described(schema: Schema, rules: Iterable[dict[str, str]]) -> Schema:
    """The description, and the rules for people."""
    told = [rule["message"] for rule in rules]
    parts = [schema.get("description", ""), *(f"- {message}" for message in dict.fromkeys(told))]
    return {"description": "\n".join(filter(None, parts))} if any(parts) else {}


def _members(rules: Iterable[dict[str, str]]) -> Schema:
    """Which fields go with which `type`."""
    conditions = [each for rule in rules for each in _conditions(rule["rule"])]
    return {"allOf": conditions} if conditions else {}


def _conditions(cel: str) -> Iterator[Schema]:
    if found := _ONLY_WITH.fullmatch(cel):
        yield {"if": {"required": [found[1], "type"]}, "then": {"properties": {"type": {"const": found[2]}}}}
    if found := _NEEDED_BY.fullmatch(cel):
        yield {"if": {"properties": {"type": {"const": found[2]}}, "required": ["type"]}, "then": {"required": [found[1]]}}


def files(kinds: Iterable[Kind], channel: Channel) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas of all kinds and versions by the names of files, and all together in `all.json`.

    The names are `<group>/<kind>_<version>.json`, as in the catalogues of CRD schemas; tools look for them there.
    """
    kinds = tuple(kinds)
    yield "all.json", combined(kinds, channel)
    for kind in kinds:
        for api_version in kind.served(channel):
            schema = _identified(_of_version(kind, api_version, channel), kind, [api_version])
            name = f"{kind.group or 'core'}/{kind.name.lower()}_{api_version.rpartition('/')[2]}.json"
            yield name, {"$schema": DRAFT, "title": kind.name} | schema
