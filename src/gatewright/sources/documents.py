"""Text becomes documents: split where YAML separates them, each one read on its own.

A line that begins with `---` always separates, so the text is cut there first and a broken document hides none of its neighbours.
A piece that is plain YAML takes the quick way; a piece that is JSON is decoded as such (several objects may follow each other);
anything else is read by `kubernetes_yaml`. Lists, as `kubectl get -o yaml` prints them, come out as their items.
"""

import re
from collections.abc import Iterator
from json import JSONDecodeError
from typing import Any, Final

import msgspec

from gatewright.sources.field_lines import item_lines, line_of
from gatewright.sources.kubernetes_yaml import InvalidYaml, load_all
from gatewright.sources.plain_yaml import UNDECIDED, PlainYaml
from gatewright.sources.strict_json import DECODER, too_deep

_REST_OF_LINE: Final = re.compile(rb"[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
_NOTHING: Final = re.compile(rb"(?:[ \t]*(?:#[^\n]*)?\n|%[^\n]*\n)*[ \t]*(?:#[^\n]*)?")
_BLANK: Final = re.compile(r"\s*")
_NEXT_OBJECT: Final = re.compile(r"^\{", re.MULTILINE)
_NAMES: Final = {list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


class Fault(msgspec.Struct, frozen=True):
    """Why a document could not be read; `line` and `column` count from 1 in the whole text."""

    message: str
    line: int
    column: int


class Document(msgspec.Struct, frozen=True):
    """One object of a text, or why there is none: exactly one of `value` and `fault` is set.

    `index` counts the text's documents from 1 (empty ones left out), `line` is where it begins. An item of a list shares its
    list's index and has its place there as `item`.
    """

    index: int
    line: int
    value: dict[str, Any] | None
    fault: Fault | None = None
    item: int | None = None
    source: "Piece | None" = None

    def line_of(self, path: str) -> int:
        """The line of the field at `path`, or of the nearest field around it."""
        if self.source is None:
            return self.line
        whole_path = path if self.item is None else f"items[{self.item}].{path}"
        return self.source.line_of(whole_path)


class Piece(msgspec.Struct, frozen=True):
    """What stands between two separators; `first` is the line, from 1, on which it begins."""

    text: bytes
    first: int

    def line_of(self, path: str) -> int:
        """The line in the whole text of the field at `path`."""
        return self.first - 1 + line_of(self.text.decode(errors="replace"), path)


def documents(text: bytes, plain: PlainYaml) -> Iterator[Document]:
    """Yield what `text` holds, in order: UTF-8 (or, with a byte order mark, UTF-16), YAML or JSON."""
    index = 0
    for piece in _pieces(_unix(text)):
        for read in _read(piece, plain):
            if read.fault is None and read.value is None:
                continue
            index += 1
            yield from _objects(read, index)


class _Read(msgspec.Struct, frozen=True):
    """One document as it was found, not yet known to be an object."""

    piece: Piece
    value: Any
    line: int
    fault: Fault | None = None


def _unix(text: bytes) -> bytes:
    """UTF-8 with line feeds and no byte order mark, which is what text of any of YAML's encodings means."""
    if text[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        text = text.decode("utf-16", errors="replace").encode()
    text = text.removeprefix(b"\xef\xbb\xbf")
    return text.replace(b"\r\n", b"\n") if b"\r" in text else text


def _pieces(text: bytes) -> Iterator[Piece]:
    start, line = 0, 1
    for at in _separators(text):
        yield Piece(text[start:at], line)
        line += text.count(b"\n", start, at)
        # A document that begins on its separator's line keeps the separator, and with it its columns.
        rest = _REST_OF_LINE.match(text, at + 3)
        start = at if rest is None else rest.end()
    yield Piece(text[start:], line)


def _separators(text: bytes) -> Iterator[int]:
    """Where lines begin with `---` and a blank: sought as bytes, since a regular expression takes a second for 64 MiB."""
    at = 0 if text.startswith(b"---") else _next_separator(text, 0)
    while at is not None:
        if text[at + 3 : at + 4] in {b"", b" ", b"\t", b"\n"}:
            yield at
        at = _next_separator(text, at)


def _next_separator(text: bytes, at: int) -> int | None:
    found = text.find(b"\n---", at)
    return None if found < 0 else found + 1


def _read(piece: Piece, plain: PlainYaml) -> Iterator[_Read]:
    text = piece.text
    nothing = _NOTHING.match(text)
    begin = nothing.end() if nothing is not None else 0
    if begin == len(text):
        return
    value = plain.load(text)
    if value is not UNDECIDED:
        yield _Read(piece, value, piece.first + text.count(b"\n", 0, begin))
        return
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        before = text[: error.start]
        fault = Fault("not UTF-8", piece.first + before.count(b"\n"), len(before) - before.rfind(b"\n"))
        yield _Read(piece, None, piece.first, fault)
        return
    yield from _read_json(piece, decoded) if decoded.lstrip()[:1] == "{" else _read_yaml(piece, decoded)


def _read_yaml(piece: Piece, text: str) -> Iterator[_Read]:
    before = piece.first - 1
    try:
        for loaded in load_all(text):
            yield _Read(piece, loaded.value, before + loaded.line)
    except InvalidYaml as error:
        fault = Fault(error.message, before + error.line, error.column)
        yield _Read(piece, None, fault.line, fault)


def _read_json(piece: Piece, text: str) -> Iterator[_Read]:
    """Objects one after the other; what is no JSON at the start may still be YAML, which has braces too."""
    at, line, none_yet = _after_blank(text, 0), piece.first, True
    counted = 0
    while at < len(text):
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, end = DECODER.raw_decode(text, at)
            part = Piece(text[at:end].encode(), line)
            wrong = "nested too deep" if too_deep(value) else "half a surrogate pair is no text" if _is_torn(part, value) else ""
            yield _Read(part, None if wrong else value, line, Fault(wrong, line, 1) if wrong else None)
        except (ValueError, RecursionError) as error:
            if none_yet and not _is_json(text[at:]):
                yield from _read_yaml(piece, text)
                return
            yield _Read(piece, None, line, _json_fault(error, piece, line))
            following = _NEXT_OBJECT.search(text, at + 1)
            end = following.start() if following else len(text)
        none_yet = False
        at = _after_blank(text, end)


def _after_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _is_torn(piece: Piece, value: object) -> bool:
    """Whether a string of `value` cannot be written again, since an escape in it stands for half a character."""
    if b"\\ud" not in piece.text.lower():
        return False
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return True
    return False


def _is_json(text: str) -> bool:
    """Whether the author meant JSON: the first key is quoted."""
    return re.match(r'\{\s*"', text) is not None


def _json_fault(error: Exception, piece: Piece, line: int) -> Fault:
    if isinstance(error, JSONDecodeError):
        return Fault(error.msg, piece.first - 1 + error.lineno, error.colno)
    return Fault("nested too deep" if isinstance(error, RecursionError) else str(error), line, 1)


def _objects(read: _Read, index: int) -> Iterator[Document]:
    value = read.value
    if read.fault is not None:
        yield Document(index, read.line, None, read.fault)
    elif not isinstance(value, dict):
        yield Document(index, read.line, None, Fault(f"a document must be an object, not {_NAMES[type(value)]}", read.line, 1))
    elif isinstance(items := value.get("items"), list) and str(value.get("kind")).endswith("List"):
        yield from _items(read, index, items)
    else:
        yield Document(index, read.line, value, source=read.piece)


def _items(read: _Read, index: int, items: list[Any]) -> Iterator[Document]:
    """The items of a list; those of a typed list (`HTTPRouteList`) may leave their own kind out, as the API server lists them."""
    kind = read.value["kind"].removesuffix("List")
    shared = {"apiVersion": read.value.get("apiVersion"), "kind": kind} if kind else {}
    lines = item_lines(read.piece.text.decode())
    for place, item in enumerate(items):
        line = read.piece.first - 1 + lines[place] if place < len(lines) else read.line
        if isinstance(item, dict):
            yield Document(index, line, {**shared, **item}, item=place, source=read.piece)
        else:
            fault = Fault(f"items[{place}] must be an object", line, 1)
            yield Document(index, line, None, fault, item=place)
