"""Where kinds are in the API: the paths of their lists and objects.

Source: Kubernetes API conventions, "Resource URIs". A version of "" is that of a kind which is not served.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gatewright.api.kinds import KINDS, Kind
from gatewright.api.meta import NamespacedName

BUILT_IN: Final = frozenset({"", "discovery.k8s.io"})
"""Groups of the API server itself; all others are of CustomResourceDefinitions, which may be missing."""

BY_NAME: Final[Mapping[str, Kind]] = {kind.name: kind for kind in KINDS}


class Resource(NamedTuple):
    """A kind in the version that is spoken."""

    kind: Kind
    version: str

    @property
    def api_version(self) -> str:
        """The apiVersion of its objects."""
        return f"{self.kind.group}/{self.version}" if self.kind.group else self.version

    def list_path(self, namespace: str = "") -> str:
        """The path of the list of all objects, or of those in one namespace."""
        return f"{_root(self.api_version)}{_within(namespace)}/{self.kind.plural}"

    def object_path(self, key: NamespacedName, subresource: str = "") -> str:
        """The path of one object, or of its `status`."""
        return f"{self.list_path(key.namespace)}/{key.name}" + (f"/{subresource}" if subresource else "")


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _within(namespace: str) -> str:
    return f"/namespaces/{namespace}" if namespace else ""
