"""Times are put into statuses at the edge: a condition keeps its time until its status changes."""

from typing import Any

from gatewright.status.document import stamped


def condition(kind: str, status: str, **more: str) -> dict[str, Any]:
    return {"type": kind, "status": status, **more}


def test_a_new_condition_has_the_time_of_now() -> None:
    body = {"conditions": [condition("Accepted", "True")]}

    assert {"conditions": [condition("Accepted", "True", lastTransitionTime="now")]} == stamped(body, None, "now")


def test_an_unchanged_status_keeps_its_time_whatever_its_message_says() -> None:
    before = {"conditions": [condition("Accepted", "True", message="old", lastTransitionTime="then")]}
    body = {"conditions": [condition("Accepted", "True", message="new")]}

    assert "then" == stamped(body, before, "now")["conditions"][0]["lastTransitionTime"]


def test_a_changed_status_has_the_time_of_now() -> None:
    before = {"conditions": [condition("Accepted", "True", lastTransitionTime="then")]}
    body = {"conditions": [condition("Accepted", "False")]}

    assert "now" == stamped(body, before, "now")["conditions"][0]["lastTransitionTime"]


def test_conditions_are_found_by_type_and_not_by_place() -> None:
    before = {
        "conditions": [
            condition("Conflicted", "True", lastTransitionTime="1"),
            condition("Accepted", "False", lastTransitionTime="2"),
        ]
    }
    body = {"conditions": [condition("Accepted", "False")]}

    assert "2" == stamped(body, before, "now")["conditions"][0]["lastTransitionTime"]


def test_conditions_of_listeners_and_parents_are_stamped_too() -> None:
    before = {"listeners": [{"name": "http", "conditions": [condition("Accepted", "True", lastTransitionTime="then")]}]}
    body = {"listeners": [{"name": n, "conditions": [condition("Accepted", "True")]} for n in ("http", "new")]}

    times = [each["conditions"][0]["lastTransitionTime"] for each in stamped(body, before, "now")["listeners"]]

    assert ["then", "now"] == times


def test_what_was_given_is_not_changed() -> None:
    body = {"conditions": [condition("Accepted", "True")], "addresses": [{"value": "127.0.0.1"}]}

    stamped(body, None, "now")

    assert {"conditions": [condition("Accepted", "True")], "addresses": [{"value": "127.0.0.1"}]} == body


def test_listeners_keep_their_own_times_when_another_comes_in_front() -> None:
    """Listeners have names: their place in the list says nothing."""
    before = {
        "listeners": [
            {"name": "a", "conditions": [condition("Accepted", "True", lastTransitionTime="1")]},
            {"name": "b", "conditions": [condition("Accepted", "True", lastTransitionTime="2")]},
        ]
    }
    body = {"listeners": [{"name": n, "conditions": [condition("Accepted", "True")]} for n in ("new", "a", "b")]}

    times = [each["conditions"][0]["lastTransitionTime"] for each in stamped(body, before, "now")["listeners"]]

    assert ["now", "1", "2"] == times


def test_parents_keep_their_own_times_when_another_goes() -> None:
    """A parent is told from others by its reference and who writes about it."""
    before = {
        "parents": [
            {
                "parentRef": {"name": n},
                "controllerName": "us",
                "conditions": [condition("Accepted", "True", lastTransitionTime=n)],
            }
            for n in ("a", "b")
        ]
    }
    body = {"parents": [{"parentRef": {"name": "b"}, "controllerName": "us", "conditions": [condition("Accepted", "True")]}]}

    assert "b" == stamped(body, before, "now")["parents"][0]["conditions"][0]["lastTransitionTime"]
