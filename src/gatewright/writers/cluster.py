"""What writers need of a cluster, said as seams: requests to its API server, and objects as it has them.

`sources.kube` has both (`Client` and `KubeSource`), and `control` hands them over; folders on one level do not import each
other.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final, Protocol

from gatewright.api.meta import NamespacedName

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
FIELD_MANAGER: Final = "gatewright"

OK: Final = 200
CREATED: Final = 201
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
CONFLICT: Final = 409


class Api(Protocol):
    """Requests to an API server; one that does not answer is an OSError."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
    ) -> tuple[int, bytes, float]:
        """Return the status, the body, and the seconds after which to try again (0 when the server did not say)."""


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
