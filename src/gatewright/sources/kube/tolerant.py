"""Objects that are newer than we are, taken as far as we know them.

The CRDs of a cluster may be newer than this program. A field that we do not know is left out, with a problem that names it; the
object is taken. A value that we do not know (a new type of filter, say) cannot be left out without changing what is meant: the
object is refused, with every problem it has.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from gatewright.api.admission import Admitted, admit
from gatewright.api.checks import fields_of, present, struct_type, unwrapped
from gatewright.api.kinds import Kind
from gatewright.api.problems import Problem, below

IGNORED = "is not known to this version of Gatewright, and ignored"


def tolerated(kind: Kind, document: dict[str, Any]) -> tuple[msgspec.Struct | None, tuple[Problem, ...]]:
    """The object that `document` is as far as it is known, and what is wrong; None when the rest makes no sense either."""
    ignored = tuple(_prune(struct_type(kind.struct), document, ""))
    verdict = admit(document)
    if isinstance(verdict, Admitted):
        return verdict.object, ignored
    return None, (*ignored, *verdict.problems)


def _prune(kind: inspect.Type, value: object, path: str) -> Iterator[Problem]:
    """Take the fields that no struct has out of `value`, and say which."""
    bare, _, _ = unwrapped(present(kind)[0])
    if isinstance(bare, inspect.StructType) and isinstance(value, dict):
        known = {each.name: each for each in fields_of(bare.cls)}
        for name in [name for name in value if name not in known]:
            del value[name]
            if bare.forbid_unknown_fields:
                yield Problem(below(path, name), IGNORED)
        for name, item in value.items():
            yield from _prune(known[name].type, item, below(path, name))
    elif isinstance(bare, inspect.VarTupleType) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _prune(bare.item_type, item, f"{path}[{index}]")
    elif isinstance(bare, inspect.DictType) and isinstance(value, dict):
        for name, item in value.items():
            yield from _prune(bare.value_type, item, f"{path}[{name}]")
