"""Our part of a status that others write to as well."""

from typing import Any

import pytest

from gatewright.writers.merging import patch

OURS, THEIRS = "example.com/ours", "example.com/theirs"
NOW, BEFORE = "2026-02-02T00:00:00Z", "2026-01-01T00:00:00Z"


def condition(kind: str, status: str = "True", since: str = "", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"type": kind, "status": status, "reason": kind} | ({"lastTransitionTime": since} if since else {}) | more


def entry(name: str, *conditions: dict[str, Any], controller: str = OURS, about: str = "parentRef") -> dict[str, Any]:
    return {about: {"name": name}, "controllerName": controller, "conditions": list(conditions)}


def test_an_empty_status_is_filled() -> None:
    """With the time of now."""
    wanted = {"parents": [entry("gw", condition("Accepted"))]}
    assert {"parents": [entry("gw", condition("Accepted", since=NOW))]} == patch(wanted, {}, OURS, NOW)


def test_what_is_right_is_not_written() -> None:
    """Whatever the times, and wherever in the list our entry stands."""
    live = {"parents": [entry("gw", condition("Accepted", since=BEFORE)), entry("gw", controller=THEIRS)]}
    assert patch({"parents": [entry("gw", condition("Accepted", since=NOW))]}, live, OURS, NOW) is None


def test_times_follow_the_status_of_a_condition() -> None:
    """A new reason is no transition, a new status is one."""
    live = {"parents": [entry("gw", condition("Accepted", since=BEFORE), condition("ResolvedRefs", since=BEFORE))]}
    wanted = {"parents": [entry("gw", condition("Accepted", reason="Other"), condition("ResolvedRefs", "False"))]}
    expected = [condition("Accepted", since=BEFORE, reason="Other"), condition("ResolvedRefs", "False", NOW)]
    assert {"parents": [entry("gw", *expected)]} == patch(wanted, live, OURS, NOW)


@pytest.mark.parametrize(("field", "about"), [("parents", "parentRef"), ("ancestors", "ancestorRef")])
def test_entries_of_others_stay(field: str, about: str) -> None:
    """As they are and where they are; ours that are wanted no more go."""
    theirs = entry("gw", condition("Accepted", since=BEFORE), controller=THEIRS, about=about)
    live = {field: [entry("old", about=about), theirs, entry("gw", condition("Accepted", since=BEFORE), about=about)]}
    wanted = {field: [entry("gw", condition("Accepted"), about=about), entry("new", about=about)]}
    kept = entry("gw", condition("Accepted", since=BEFORE), about=about)
    assert {field: [theirs, kept, entry("new", about=about)]} == patch(wanted, live, OURS, NOW)
    assert {field: [theirs]} == patch(None, live, OURS, NOW)
    assert patch(None, {field: [theirs]}, OURS, NOW) is None


def test_entries_of_others_are_never_crowded_out() -> None:
    """The API allows 32 parents: ours are left out first."""
    live = {"parents": [entry(f"t{i}", controller=THEIRS) for i in range(30)]}
    changed = patch({"parents": [entry(f"o{i}") for i in range(5)]}, live, OURS, NOW)
    assert changed is not None
    assert ["t0", "t29", "o0", "o1"] == [changed["parents"][i]["parentRef"]["name"] for i in (0, 29, 30, 31)]
    assert 32 == len(changed["parents"])


def test_foreign_conditions_stay() -> None:
    """Of an object with one status, and of its listeners; types of ours that no longer hold go."""
    foreign = condition("example.com/Checked", since=BEFORE)
    live = {
        "conditions": [foreign, condition("Accepted", "Unknown", BEFORE)],
        "listeners": [{"name": "a", "conditions": [condition("Conflicted", since=BEFORE), foreign]}, {"name": "old"}],
    }
    wanted = {
        "conditions": [condition("Accepted"), condition("Programmed")],
        "listeners": [{"name": "a", "conditions": [condition("Accepted")]}],
    }
    expected = {
        "conditions": [foreign, condition("Accepted", since=NOW), condition("Programmed", since=NOW)],
        "listeners": [{"name": "a", "conditions": [foreign, condition("Accepted", since=NOW)]}],
    }
    assert expected == patch(wanted, live, OURS, NOW)
    assert patch(wanted, expected, OURS, NOW) is None


def test_only_fields_that_differ_are_written() -> None:
    """One that is not wanted any more is removed; what others added is not ours to remove."""
    live = {"addresses": [{"value": "1.2.3.4"}], "conditions": [condition("Accepted", since=BEFORE)], "theirs": 1}
    assert {"addresses": None} == patch({"conditions": [condition("Accepted")]}, live, OURS, NOW)
    assert patch({"conditions": [condition("Accepted")], "addresses": []}, {**live, "addresses": []}, OURS, NOW) is None


def test_an_object_with_one_status_keeps_it() -> None:
    """Without a document: whoever owns it now will write it."""
    assert patch(None, {"conditions": [condition("Accepted", since=BEFORE)]}, OURS, NOW) is None
