"""What every object has: identity and metadata, and the base of all models.

`Model` fixes how structs read the wire: frozen, camelCase names, unknown fields refused. `NamespacedName` is the key under which
an object stands in the table of its kind.
"""

from typing import Any, NamedTuple

import msgspec


class NamespacedName(NamedTuple):
    """Identity of an object within its kind; `namespace` is empty for cluster-scoped kinds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """Base of the API's structs: immutable, deep equality, camelCase on the wire."""


class OpenModel(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """Base of structs of which only the named fields concern us (core kinds, metadata); others are ignored."""


class ObjectMeta(OpenModel):
    """The metadata that rules read (Kubernetes ObjectMeta); the rest is left out on purpose."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    generation: int = 0
    creation_timestamp: str = ""  # RFC 3339 in UTC, so it sorts as text; empty in files
    deletion_timestamp: str = ""
    uid: str = ""
    resource_version: str = ""


class KubernetesObject(Model):
    """Base of the kinds; a status in a document is accepted and never read."""

    api_version: str
    kind: str
    metadata: ObjectMeta
    status: Any = None

    @property
    def key(self) -> NamespacedName:
        """The object's key in the table of its kind."""
        return NamespacedName(self.metadata.namespace, self.metadata.name)
