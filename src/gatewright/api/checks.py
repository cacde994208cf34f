"""The rules of a struct and of all that it holds, made into one predicate.

`holds_for(struct, terms)` is compiled once per struct, channel and version, and then costs little more than the rules themselves:
only fields below which there is a rule are visited. The walk that explains a refusal (`api.diagnosis`) asks the same rules, by
`rules_of`, so the two cannot disagree about one.
"""

from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

from gatewright.api.rules import Channel, Predicate, Rule
from gatewright.api.scalars import LIST_MAP_KEYS, LIST_TYPE

TWO: Final = 2


class Terms(NamedTuple):
    """Under which CRD a document is judged."""

    channel: Channel
    version: str


class Field(NamedTuple):
    """A field of a struct: its type without the wrappings, and what they said."""

    name: str  # on the wire
    attribute: str
    type: inspect.Type
    required: bool
    nullable: bool
    experimental: bool
    map_keys: tuple[str, ...]  # attributes that tell items apart, for a list with map semantics
    is_set: bool
    default: object  # of an absent field; None when it has none, or one that is made afresh


def unwrapped(kind: inspect.Type) -> tuple[inspect.Type, dict[str, Any], dict[str, Any]]:
    """The type inside annotations, with all that `extra` and `extra_json_schema` of them hold."""
    extra: dict[str, Any] = {}
    schema: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        extra |= kind.extra or {}
        schema |= kind.extra_json_schema or {}
        kind = kind.type
    return kind, extra, schema


def present(kind: inspect.Type) -> tuple[inspect.Type, bool]:
    """The type of a value that is not null, and whether it may be null."""
    bare, _, _ = unwrapped(kind)
    if not isinstance(bare, inspect.UnionType):
        return kind, False
    others = tuple(each for each in bare.types if not isinstance(each, inspect.NoneType))
    return others[0] if len(others) == 1 else inspect.UnionType(others), len(others) < len(bare.types)


@cache
def fields_of(struct: type[msgspec.Struct]) -> tuple[Field, ...]:
    """The fields of a struct, in its order."""
    return tuple(_field(each) for each in struct_type(struct).fields)


@cache
def struct_type(struct: type[msgspec.Struct]) -> inspect.StructType:
    """The description of a struct, made once: it is costly."""
    described = inspect.type_info(struct)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"{struct} is no struct")
    return described


def _field(described: inspect.Field) -> Field:
    bare, extra, outer = unwrapped(described.type)
    inner, nullable = present(bare)
    _, _, schema = unwrapped(inner)
    list_type = (outer | schema).get(LIST_TYPE)
    return Field(
        name=described.encode_name,
        attribute=described.name,
        type=inner,
        required=described.required,
        nullable=nullable or isinstance(unwrapped(inner)[0], inspect.AnyType),
        experimental=extra.get("channel") == "experimental",
        map_keys=tuple((outer | schema).get(LIST_MAP_KEYS, ())),
        is_set=list_type == "set",
        default=None if described.default is msgspec.NODEFAULT else described.default,
    )


@cache
def rules_of(struct: type[msgspec.Struct], terms: Terms) -> tuple[Rule, ...]:
    """The rules of a struct that the CRD has under these terms, those of its bases first."""
    rules = [rule for base in reversed(struct.__mro__) for rule in vars(base).get("checks", ())]
    return tuple(
        rule for rule in rules if rule.channel in {None, terms.channel} and (not rule.versions or terms.version in rule.versions)
    )


@cache
def holds_for(struct: type[msgspec.Struct], terms: Terms) -> Predicate | None:
    """The predicate that every rule of `struct` and of what it holds keeps; None when there is no rule at all."""
    rules = rules_of(struct, terms)
    asked = [rule.holds for rule in rules if not rule.field]
    asked += [
        _asked_of(attribute, list(group)) for attribute, group in groupby((r for r in rules if r.field), attrgetter("field"))
    ]
    plainly_sound = getattr(struct, "plainly_sound", None)
    own = [_unless(plainly_sound, asked)] if plainly_sound is not None else asked
    own += [_no_duplicates(each) for each in fields_of(struct) if each.is_set or each.map_keys]
    if terms.channel == "standard":
        own += [_absent(each.attribute) for each in fields_of(struct) if each.experimental]
    children = [child for each in fields_of(struct) if (child := _child(each, terms)) is not None]
    return _all((*own, *children))


def _all(predicates: tuple[Predicate, ...]) -> Predicate | None:
    if len(predicates) < TWO:
        return predicates[0] if predicates else None

    def holds(value: object) -> bool:
        for predicate in predicates:  # noqa: SIM110 - all() with a generator costs three times as much
            if not predicate(value):
                return False
        return True

    return holds


def _unless(plainly_sound: Predicate, asked: list[Predicate]) -> Predicate:
    """The rules, for a struct of which a shortcut does not tell that they hold."""
    return lambda struct: plainly_sound(struct) or all(predicate(struct) for predicate in asked)


def _asked_of(attribute: str, rules: list[Rule]) -> Predicate:
    """Rules about one field as a predicate of the struct."""
    get, asked = attrgetter(attribute), tuple((rule.holds, rule.shortest) for rule in rules)
    shortest = min(rule.shortest for rule in rules)

    def hold(struct: object) -> bool:
        value = get(struct)
        if value is None or (shortest and len(value) < shortest):
            return True
        return all(holds(value) for holds, least in asked if not least or len(value) >= least)

    return hold


def _absent(attribute: str) -> Predicate:
    return lambda struct: getattr(struct, attribute) is None


def _no_duplicates(field: Field) -> Predicate:
    get, identity = attrgetter(field.attribute), attrgetter(*field.map_keys) if field.map_keys else _itself

    def distinct(struct: object) -> bool:
        items = get(struct)
        return len(items) < TWO or len(set(map(identity, items))) == len(items)

    return distinct


def _itself(item: object) -> object:
    return item


def _child(field: Field, terms: Terms) -> Predicate | None:
    """The predicate of what a field holds."""
    bare, _, _ = unwrapped(field.type)
    many = isinstance(bare, inspect.VarTupleType)
    item, _, _ = unwrapped(bare.item_type) if isinstance(bare, inspect.VarTupleType) else (bare, {}, {})
    holds = holds_for(item.cls, terms) if isinstance(item, inspect.StructType) else None
    if holds is None:
        return None
    get, good = attrgetter(field.attribute), holds

    def all_hold(struct: object) -> bool:
        for each in get(struct):  # noqa: SIM110 - as above
            if not good(each):
                return False
        return True

    def holds_if_set(struct: object) -> bool:
        value = get(struct)
        return value is None or good(value)

    return all_hold if many else holds_if_set
