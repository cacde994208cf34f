"""What writers need of a cluster's objects, said as seams: `sources.kube` has them, and `control` hands them over.

Folders on one level do not import each other.
"""

from collections.abc import Set as AbstractSet
from typing import Protocol

from gatewright.api.meta import NamespacedName


class Live(Protocol):
    """An object as the API server has it; `status` is JSON, empty when there is none."""

    @property
    def resource_version(self) -> str:
        """The version of the object."""

    @property
    def generation(self) -> int:
        """How often its desired state has changed."""

    @property
    def status(self) -> bytes:
        """Its status."""


class Objects(Protocol):
    """The objects of the cluster, as far as we have heard."""

    def live(self, kind: str, key: NamespacedName) -> Live | None:
        """One object; None when there is none."""

    def lives(self, kind: str) -> AbstractSet[NamespacedName]:
        """All objects of a kind."""

    def status_path(self, kind: str, key: NamespacedName) -> str:
        """Where the status of an object is written; empty when its kind is not served."""
