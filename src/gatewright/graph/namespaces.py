"""Namespaces as `from` and `selector` choose them: the same rule for routes on a listener and for ListenerSets on a Gateway.

`Same` is the namespace of the object that declares the listener, so of the ListenerSet for one of its own. Every namespace has
the label of its name, also where nobody has declared the namespace. Source: Gateway API, RouteNamespaces and ListenerNamespaces.
"""

from typing import Final

from gatewright.api.gateway import ListenerNamespaces, RouteNamespaces
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph import labels
from gatewright.graph.tables import NAMESPACES

NAME_LABEL: Final = "kubernetes.io/metadata.name"


def allows(read: Read, wanted: RouteNamespaces | ListenerNamespaces, home: str, namespace: str) -> bool:
    """Say whether an object in `namespace` is let in by `wanted`, which stands in an object of namespace `home`."""
    if wanted.from_ in {"All", "None"}:
        return wanted.from_ == "All"
    if wanted.from_ == "Same":
        return namespace == home
    if wanted.selector is None:
        return False
    found = read(NAMESPACES, NamespacedName("", namespace))
    return labels.selects(wanted.selector, (found.metadata.labels if found else {}) | {NAME_LABEL: namespace})


def described(wanted: RouteNamespaces | ListenerNamespaces) -> str:
    """The choice in a few words: `Same`, `Selector team=blue`."""
    if wanted.from_ != "Selector":
        return str(wanted.from_)
    if wanted.selector is None:
        return "Selector, which is missing"
    return f"Selector {labels.described(wanted.selector) or 'of every namespace'}"
