"""CustomResourceDefinitions of our extension kinds, made from the models that admission judges by: one source for both.

Types, patterns, enumerations, defaults, list semantics and CEL rules are those of the structs; descriptions are the docstrings. A
field that is not modelled (`Any`) takes anything. Sources: Kubernetes, "Extend the Kubernetes API with CustomResourceDefinitions"
(structural schemas, validation rules).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

from gatewright.api.checks import Field, Terms, fields_of, present, rules_of, struct_type, unwrapped
from gatewright.api.descriptions import description_of
from gatewright.api.kinds import ENVOY_GATEWAY_GROUP, KINDS, Kind
from gatewright.api.meta import KubernetesObject
from gatewright.api.scalars import EXPERIMENTAL_VALUES, INT32_MAX, INT32_MIN, LIST_MAP_KEYS, LIST_TYPE

Schema = dict[str, Any]

SHORT_NAMES: Final[Mapping[str, tuple[str, ...]]] = {"EnvoyProxy": ("eproxy",), "Backend": ("be",), "HTTPRouteFilter": ("hrf",)}
ANYTHING: Final[Schema] = {"x-kubernetes-preserve-unknown-fields": True}

_TERMS: Final = Terms("experimental", "v1alpha1")
_INT_OR_STRING: Final = frozenset({inspect.IntType, inspect.StrType})
_AGE: Final[Schema] = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_ACCEPTED: Final[Schema] = {
    "name": "Status",
    "type": "string",
    "jsonPath": '.status.conditions[?(@.type=="Accepted")].reason',
}
_CONDITION: Final[Schema] = {
    "type": "object",
    "properties": {
        "lastTransitionTime": {"type": "string", "format": "date-time"},
        "message": {"type": "string", "maxLength": 32768},
        "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
        "reason": {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"},
        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
        "type": {"type": "string", "maxLength": 316},
    },
    "required": ["lastTransitionTime", "message", "reason", "status", "type"],
}
_CONDITIONS: Final[Schema] = {
    "type": "array",
    "maxItems": 8,
    "items": _CONDITION,
    LIST_TYPE: "map",
    LIST_MAP_KEYS: ["type"],
}
_ANCESTORS: Final[Schema] = {
    "type": "array",
    "maxItems": 16,
    "items": {
        "type": "object",
        "properties": {
            "ancestorRef": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("group", "kind", "name", "namespace", "sectionName")}
                | {"port": {"type": "integer", "format": "int32"}},
                "required": ["name"],
            },
            "conditions": _CONDITIONS,
        },
        "required": ["ancestorRef"],
    },
    LIST_TYPE: "atomic",
}


class Status(NamedTuple):
    """The status of a kind: its schema, and the columns that `kubectl get` shows of it."""

    schema: Schema
    columns: tuple[Schema, ...] = ()


_STATUSES: Final[Mapping[str, Status]] = {
    "Backend": Status({"type": "object", "properties": {"conditions": _CONDITIONS}}, (_ACCEPTED,)),
    "EnvoyProxy": Status({"type": "object", "properties": {"ancestors": _ANCESTORS}}),
    "HTTPRouteFilter": Status({}),
}


def extension_crds() -> tuple[Schema, ...]:
    """The definitions of all our extension kinds."""
    return tuple(crd(kind) for kind in KINDS if kind.group == ENVOY_GATEWAY_GROUP)


def crd(kind: Kind) -> Schema:
    """The definition of one kind; its first version is the one that is stored."""
    status = _STATUSES[kind.name]
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "categories": ["envoy-gateway"],
        "shortNames": list(SHORT_NAMES.get(kind.name, ())),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "names": names,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == kind.versions[0],
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [*status.columns, _AGE],
                    "schema": {"openAPIV3Schema": _object(kind.struct, status)},
                }
                for version in kind.versions
            ],
        },
    }


def _object(struct: type[msgspec.Struct], status: Status) -> Schema:
    """The schema of a whole object; the API server knows what metadata is."""
    schema = schema_of(struct)
    own = {each.name for each in fields_of(KubernetesObject)} - {"apiVersion", "kind"}
    properties = {name: each for name, each in schema["properties"].items() if name not in own}
    properties |= {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        **({"status": status.schema} if status.schema else {}),
    }
    required = [name for name in schema.get("required", ()) if name == "spec"]
    return {**schema, "properties": dict(sorted(properties.items())), **({"required": required} if required else {})}


def schema_of(struct: type[msgspec.Struct], terms: Terms = _TERMS) -> Schema:
    """The schema of a struct and of all that it holds, as the CRD under these terms has it."""
    fields = [each for each in fields_of(struct) if terms.channel == "experimental" or not each.experimental]
    required = [each.name for each in fields if each.required]
    rules = [{"message": rule.message, "rule": rule.cel} for rule in rules_of(struct, terms) if rule.cel and not rule.field]
    description = (struct.__doc__ or "").strip().partition("\n\n")[0]
    return {
        "type": "object",
        **({"description": description} if description else {}),
        "properties": {each.name: _property(struct, each, terms) for each in fields},
        **({"required": required} if required else {}),
        **({} if struct.__struct_config__.forbid_unknown_fields else ANYTHING),
        **({"x-kubernetes-validations": rules} if rules else {}),
    }


def _property(struct: type[msgspec.Struct], field: Field, terms: Terms) -> Schema:
    """The schema of a field, with its default and the rules about it."""
    described = next(each for each in struct_type(struct).fields if each.name == field.attribute)
    schema = _schema(described.type, terms)
    default = _default(field.default)
    rules = [
        {"message": rule.message, "rule": rule.cel}
        for rule in rules_of(struct, terms)
        if rule.field == field.attribute and rule.cel
    ]
    description = description_of(struct, field.name)
    return {
        **schema,
        **({"description": description} if description else {}),
        **({"default": default} if default is not None else {}),
        **({"x-kubernetes-validations": rules} if rules else {}),
    }


def _default(value: object) -> object:
    """A default that the API server is to fill in: texts and numbers, which rules ask for. Elsewhere absent is the default."""
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _schema(kind: inspect.Type, terms: Terms) -> Schema:
    """The schema of a type as msgspec describes it."""
    _, said, outer = unwrapped(kind)
    inner, _ = present(kind)
    bare, _, extra = unwrapped(inner)
    schema = {**_bare(bare, terms), **extra, **outer}
    if terms.channel == "standard" and EXPERIMENTAL_VALUES in said:
        schema["enum"] = [each for each in schema["enum"] if each not in said[EXPERIMENTAL_VALUES]]
    return schema


def _bare(kind: inspect.Type, terms: Terms) -> Schema:
    match kind:
        case inspect.StructType():
            return schema_of(kind.cls, terms)
        case inspect.VarTupleType():
            limits = {"minItems": kind.min_length, "maxItems": kind.max_length}
            return {"type": "array", "items": _schema(kind.item_type, terms), **_given(limits)}
        case inspect.DictType():
            limits = {"minProperties": kind.min_length, "maxProperties": kind.max_length}
            values = _schema(kind.value_type, terms)
            return {"type": "object", **(ANYTHING if values == ANYTHING else {"additionalProperties": values}), **_given(limits)}
        case inspect.LiteralType():
            return {"type": "string" if isinstance(kind.values[0], str) else "integer", "enum": list(kind.values)}
        case inspect.StrType():
            return {"type": "string", **_given({"minLength": kind.min_length, "maxLength": kind.max_length})}
        case inspect.IntType():
            return _integer(kind)
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.UnionType() if {type(unwrapped(each)[0]) for each in kind.types} == _INT_OR_STRING:
            limits = {name: value for each in kind.types for name, value in unwrapped(each)[2].items()}
            return {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}], **limits}
        case inspect.AnyType():
            return dict(ANYTHING)
    raise TypeError(f"no schema for {kind}")


def _integer(kind: inspect.IntType) -> Schema:
    """An integer; the bounds of 32 bits are said by the format."""
    small = kind.le is not None and kind.le <= INT32_MAX
    lowest = None if kind.ge == INT32_MIN else kind.ge
    highest = None if kind.le == INT32_MAX else kind.le
    return {"type": "integer", "format": "int32" if small else "int64", **_given({"minimum": lowest, "maximum": highest})}


def _given(limits: Mapping[str, int | None]) -> Schema:
    return {name: limit for name, limit in limits.items() if limit is not None}


def leaves(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every field of a schema by its path, items of lists under `[]`; for whoever compares two."""
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from leaves(each, f"{path}.{name}" if path else name)
    if isinstance(schema.get("items"), dict):
        yield from leaves(schema["items"], f"{path}[]")
