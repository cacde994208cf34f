"""Kubernetes label selectors: which labels they select, and whether they are sound.

Source: Kubernetes API, LabelSelector and LabelSelectorRequirement.
"""

from collections.abc import Callable, Mapping
from typing import Final

from gatewright.api.references import LabelSelector, LabelSelectorRequirement

_Values = tuple[str, ...]
# Each tells from a label's value (None when it is absent) and the requirement's values whether the requirement holds.
_OPERATORS: Final[Mapping[str, Callable[[str | None, _Values], bool]]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, values: value is not None,  # noqa: ARG005 - the operators share a signature
    "DoesNotExist": lambda value, values: value is None,  # noqa: ARG005 - as above
}
_FORMS: Final[Mapping[str, str]] = {
    "In": "{key} in {values}",
    "NotIn": "{key} notin {values}",
    "Exists": "{key}",
    "DoesNotExist": "!{key}",
}
_WITH_VALUES: Final = frozenset({"In", "NotIn"})


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Say whether a selector selects `labels`; an empty one selects everything, an unsound one nothing."""
    if any(labels.get(name) != value for name, value in selector.match_labels.items()):
        return False
    return all(
        not problem(each) and _OPERATORS[each.operator](labels.get(each.key), each.values) for each in selector.match_expressions
    )


def problem(expression: LabelSelectorRequirement) -> str:
    """Why a requirement is unsound; empty when it is not."""
    if expression.operator not in _OPERATORS:
        return f"operator {expression.operator} is not one of {', '.join(_OPERATORS)}"
    if (expression.operator in _WITH_VALUES) != bool(expression.values):
        need = "needs values" if expression.operator in _WITH_VALUES else "takes no values"
        return f"operator {expression.operator} {need}"
    return ""


def described(selector: LabelSelector) -> str:
    """A selector as kubectl writes it: `team=blue,tier in (a,b)`; empty for one that selects everything."""
    parts = [f"{name}={value}" for name, value in selector.match_labels.items()]
    parts += [
        _FORMS.get(each.operator, "{key} ?").format(key=each.key, values=f"({','.join(each.values)})")
        for each in selector.match_expressions
    ]
    return ",".join(parts)
