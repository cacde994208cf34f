"""YAML as Kubernetes reads it: the exact parser, which takes anything and says where it is wrong.

kubectl turns YAML into JSON (sigs.k8s.io/yaml) before anyone looks at it, so `on` is true, `010` is eight, a date is a string and
keys are always strings. Strict decoding also refuses a key that stands twice. libyaml does the scanning; its events are put
together here rather than by PyYAML, so that nesting and aliases stay bounded and each error keeps its line.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import yaml
from yaml._yaml import CParser

MAX_DEPTH: Final = 100
"""Levels of nesting in one document; the deepest real objects (embedded patches) have about 30."""

MAX_ALIASED_NODES: Final = 100_000
"""Nodes that the aliases of one document may stand for; more is a bomb."""

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
LONGEST_NUMBER: Final = 308
"""Digits of an integer that surely fit a float; what has more is a text, as `1e400` is."""

_INFINITIES: Final = frozenset(sign + word for word in (".inf", ".Inf", ".INF") for sign in ("", "+", "-"))
_NOT_JSON: Final = _INFINITIES | {".nan", ".NaN", ".NAN"}
_INTEGER: Final = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_STANDARD: Final = "tag:yaml.org,2002:"
_MERGE: Final = "<<"


class InvalidYaml(Exception):  # noqa: N818 - says what the document is, as the value made of it does
    """A document that cannot be read; `line` and `column` count from 1 in the text that was given."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Loaded(msgspec.Struct, frozen=True):
    """One document: its value as JSON would have it, and the line on which it begins."""

    value: Any
    line: int


def load_all(text: str) -> Iterator[Loaded]:
    """Yield the documents of `text`.

    Raises:
        InvalidYaml: at the first fault; what was yielded before stands.
    """
    events = Events(text)
    while (start := events.next_document()) is not None:
        builder = _Builder(events, MAX_ALIASED_NODES)
        value = builder.node(events.next(), 0)
        yield Loaded(value, start.start_mark.line + 1)


def number(text: str) -> int | float | None:
    """`text` as Go's decoder reads a plain number: a whole float is an integer, and what fits neither is None."""
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        if len(digits) > LONGEST_NUMBER:
            return None
        value = _integer(digits)
        if -(1 << 63) <= value < 1 << 64:
            return value
        return None if digits.lstrip("+-")[:2].lower() in {"0x", "0b", "0o"} else whole(float(value))
    return whole(float(digits)) if _FLOAT.fullmatch(digits) and float(digits) not in {float("inf"), -float("inf")} else None


def whole(value: float) -> int | float:
    """The integer that Go's JSON encoder would write for `value`; `value` itself where that writes a fraction or an exponent."""
    return int(value) if value.is_integer() and abs(value) < 1e21 else value  # noqa: PLR2004 - encoding/json's own bound


def _integer(digits: str) -> int:
    sign, bare = (-1 if digits[0] == "-" else 1), digits.lstrip("+-").lower()
    if bare[:2] in {"0x", "0b", "0o"}:
        return sign * int(bare, 0)
    return sign * int(bare, 8 if bare[0] == "0" else 10)


def plain(text: str) -> Any:  # noqa: ANN401 - a JSON value
    """The value of an unquoted scalar without a tag.

    Raises:
        ValueError: for an infinity or NaN, which JSON cannot hold.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "0123456789+-.":
        return text
    if text in _NOT_JSON:
        raise ValueError(f"{text} has no place in JSON")
    found = number(text) if text[0] != "." else number(text.replace("_", "x"))
    return text if found is None else found


def _binary(text: str) -> str:
    return base64.b64decode(text, validate=False).decode()


def _typed(expected: tuple[type, ...]) -> Callable[[str], Any]:
    def convert(text: str) -> Any:  # noqa: ANN401 - a JSON value
        value = plain(text)
        if type(value) not in expected:
            raise ValueError(f"{text!r} does not fit its tag")
        return value

    return convert


_TAGS: Final[dict[str, Callable[[str], Any]]] = {
    "null": _typed((type(None),)),
    "bool": _typed((bool,)),
    "int": _typed((int,)),
    "float": _typed((int, float)),
    "binary": _binary,
}


class Events:
    """libyaml's events of one text, with its errors turned into `InvalidYaml`."""

    def __init__(self, text: str) -> None:
        try:
            self._parser = CParser(text)
        except yaml.YAMLError as error:
            raise _invalid(error, text) from None
        self._text = text

    def next(self) -> Any:  # noqa: ANN401 - PyYAML's events share no typed base
        """The next event."""
        try:
            event = self._parser.get_event()
        except yaml.YAMLError as error:
            raise _invalid(error, self._text) from None
        assert event is not None, "libyaml ends a document before it ends the stream"  # noqa: S101
        return event

    def next_document(self) -> Any:  # noqa: ANN401 - as in `next`
        """Skip to the next document's start; None at the end of the stream."""
        while True:
            event = self.next()
            if type(event) is yaml.DocumentStartEvent:
                return event
            if type(event) is yaml.StreamEndEvent:
                return None


