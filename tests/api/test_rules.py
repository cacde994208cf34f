"""Each admission rule, broken once: it is found, at its field, and nothing else is."""

from collections.abc import Iterator

import msgspec
import pytest
from msgspec import inspect

from gatewright.api.admission import Refused, admit
from gatewright.api.checks import struct_type, unwrapped
from gatewright.api.kinds import ALL_KINDS
from gatewright.api.rules import Channel, Rule
from tests.api.cases import Case
from tests.api.rule_cases import CASES, STANDARD_CASES
from tests.api.samples import changed

CHANNELLED: list[tuple[Channel, Case]] = [("experimental", case) for case in CASES] + [
    ("standard", case) for case in STANDARD_CASES
]


@pytest.mark.parametrize(("channel", "case"), CHANNELLED, ids=[f"{case.kind}: {case.message}" for _, case in CHANNELLED])
def test_a_broken_rule_is_found_at_its_field(channel: Channel, case: Case) -> None:
    """A document that breaks one rule is refused, and the problem names the field and says what the CRD says."""
    verdict = admit(changed(case.kind, case.changes), channel, ALL_KINDS)

    assert isinstance(verdict, Refused)
    assert any(problem.path == case.path and case.message in problem.message for problem in verdict.problems), verdict


@pytest.mark.parametrize(("channel", "case"), CHANNELLED, ids=[f"{case.kind}: {case.message}" for _, case in CHANNELLED])
def test_nothing_is_said_of_other_fields(channel: Channel, case: Case) -> None:
    """Problems are about the field that is wrong, or about a struct around it."""
    verdict = admit(changed(case.kind, case.changes), channel, ALL_KINDS)

    assert isinstance(verdict, Refused)
    assert all(case.path.startswith(problem.path) or problem.path.startswith(case.path) for problem in verdict.problems), verdict


def test_every_rule_has_a_case() -> None:
    """No rule of any kind is without a document that breaks it."""
    tested = [case.message for _, case in CHANNELLED]
    untested = {
        rule.message for kind in ALL_KINDS for rule in _rules(kind.struct) if not any(_says(rule, each) for each in tested)
    }

    assert set() == untested


def _says(rule: Rule, message: str) -> bool:
    return (
        message in rule.message
        or rule.message in message
        or (message.endswith("should match") and "should match" in rule.message)
    )


def _rules(struct: type[msgspec.Struct]) -> Iterator[Rule]:
    for base in struct.__mro__:
        yield from vars(base).get("checks", ())
    for field in struct_type(struct).fields:
        yield from (rule for inner in _structs(field.type) for rule in _rules(inner))


def _structs(kind: inspect.Type) -> Iterator[type[msgspec.Struct]]:
    bare, _, _ = unwrapped(kind)
    if isinstance(bare, inspect.StructType):
        yield bare.cls
    elif isinstance(bare, inspect.UnionType):
        yield from (struct for each in bare.types for struct in _structs(each))
    elif isinstance(bare, inspect.VarTupleType):
        yield from _structs(bare.item_type)
