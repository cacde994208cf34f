"""Findings become conditions by a table."""

import pytest

from gatewright.graph.findings import ACCEPTED, CONFLICTED, PARTIALLY_INVALID, PROGRAMMED, RESOLVED_REFS, Finding
from gatewright.status.conditions import GATEWAY, LISTENER, ROUTE, Positive, conditions


def kinds(table: tuple[Positive, ...], *findings: Finding) -> list[tuple[str, str, str]]:
    return [(each["type"], each["status"], each["reason"]) for each in conditions(table, findings, 7)]


def test_positive_conditions_are_true_until_something_speaks_against_them() -> None:
    assert [("Accepted", "True", "Accepted"), ("ResolvedRefs", "True", "ResolvedRefs")] == kinds(ROUTE)
    assert [("Accepted", "True", "Accepted"), ("ResolvedRefs", "False", "InvalidKind")] == kinds(
        ROUTE, Finding(RESOLVED_REFS, "InvalidKind", "no")
    )


def test_a_condition_has_the_generation_and_the_findings_path_and_words() -> None:
    found = conditions(ROUTE, [Finding(ACCEPTED, "UnsupportedValue", "no", "spec.rules[0]")], 7)

    expected = {
        "type": "Accepted",
        "status": "False",
        "reason": "UnsupportedValue",
        "message": "spec.rules[0]: no",
        "observedGeneration": 7,
    }
    assert expected == found[0]


def test_of_several_findings_the_first_gives_the_reason_and_all_are_told_once() -> None:
    findings = [
        Finding(RESOLVED_REFS, "RefNotPermitted", "one"),
        Finding(RESOLVED_REFS, "BackendNotFound", "two"),
        Finding(RESOLVED_REFS, "RefNotPermitted", "one"),
    ]

    found = conditions(ROUTE, findings, 1)[1]

    assert ("RefNotPermitted", "one; two") == (found["reason"], found["message"])


def test_negative_conditions_stand_only_while_something_asks_for_them() -> None:
    assert "Conflicted" not in {kind for kind, _, _ in kinds(LISTENER)}
    assert ("Conflicted", "True", "HostnameConflict") in kinds(LISTENER, Finding(CONFLICTED, "HostnameConflict", "two"))
    assert ("PartiallyInvalid", "True", "UnsupportedValue") == kinds(ROUTE, Finding(PARTIALLY_INVALID, "UnsupportedValue", "x"))[
        -1
    ]


def test_what_envoy_refuses_of_an_object_without_programmed_is_told_all_the_same() -> None:
    assert ("Programmed", "False", "Invalid") == kinds(ROUTE, Finding(PROGRAMMED, "Invalid", "Envoy says no"))[-1]


def test_a_note_changes_the_reason_of_a_true_condition_and_never_of_a_false_one() -> None:
    note = {ACCEPTED: Finding(ACCEPTED, "ListenersNotValid", "one is not valid")}

    accepted = conditions(GATEWAY, [], 1, note)[0]
    refused = conditions(GATEWAY, [Finding(ACCEPTED, "Invalid", "no")], 1, note)[0]

    assert ("True", "ListenersNotValid") == (accepted["status"], accepted["reason"])
    assert ("False", "Invalid") == (refused["status"], refused["reason"])


@pytest.mark.parametrize(("kind", "status"), [(ACCEPTED, "Unknown"), (PROGRAMMED, "False")])
def test_pending_is_unknown_for_acceptance_and_false_for_programming(kind: str, status: str) -> None:
    assert (kind, status, "Pending") in kinds(LISTENER, Finding(kind, "Pending", "later"))


def test_a_message_is_no_longer_than_kubernetes_allows() -> None:
    message = conditions(ROUTE, [Finding(ACCEPTED, "UnsupportedValue", "x" * 40_000)], 1)[0]["message"]

    assert len(message) <= 32_768
    assert message.endswith(" (message truncated)")
