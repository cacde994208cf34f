"""Why a document is refused: all its problems, with their fields.

The fast path of `api.admission` stops at the first problem and cannot name it well. This walk goes over the raw document beside
the model's types, collects what is wrong with each field, and asks the rules of every struct that is otherwise sound. It also
makes two things right that an API server forgives: a null is an absent field, and 80.0 is an integer.
"""

import re
import typing
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import inspect

from gatewright.api.checks import Field, Terms, fields_of, present, rules_of, unwrapped
from gatewright.api.problems import Problem, below, did_you_mean, listed, shown
from gatewright.api.rules import Rule

Problems: TypeAlias = Iterator[Problem]


def encodable(value: object) -> object:
    """The value with U+FFFD for halves of surrogate pairs, which escapes of JSON can leave in a text and nothing can encode."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {encodable(name): encodable(item) for name, item in value.items()}
    return [encodable(item) for item in value] if isinstance(value, list) else value


def forgiven(kind: inspect.Type, value: object, asked: frozenset[str] = frozenset()) -> object:
    """The value as an API server takes it: nulls of fields and maps left out (not those of lists), whole floats made integers.

    `asked` are the names that the rules around it mention: CEL does not take 80.0 for an integer, so there a float stays one.
    """
    bare, _, _ = unwrapped(present(kind)[0])
    if isinstance(bare, inspect.StructType) and isinstance(value, dict):
        return _forgiven_fields(bare.cls, value, asked | _asked_by(bare.cls))
    if isinstance(bare, inspect.DictType) and isinstance(value, dict):
        return {name: forgiven(bare.value_type, item, asked) for name, item in value.items() if item is not None}
    if isinstance(bare, inspect.VarTupleType) and isinstance(value, list):
        return [forgiven(bare.item_type, item, asked) for item in value]
    is_integer = isinstance(bare, inspect.IntType) or (isinstance(bare, inspect.LiteralType) and isinstance(bare.values[0], int))
    return int(value) if is_integer and isinstance(value, float) and value.is_integer() else value


def _forgiven_fields(cls: type[msgspec.Struct], value: dict[str, object], asked: frozenset[str]) -> dict[str, object]:
    fields = {each.name: each for each in fields_of(cls)}
    return {
        name: forgiven(fields[name].type, item, asked) if name in fields and not (name in asked and type(item) is float) else item
        for name, item in value.items()
        if item is not None or name not in fields
    }


@cache
def _asked_by(cls: type[msgspec.Struct]) -> frozenset[str]:
    """The names in the CEL of a struct's rules."""
    names = {each.attribute: each.name for each in fields_of(cls)}
    rules = [rule for base in cls.__mro__ for rule in vars(base).get("checks", ())]
    return frozenset(name for rule in rules for name in (names.get(rule.field, ""), *re.findall(r"\.(\w+)", rule.cel)))


def problems_of(kind: inspect.Type, value: object, path: str, terms: Terms) -> Problems:
    """All that is wrong with `value` as a field of type `kind`."""
    bare, _, _ = unwrapped(kind)
    walk = _WALKS.get(type(bare))
    if walk is not None:
        yield from walk(bare, value, path, terms)


def _of_struct(kind: inspect.StructType, value: object, path: str, terms: Terms) -> Problems:
    if not isinstance(value, dict):
        yield _wrong_type("an object", value, path)
        return
    known = {each.name: each for each in fields_of(kind.cls) if terms.channel == "experimental" or not each.experimental}
    unknown = [name for name in value if name not in known] if kind.forbid_unknown_fields else []
    yield from (_unknown(name, kind, path, list(known)) for name in unknown)
    bad = set()
    for field in known.values():
        for problem in _of_field(field, value, path, terms):
            bad.add(field.attribute)
            yield problem
        yield from _duplicates(field, value.get(field.name), below(path, field.name))  # rules can still be asked of these
    if not bad and not unknown:
        yield from _of_rules(kind.cls, msgspec.convert(value, kind.cls), path, terms)
    else:
        yield from _of_field_rules(kind.cls, value, bad, path, terms)


def _of_field(field: Field, value: dict[str, object], path: str, terms: Terms) -> Problems:
    if field.name in value:
        yield from problems_of(field.type, value[field.name], below(path, field.name), terms)
    elif field.required:
        yield Problem(below(path, field.name), "is required")


def _unknown(name: str, kind: inspect.StructType, path: str, known: list[str]) -> Problem:
    if any(each.name == name for each in fields_of(kind.cls)):
        return Problem(below(path, name), "unknown field: it belongs to the experimental channel")
    return Problem(below(path, name), f"unknown field{did_you_mean(str(name), known)} (known: {', '.join(sorted(known))})")


def _of_rules(cls: type[msgspec.Struct], struct: msgspec.Struct, path: str, terms: Terms) -> Problems:
    """The rules that a sound struct breaks."""
    for rule in rules_of(cls, terms):
        yield from _of_rule(rule, getattr(struct, rule.field) if rule.field else struct, cls, path)


def _of_field_rules(cls: type[msgspec.Struct], value: dict[str, object], bad: set[str], path: str, terms: Terms) -> Problems:
    """The rules about single fields that sound fields of an unsound struct break."""
    fields = {each.attribute: each for each in fields_of(cls) if each.attribute not in bad}
    for rule in rules_of(cls, terms):
        if rule.field in fields:
            field = fields[rule.field]
            is_there = field.name in value
            subject = msgspec.convert(value[field.name], annotation_of(cls, rule.field)) if is_there else field.default
            yield from _of_rule(rule, subject, cls, path)