class _Builder:
    """Puts the events of one document together; knows its anchors, and how much their aliases may still stand for."""

    def __init__(self, events: Events, aliased: int) -> None:
        self._next = events.next
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._open: set[str] = set()
        self._aliased = aliased
        self._count = 0

    def node(self, event: Any, depth: int) -> Any:  # noqa: ANN401 - a PyYAML event, a JSON value
        if type(event) is yaml.AliasEvent:
            return self._alias(event)
        self._count += 1
        if event.anchor is None:
            return self._value(event, depth)
        before = self._count
        self._open.add(event.anchor)
        value = self._value(event, depth)
        self._open.discard(event.anchor)
        self._anchors[event.anchor] = (value, self._count - before + 1)
        return value

    def _value(self, event: Any, depth: int) -> Any:  # noqa: ANN401 - as in `node`
        if type(event) is yaml.ScalarEvent:
            return _scalar(event)
        if depth >= MAX_DEPTH:
            raise _at(event, f"nested deeper than {MAX_DEPTH} levels")
        return self._mapping(depth + 1) if type(event) is yaml.MappingStartEvent else self._sequence(depth + 1)

    def _sequence(self, depth: int) -> list[Any]:
        items = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            items.append(self.node(event, depth))
        return items

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while type(event := self._next()) is not yaml.MappingEndEvent:
            if _is_merge(event):
                merged |= _merge(self.node(self._next(), depth), event)
                continue
            key = _key(self.node(event, depth), event)
            if key in found:
                raise _at(event, f'key "{key}" stands twice')
            found[key] = self.node(self._next(), depth)
        return {**merged, **found} if merged else found

    def _alias(self, event: Any) -> Any:  # noqa: ANN401 - as in `node`
        if event.anchor in self._open:
            raise _at(event, f'anchor "{event.anchor}" contains itself')
        if event.anchor not in self._anchors:
            raise _at(event, f'unknown anchor "{event.anchor}"')
        value, size = self._anchors[event.anchor]
        self._count += size
        self._aliased -= size
        if self._aliased < 0:
            raise _at(event, f"aliases stand for more than {MAX_ALIASED_NODES} nodes")
        return value


def _is_merge(event: Any) -> bool:  # noqa: ANN401 - a PyYAML event
    if type(event) is not yaml.ScalarEvent or event.value != _MERGE:
        return False
    return bool(event.implicit[0]) or event.tag == _STANDARD + "merge"


def _merge(value: Any, event: Any) -> dict[str, Any]:  # noqa: ANN401 - a JSON value, a PyYAML event
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, dict) for source in sources):
        raise _at(event, "a merge key takes an object or a list of objects")
    return {key: item for source in reversed(sources) for key, item in source.items()}


def _key(value: Any, event: Any) -> str:  # noqa: ANN401 - a JSON value, a PyYAML event
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise _at(event, "a key must be a string")


def _scalar(event: Any) -> Any:  # noqa: ANN401 - a PyYAML event, a JSON value
    text: str = event.value
    try:
        if event.tag is None or event.tag == "!":
            return plain(text) if event.implicit[0] else text
        convert = _TAGS.get(event.tag.removeprefix(_STANDARD)) if event.tag.startswith(_STANDARD) else None
        return convert(text) if convert is not None else text
    except (ValueError, binascii.Error) as error:
        raise _at(event, str(error)) from None


def _at(event: Any, message: str) -> InvalidYaml:  # noqa: ANN401 - a PyYAML event
    mark = event.start_mark
    return InvalidYaml(message, mark.line + 1, mark.column + 1)


def _invalid(error: yaml.YAMLError, text: str) -> InvalidYaml:
    mark = getattr(error, "problem_mark", None)
    if isinstance(error, yaml.MarkedYAMLError) and mark is not None:
        where = f" {error.context}" if error.context else ""
        return InvalidYaml(f"{error.problem}{where}", mark.line + 1, mark.column + 1)
    position = getattr(error, "position", 0)
    before = text[:position] if isinstance(position, int) else ""
    message = getattr(error, "reason", None) or str(error)
    return InvalidYaml(str(message), before.count("\n") + 1, len(before) - before.rfind("\n"))
