"""JSON Patch: operations on places of a document, in order, all of them or none (RFC 6902, RFC 6901).

A place may also be chosen by an expression (`jsonPath`), as Envoy Gateway has it: the operation is then done wherever the
expression finds something, with `path` appended. Of JSONPath there are names, indexes, wildcards, descendants and filters by
equality: `$.static_resources.clusters[?(@.name=="a")]`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Any, Final

from gatewright.api.envoyproxy import JSONPatchOperation

Json = Any
Place = tuple[str | int, ...]

_STEP: Final = re.compile(
    r"""(?P<deep>\.\.)?\.?(?:
        (?P<name>[A-Za-z_@][\w@-]*)
      | \[\s*(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<index>\d+)|(?P<all>\*)
          |\?\(?\s*@(?P<field>(?:\.[\w@-]+|\['[^']*'\]|\["[^"]*"\])+)\s*==\s*(?P<value>'[^']*'|"[^"]*"|-?\d+|true|false)\s*\)?)\s*\]
      | (?P<any>\*)
    )""",
    re.VERBOSE,
)


class PatchRefused(ValueError):  # noqa: N818 - says what is so
    """An operation that cannot be done; the message is for whoever wrote it."""


def patched(document: Json, operations: Sequence[JSONPatchOperation]) -> Json:
    """A copy of `document` after all `operations`. Raises: PatchRefused, naming the operation."""
    result = deepcopy(document)
    for number, operation in enumerate(operations):
        try:
            for place in list(_places(result, operation)):
                result = _done(result, operation, place)
        except PatchRefused as refused:
            raise PatchRefused(f"[{number}] {operation.op} {operation.path or operation.json_path or ''}: {refused}") from None
    return result


def _places(document: Json, operation: JSONPatchOperation) -> Iterable[Place]:
    below = pointer(operation.path or "")
    if operation.json_path is None:
        if operation.path is None:
            raise PatchRefused("it needs a path, or a jsonPath")
        return (below,)
    found = found_by(document, operation.json_path)
    if not found:
        raise PatchRefused(f"jsonPath {operation.json_path} finds nothing")
    return (place + below for place in found)


def pointer(text: str) -> Place:
    """The place of a JSON pointer. Raises: PatchRefused."""
    if text and not text.startswith("/"):
        raise PatchRefused(f"{text!r} is no JSON pointer: it does not begin with /")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _done(document: Json, operation: JSONPatchOperation, place: Place) -> Json:
    match operation.op:
        case "add":
            return _added(document, place, deepcopy(operation.value))
        case "remove":
            return _removed(document, place)
        case "replace":
            at(document, place)
            return _added(_removed(document, place), place, deepcopy(operation.value)) if place else deepcopy(operation.value)
        case "test":
            if at(document, place) != operation.value:
                raise PatchRefused("the value there is another one")
            return document
        case "copy" | "move":
            source = pointer(operation.from_ or "")
            value = deepcopy(at(document, source))
            return _added(_removed(document, source) if operation.op == "move" else document, place, value)


def at(document: Json, place: Place) -> Json:
    """The value at a place. Raises: PatchRefused when there is none."""
    for step in place:
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and str(step).isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            raise PatchRefused(f"there is no {step!r}")
    return document


def _added(document: Json, place: Place, value: Json) -> Json:
    if not place:
        return value
    *above, last = place
    parent = at(document, tuple(above))
    if isinstance(parent, dict):
        parent[str(last)] = value
    elif isinstance(parent, list) and (last == "-" or (str(last).isdigit() and int(last) <= len(parent))):
        parent.insert(len(parent) if last == "-" else int(last), value)
    else:
        raise PatchRefused(f"nothing can be added at {last!r}")
    return document


def _removed(document: Json, place: Place) -> Json:
    at(document, place)
    if not place:
        return None
    *above, last = place
    parent = at(document, tuple(above))
    del parent[int(last) if isinstance(parent, list) else last]
    return document


def found_by(document: Json, expression: str) -> list[Place]:
    """The places that a JSONPath finds, in the document's order. Raises: PatchRefused when it cannot be understood."""
    rest = expression.strip()
    rest = rest[1:] if rest.startswith("$") else f".{rest}"
    found: list[Place] = [()]
    while rest:
        step = _STEP.match(rest)
        if step is None or not step.group():
            raise PatchRefused(f"jsonPath {expression} cannot be understood from {rest!r} on")
        rest = rest[step.end() :]
        starts = found if not step["deep"] else [each for place in found for each in _below(document, place)]
        found = list(dict.fromkeys(each for place in starts for each in _children(at(document, place), place, step)))
    return found


def _below(document: Json, place: Place) -> Iterator[Place]:
    """A place and all below it."""
    yield place
    value = at(document, place)
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from _below(document, (*place, key))


def _children(value: Json, place: Place, step: re.Match[str]) -> Iterator[Place]:
    name = next((step[group] for group in ("name", "single", "double") if step[group] is not None), None)
    items: Iterable[tuple[str | int, Json]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, each in items:
        if name is not None:
            wanted = key == name
        elif step["index"] is not None:
            wanted = key == int(step["index"])
        else:
            wanted = step["field"] is None or _equals(each, step["field"], step["value"])
        if wanted:
            yield (*place, key)


def _equals(value: Json, field: str, literal: str) -> bool:
    for name in re.findall(r"[\w@-]+", field):
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    if literal[0] in "'\"":
        return bool(value == literal[1:-1])
    return bool(value == (literal == "true" if literal in {"true", "false"} else int(literal)))
