"""ReferenceGrant: whose references into this namespace are trusted (gateway.networking.k8s.io/v1)."""

from typing import Annotated

from msgspec import Meta, field

from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.scalars import Group, KindName, NamespaceName, ObjectName


class ReferenceGrantFrom(Model):
    """Kinds and namespaces that may refer."""

    group: Group
    kind: KindName
    namespace: NamespaceName


class ReferenceGrantTo(Model):
    """What may be referred to; without a name, all of that kind."""

    group: Group
    kind: KindName
    name: ObjectName | None = None


class ReferenceGrantSpec(Model):
    """Any of `from_` may refer to any of `to`."""

    from_: Annotated[tuple[ReferenceGrantFrom, ...], Meta(min_length=1, max_length=16)] = field(name="from")
    to: Annotated[tuple[ReferenceGrantTo, ...], Meta(min_length=1, max_length=16)]


class ReferenceGrant(KubernetesObject, kw_only=True):
    """The kind ReferenceGrant."""

    spec: ReferenceGrantSpec
