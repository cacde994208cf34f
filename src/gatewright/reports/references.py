"""References to objects of other namespaces, found wherever they stand in an object of any kind.

What may hold a reference is read off the types of the models, once a kind; so only those fields of an object are visited.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias, get_args, get_type_hints

import msgspec

from gatewright.api.kinds import KINDS
from gatewright.api.meta import NamespacedName
from gatewright.api.references import BackendObjectReference, ObjectReference, SecretObjectReference
from gatewright.flow import World
from gatewright.graph.grants import Referrer, Target
from gatewright.graph.tables import INPUTS

_Reference: TypeAlias = BackendObjectReference | ObjectReference | SecretObjectReference
_REFERENCES: Final = (BackendObjectReference, ObjectReference, SecretObjectReference)
"""The references that need a ReferenceGrant; those to parents are let in by the parents."""


class ForeignReference(NamedTuple):
    """A reference into another namespace: who holds it, in which field, and what it names."""

    referrer: Referrer
    name: str
    path: str
    target: Target


def foreign_references(world: World) -> Iterator[ForeignReference]:
    """Every reference of a world that needs a ReferenceGrant."""
    kinds = {kind.name: kind for kind in KINDS}
    for ref in INPUTS:
        kind = kinds[ref.name]
        if not kind.namespaced or not _holders(kind.struct):
            continue
        for key, row in world.rows(ref).items():
            for path, reference in _walk(row, ""):
                if reference.namespace not in (None, key.namespace):
                    referrer = Referrer(kind.group, kind.name, key.namespace)
                    yield ForeignReference(referrer, key.name, path, _target(reference, key))


def _target(reference: _Reference, key: NamespacedName) -> Target:
    return Target(reference.group, reference.kind, reference.namespace or key.namespace, reference.name)


def _walk(value: Any, path: str) -> Iterator[tuple[str, _Reference]]:  # noqa: ANN401 - any field of any model
    if isinstance(value, tuple):
        for i, each in enumerate(value):
            yield from _walk(each, f"{path}[{i}]")
        return
    if isinstance(value, _REFERENCES):
        yield path, value
    if isinstance(value, msgspec.Struct):
        for attribute, name in _holders(type(value)):
            yield from _walk(getattr(value, attribute), f"{path}.{name}" if path else name)


@cache
def _holders(struct: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """The fields of a struct below which a reference may stand: attribute, and name in the API."""
    hints = get_type_hints(struct)
    return tuple(
        (field.name, field.encode_name)
        for field in msgspec.structs.fields(struct)
        if any(issubclass(each, _REFERENCES) or _holders(each) for each in _structs(hints[field.name]))
    )


def _structs(annotation: Any) -> Iterator[type[msgspec.Struct]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
    for argument in get_args(annotation):
        yield from _structs(argument)
