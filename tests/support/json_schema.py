"""Judges values by a JSON Schema: the words of draft 7 that our schemas use, and an error for any other."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from gatewright.api.scalars import python_pattern

Schema = Mapping[str, Any]

_TYPES: Final[Mapping[str, Callable[[object], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: not isinstance(value, bool) and isinstance(value, int | float) and value == int(value),
}
_FLAT: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "type": lambda value, wanted: _TYPES[wanted](value),
    "enum": lambda value, wanted: value in wanted,
    "const": lambda value, wanted: value == wanted,
    "minimum": lambda value, wanted: not isinstance(value, int | float) or value >= wanted,
    "maximum": lambda value, wanted: not isinstance(value, int | float) or value <= wanted,
    "minLength": lambda value, wanted: not isinstance(value, str) or len(value) >= wanted,
    "maxLength": lambda value, wanted: not isinstance(value, str) or len(value) <= wanted,
    "pattern": lambda value, wanted: not isinstance(value, str) or re.search(python_pattern(wanted), value) is not None,
    "minItems": lambda value, wanted: not isinstance(value, list) or len(value) >= wanted,
    "maxItems": lambda value, wanted: not isinstance(value, list) or len(value) <= wanted,
    "uniqueItems": lambda value, _: not isinstance(value, list) or len({repr(each) for each in value}) == len(value),
    "minProperties": lambda value, wanted: not isinstance(value, dict) or len(value) >= wanted,
    "maxProperties": lambda value, wanted: not isinstance(value, dict) or len(value) <= wanted,
    "required": lambda value, wanted: not isinstance(value, dict) or set(wanted) <= value.keys(),
}
_TELLING: Final = {"$schema", "title", "description", "default", "definitions", "then"}


def complaints(value: object, schema: Schema, root: Schema | None = None, path: str = "") -> Iterator[str]:
    """What is wrong with a value: the path and the word of the schema."""
    root = root if root is not None else schema
    for word, wanted in schema.items():
        if word in _FLAT:
            if not _FLAT[word](value, wanted):
                yield f"{path}: {word}"
        elif word not in _TELLING:
            yield from _NESTED[word](value, schema, root, path)


def _of_properties(value: object, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    for name, each in schema["properties"].items():
        if isinstance(value, dict) and name in value:
            yield from complaints(value[name], each, root, f"{path}.{name}".lstrip("."))


def _of_others(value: object, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    others = value.keys() - schema.get("properties", {}).keys() if isinstance(value, dict) else ()
    for name in others:
        if schema["additionalProperties"] is False:
            yield f"{path}.{name}: additionalProperties"
        else:
            yield from complaints(value[name], schema["additionalProperties"], root, f"{path}.{name}")  # type: ignore[index] # others is empty otherwise


def _of_items(value: object, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    for index, each in enumerate(value if isinstance(value, list) else ()):
        yield from complaints(each, schema["items"], root, f"{path}[{index}]")


def _of_all(value: object, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    for each in schema["allOf"]:
        yield from complaints(value, each, root, path)


def _of_any(value: object, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if all(any(complaints(value, each, root)) for each in schema["anyOf"]):
        yield f"{path}: anyOf"


def _of_condition(value: object, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if not any(complaints(value, schema["if"], root)):
        yield from complaints(value, schema["then"], root, path)


def _of_reference(value: object, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    yield from complaints(value, root["definitions"][schema["$ref"].removeprefix("#/definitions/")], root, path)


_NESTED: Final[Mapping[str, Callable[[object, Schema, Schema, str], Iterator[str]]]] = {
    "properties": _of_properties,
    "additionalProperties": _of_others,
    "items": _of_items,
    "allOf": _of_all,
    "anyOf": _of_any,
    "if": _of_condition,
    "$ref": _of_reference,
}
