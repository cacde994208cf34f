"""Label selectors, as Kubernetes evaluates them."""

import pytest

from gatewright.api.references import LabelSelector, LabelSelectorRequirement
from gatewright.graph import labels

LABELS = {"team": "blue", "empty": ""}


def requirement(key: str, operator: str, *values: str) -> LabelSelectorRequirement:
    return LabelSelectorRequirement(key=key, operator=operator, values=values)


def test_an_empty_selector_selects_everything() -> None:
    assert labels.selects(LabelSelector(), {})
    assert labels.selects(LabelSelector(), LABELS)


@pytest.mark.parametrize(
    ("wanted", "selected"),
    [
        ({"team": "blue"}, True),
        ({"team": "blue", "empty": ""}, True),
        ({"team": "green"}, False),
        ({"absent": ""}, False),
    ],
)
def test_all_labels_must_match(wanted: dict[str, str], *, selected: bool) -> None:
    assert selected == labels.selects(LabelSelector(match_labels=wanted), LABELS)


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        (requirement("team", "In", "blue", "green"), True),
        (requirement("team", "In", "green"), False),
        (requirement("absent", "In", "blue"), False),
        (requirement("team", "NotIn", "green"), True),
        (requirement("team", "NotIn", "blue"), False),
        (requirement("absent", "NotIn", "blue"), True),
        (requirement("empty", "Exists"), True),
        (requirement("absent", "Exists"), False),
        (requirement("absent", "DoesNotExist"), True),
        (requirement("empty", "DoesNotExist"), False),
    ],
)
def test_requirements(expression: LabelSelectorRequirement, *, selected: bool) -> None:
    assert "" == labels.problem(expression)
    assert selected == labels.selects(LabelSelector(match_expressions=(expression,)), LABELS)


def test_labels_and_requirements_must_all_hold() -> None:
    selector = LabelSelector(match_labels={"team": "blue"}, match_expressions=(requirement("empty", "DoesNotExist"),))

    assert not labels.selects(selector, LABELS)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        (requirement("team", "Like", "b"), "operator Like is not one of In, NotIn, Exists, DoesNotExist"),
        (requirement("team", "In"), "operator In needs values"),
        (requirement("team", "NotIn"), "operator NotIn needs values"),
        (requirement("team", "Exists", "blue"), "operator Exists takes no values"),
        (requirement("absent", "DoesNotExist", "blue"), "operator DoesNotExist takes no values"),
    ],
)
def test_an_unsound_requirement_selects_nothing(expression: LabelSelectorRequirement, problem: str) -> None:
    assert problem == labels.problem(expression)
    assert not labels.selects(LabelSelector(match_expressions=(expression,)), LABELS)
