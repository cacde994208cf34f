"""What every object has: identity and metadata, and the base of all models.

`Model` fixes how structs read the wire: frozen, camelCase names, unknown fields refused. `NamespacedName` is the key under which
an object stands in the table of its kind. Types of fields carry what the API allows (`api.scalars`), rules over several fields
stand next to the structs that they are about (`api.rules`).
"""

from typing import Any, NamedTuple, dataclass_transform

import msgspec


class NamespacedName(NamedTuple):
    """Identity of an object within its kind; `namespace` is empty for cluster-scoped kinds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


# The decorators tell type checkers what msgspec's keywords mean for subclasses; at run time they do nothing.
@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """Base of the API's structs: immutable, deep equality, camelCase on the wire."""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class OpenModel(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """Base of structs of which only the named fields concern us (core kinds); others are ignored."""


class OwnerReference(Model):
    """An object without which this one is to be deleted.

    Here to be judged, and never read.
    """

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Model):
    """Name, namespace, labels and annotations.

    Kubernetes' ObjectMeta. Fields below `resource_version` are there to be told from misspelt ones, and never read.
    """

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    generation: int = 0
    creation_timestamp: str | None = None  # RFC 3339 in UTC, so it sorts as text; absent in files
    deletion_timestamp: str | None = None
    uid: str = ""
    resource_version: str = ""
    generate_name: str = ""
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    deletion_grace_period_seconds: int | None = None
    self_link: str = ""
    managed_fields: Any = None


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
