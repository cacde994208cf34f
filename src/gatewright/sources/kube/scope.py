"""Which namespaces are watched: all, some by name, or those that a selector selects (EnvoyGateway, provider.kubernetes.watch)."""

from collections.abc import Callable
from typing import Final, Self

import msgspec

from gatewright.api.envoygateway import KubernetesWatchMode
from gatewright.api.kinds import Kind
from gatewright.api.meta import NamespacedName
from gatewright.api.references import LabelSelector

EVERYWHERE: Final = ""


class Scope(msgspec.Struct, frozen=True):
    """Without names and selector, every namespace. Objects without a namespace are always watched."""

    namespaces: tuple[str, ...] = ()
    selector: LabelSelector | None = None

    @classmethod
    def of(cls, mode: KubernetesWatchMode | None) -> Self:
        """The scope that an EnvoyGateway asks for."""
        if mode is None or mode.type is None:
            return cls()
        return cls(namespaces=mode.namespaces) if mode.type == "Namespaces" else cls(selector=mode.namespace_selector)

    def places(self, kind: Kind) -> tuple[str, ...]:
        """The namespaces in which objects of a kind are listed; `EVERYWHERE` is all of them in one list."""
        return self.namespaces if kind.namespaced and self.namespaces else (EVERYWHERE,)


def within(place: str) -> Callable[[NamespacedName, object], bool]:
    """Whether an object is in a namespace, or in `EVERYWHERE`."""
    return lambda key, _object: place in {EVERYWHERE, key.namespace}


EVERY_NAMESPACE: Final = Scope()
