"""Admission rules over several fields: what the CRDs say in CEL, as Python predicates with the CEL beside them.

A struct lists its rules, in the CRD's order, under `checks`; structs that inherit from it keep them. `api.admission` applies them
wherever the struct stands, so no kind lists them again. A struct with many rules may have a `plainly_sound` besides: a cheap test
that is true only of values that keep them all. An absent field is None, an empty tuple or its default; predicates are
about typed values, never about raw documents, and never raise.
"""

import ipaddress
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from operator import attrgetter
from typing import Any, Literal, NamedTuple, TypeAlias

Channel: TypeAlias = Literal["experimental", "standard"]


class Rule(NamedTuple):
    """One rule: `holds(self)` is true of a good value, `message` says what is wrong with another.

    `self` is the struct, or the value of its attribute `field`; a rule about an absent (None) field is not asked. A rule with a
    `channel` or with `versions` is the CRD's in that channel or these versions of the kind only. Structural limits that depend on
    the version of a kind are rules too.
    """

    message: str
    cel: str
    holds: Callable[[Any], bool]
    field: str = ""
    channel: Channel | None = None
    versions: tuple[str, ...] = ()
    shortest: int = 0  # a list of fewer items keeps the rule by its nature, and is not asked


Rules: TypeAlias = tuple[Rule, ...]
Predicate: TypeAlias = Callable[[Any], bool]


def is_unique(keys: Iterable[Hashable]) -> bool:
    """Whether no key comes twice."""
    return max(Counter(keys).values(), default=0) < 2  # noqa: PLR2004 - twice is two


def is_ip(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address without a zone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def has_ip_format(text: str) -> bool:
    """The same for formats `ipv4` and `ipv6` of a schema, which let numbers begin with zeros, as in 010.0.0.1."""
    before, colon, last = text.rpartition(":")
    parts = last.split(".")
    if len(parts) == 1 or not all(each.isascii() and each.isdigit() for each in parts):
        return is_ip(text)
    return is_ip(f"{before}{colon}{'.'.join(each.lstrip('0') or '0' for each in parts)}")


def matches(subject: str, pattern: str) -> str:
    """The CEL that says that `subject` matches the RE2 `pattern`."""
    return f'{subject}.matches(r"""{pattern}""")'


def union_rules(prefix: str, members: dict[str, tuple[str, str]]) -> Rules:
    """Rules of a union: the field that belongs to `type` is set, and no other.

    `members` maps a value of `type` to the field's name on the wire and as an attribute; `prefix` is how the CRD's messages call
    the struct.
    """

    def only(value: str, attribute: str) -> Callable[[Any], bool]:
        return lambda self: getattr(self, attribute) is None or self.type == value

    def wanted(value: str, attribute: str) -> Callable[[Any], bool]:
        return lambda self: self.type != value or getattr(self, attribute) is not None

    rules: list[Rule] = []
    for value, (name, attribute) in members.items():
        message = f"{prefix}{name} must be nil if the {prefix}type is not {value}"
        rules.append(Rule(message, f"!(has(self.{name}) && self.type != '{value}')", only(value, attribute)))
        message = f"{prefix}{name} must be specified for {value} {prefix}type"
        rules.append(Rule(message, f"!(!has(self.{name}) && self.type == '{value}')", wanted(value, attribute)))
    return tuple(rules)


def only_member(members: dict[str, tuple[str, str]]) -> Predicate:
    """Whether the member that `type` names is set, and alone: what the rules of a union come to."""
    attribute_of = {value: attribute for value, (_, attribute) in members.items()}
    all_of = attrgetter(*attribute_of.values())
    others = len(attribute_of) - 1

    def is_alone(self: Any) -> bool:  # noqa: ANN401 - any union
        return getattr(self, attribute_of[self.type]) is not None and all_of(self).count(None) == others

    return is_alone


def at_most_one(type_name: str) -> Rule:
    """The rule of a list of filters that the filter `type_name` is not repeated; put it on the list's field."""
    return Rule(
        f"{type_name} filter cannot be repeated",
        f"self.filter(f, f.type == '{type_name}').size() <= 1",
        lambda filters: sum(each.type == type_name for each in filters) <= 1,
        field="filters",
        shortest=2,
    )


UNIQUE_RULE_NAMES = Rule(
    "Rule name must be unique within the route",
    "self.all(l1, !has(l1.name) || self.exists_one(l2, has(l2.name) && l1.name == l2.name))",
    lambda rules: is_unique(rule.name for rule in rules if rule.name is not None),
    field="rules",
    channel="experimental",
    shortest=2,
)
"""No two rules of a route have the same name."""

MATCHES_LIMIT = 128
RULES_LIMIT = 16


def few_matches(counted: str) -> Rule:
    """The matches of all rules of a route together have a limit. `counted` is the CEL for the matches of rule number {0}."""
    terms = (f"(self.size() > {index} ? {counted.format(index)} : 0)" for index in range(RULES_LIMIT))
    return Rule(
        f"While {RULES_LIMIT} rules and 64 matches per rule are allowed, "
        f"the total number of matches across all rules in a route must be less than {MATCHES_LIMIT}",
        f"{' + '.join(terms)} <= {MATCHES_LIMIT}",
        lambda rules: sum(len(rule.matches) for rule in rules) <= MATCHES_LIMIT,
        field="rules",
        shortest=3,
    )
