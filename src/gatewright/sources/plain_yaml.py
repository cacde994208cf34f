"""The quick way into a document, taken only when it provably ends where the exact one does.

Nearly all objects that people write use a small part of YAML: keys, indentation, one-line flow collections, plain words, simple
numbers and quotes without escapes. `_PLAIN` is a regular expression for that part (RE2 checks it in linear time, 2 µs a route).
Such a document goes through yaml-rs; everything else, and every document that it refuses, is left to `kubernetes_yaml`, which is
six times slower, and also knows what to say. A property test holds the two readings together.
"""

from typing import Any, Final

import re2
import yaml_rs

UNDECIDED: Final = object()
"""The answer about a document that the exact parser must judge."""

_LARGEST: Final = 1 << 18  # the parser holds the interpreter to the end of a document: up to 50 ms for this size

_WORD: Final = "[A-Za-z/][A-Za-z0-9_./-]*"
_NUMBER: Final = "(?:0|[1-9][0-9]{0,15})"
_QUANTITY: Final = "(?:0|[1-9][0-9]*)(?:ms|s|m|h|Ki|Mi|Gi|k|M|G)"
_ADDRESS: Final = r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(?:/[0-9]+)?"
_DOUBLE: Final = r'"[^"\\\x00-\x1f\x7f-\xff]*"'
_SINGLE: Final = r"'[^'\x00-\x1f\x7f-\xff]*'"
_SCALAR: Final = f"(?:{_WORD}|{_NUMBER}|{_QUANTITY}|{_ADDRESS}|{_DOUBLE}|{_SINGLE})"
_KEY: Final = f"(?:{_WORD}|{_DOUBLE})"
_INDENT: Final = " {0,50}(?:- +){0,8}"  # bounds the nesting, since the parser recurses
_FLOW_DEPTH: Final = 4

# Words that YAML takes for something else than themselves in one of its versions, and those that are no strings as keys.
_SPECIAL: Final = (
    r"(?:true|false|null) *:|"
    r"(?:^|[^A-Za-z0-9_./-])(?:[yYnN~]|[yY](?:es|ES)|YES|[nN]o|NO|[oO]n|ON|[oO]ff|OFF|True|TRUE|False|FALSE|Null|NULL)"
    r"(?:$|[^A-Za-z0-9_./-])"
)


def _flow(depth: int) -> str:
    if depth == 0:
        return _SCALAR
    inner = _flow(depth - 1)
    # What opens a collection counts as the separator before its first entry, so that `inner` stands only twice a level.
    entries = rf"(?:[{{,] *{_KEY}: +{inner} *)+,? *\}}|(?:[\[,] *{inner} *)+,? *\]"
    return rf"(?:{_SCALAR}|\{{ *\}}|\[ *\]|{entries})"


def _document() -> str:
    value = _flow(_FLOW_DEPTH)
    body = f"{_KEY}:(?: +(?:{value}|{_WORD}(?: {_WORD})*))?|{value}"
    return f"(?:(?:{_INDENT}(?:{body})?(?: +#[ -~]*| *)|#[ -~]*)\n)*"


def _compiled(pattern: str) -> Any:  # noqa: ANN401 - re2 has no types
    options = re2.Options()
    options.never_capture = True
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(pattern.encode("latin1"), options)


class PlainYaml:
    """Reads plain documents; one is made a source, since the automata behind it cost some milliseconds to build."""

    def __init__(self) -> None:
        self._plain = _compiled(_document())
        self._special = _compiled(_SPECIAL)

    def load(self, text: bytes) -> Any:  # noqa: ANN401 - a JSON value
        """The value of the one YAML document in `text`, or UNDECIDED."""
        if not text.endswith(b"\n"):
            text += b"\n"
        if len(text) > _LARGEST or self._plain.fullmatch(text) is None or self._special.search(text) is not None:
            return UNDECIDED
        try:
            return yaml_rs.loads(text.decode("ascii"), parse_datetime=False)
        except yaml_rs.YAMLDecodeError:
            return UNDECIDED