def _of_rule(rule: Rule, subject: Any, cls: type[msgspec.Struct], path: str) -> Problems:  # noqa: ANN401 - what the rule is about
    if subject is None or (rule.shortest and len(subject) < rule.shortest) or rule.holds(subject):
        return
    offender = f"{shown(subject)}: " if isinstance(subject, str | int) else ""
    name = next((each.name for each in fields_of(cls) if each.attribute == rule.field), "")
    yield Problem(below(path, name) if name else path, f"{offender}{rule.message}")


@cache
def annotation_of(cls: type[msgspec.Struct], attribute: str) -> object:
    """The type of one field, as msgspec takes it."""
    return typing.get_type_hints(cls, include_extras=True)[attribute]


def _duplicates(field: Field, value: object, path: str) -> Problems:
    """Items of a list with set or map semantics that were there before."""
    if not isinstance(value, list) or not (field.is_set or field.map_keys):
        return
    seen: dict[str, int] = {}
    for index, item in enumerate(value):
        identity = shown([item.get(key) for key in field.map_keys] if field.map_keys and isinstance(item, dict) else item)
        first = seen.setdefault(identity, index)
        if first != index:
            what = f"the same {' and '.join(field.map_keys)} as" if field.map_keys else "the same as"
            yield Problem(f"{path}[{index}]", f"{what} item {first} has: {identity.strip('[]')}; each may be there once")


def _of_list(kind: inspect.VarTupleType, value: object, path: str, terms: Terms) -> Problems:
    if not isinstance(value, list):
        yield _wrong_type("a list", value, path)
        return
    yield from _of_length(kind.min_length, kind.max_length, len(value), "items", path)
    for index, item in enumerate(value):
        yield from problems_of(kind.item_type, item, f"{path}[{index}]", terms)


def _of_map(kind: inspect.DictType, value: object, path: str, terms: Terms) -> Problems:
    if not isinstance(value, dict):
        yield _wrong_type("an object", value, path)
        return
    yield from _of_length(kind.min_length, kind.max_length, len(value), "entries", path)
    for name, item in value.items():
        yield from problems_of(kind.value_type, item, f"{path}[{name}]", terms)


def _of_length(least: int | None, most: int | None, length: int, of: str, path: str) -> Problems:
    if least is not None and length < least:
        yield Problem(path, f"has {length} {of}, at least {least} must be there")
    if most is not None and length > most:
        yield Problem(path, f"has {length} {of}, at most {most} are allowed")


def _of_text(kind: inspect.StrType, value: object, path: str, _terms: Terms) -> Problems:
    if not isinstance(value, str):
        yield _wrong_type("a string", value, path)
        return
    if kind.min_length is not None and len(value) < kind.min_length:
        yield Problem(path, f"{shown(value)} is too short: at least {kind.min_length} characters")
    if kind.max_length is not None and len(value) > kind.max_length:
        yield Problem(path, f"{shown(value)} is too long: at most {kind.max_length} characters")
    if kind.pattern is not None and not re.search(kind.pattern, value):
        yield Problem(path, f"{shown(value)} does not match {kind.pattern.replace(chr(92) + 'Z', '$')}")


def _of_integer(kind: inspect.IntType, value: object, path: str, _terms: Terms) -> Problems:
    if not isinstance(value, int) or isinstance(value, bool):
        yield _wrong_type("an integer", value, path)
    elif kind.ge is not None and value < kind.ge:
        yield Problem(path, f"{shown(value)} is too small: at least {kind.ge}")
    elif kind.le is not None and value > kind.le:
        yield Problem(path, f"{shown(value)} is too large: at most {kind.le}")


def _of_literal(kind: inspect.LiteralType, value: object, path: str, _terms: Terms) -> Problems:
    if type(value) not in {type(each) for each in kind.values} or value not in kind.values:
        guess = did_you_mean(value, [each for each in kind.values if isinstance(each, str)]) if isinstance(value, str) else ""
        yield Problem(path, f"{shown(value)} is not supported; one of {listed(kind.values)}{guess}")


def _of_boolean(_kind: inspect.BoolType, value: object, path: str, _terms: Terms) -> Problems:
    if not isinstance(value, bool):
        yield _wrong_type("true or false", value, path)


def _of_union(kind: inspect.UnionType, value: object, path: str, terms: Terms) -> Problems:
    """Problems as the alternative that comes closest has them; unions here are of scalars."""
    found = [list(problems_of(each, value, path, terms)) for each in kind.types if not isinstance(each, inspect.NoneType)]
    if all(found):
        yield found[0][0]


def _wrong_type(expected: str, value: object, path: str) -> Problem:
    return Problem(path, f"{shown(value)} is not {expected}{_quoting(expected, value)}")


def _quoting(expected: str, value: object) -> str:
    """What is right but for its quotes."""
    if expected == "a string" and isinstance(value, bool | int | float):
        return "; put it in quotes"
    is_number = expected == "an integer" and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value)
    is_switch = expected == "true or false" and isinstance(value, str) and value in {"true", "false"}
    return "; write it without quotes" if is_number or is_switch else ""


_WALKS: Final[dict[type[inspect.Type], Callable[[Any, Any, str, Terms], Problems]]] = {
    inspect.StructType: _of_struct,
    inspect.VarTupleType: _of_list,
    inspect.DictType: _of_map,
    inspect.StrType: _of_text,
    inspect.IntType: _of_integer,
    inspect.LiteralType: _of_literal,
    inspect.BoolType: _of_boolean,
    inspect.UnionType: _of_union,
}
