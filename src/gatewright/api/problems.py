"""How a problem with a document is said: where it is, what stands there, and what is allowed."""

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

LONGEST_SHOWN: Final = 80


class Problem(NamedTuple):
    """One thing wrong with a document; `path` is the field (`spec.rules[0].matches[1].path.value`), empty for all of it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def shown(value: object) -> str:
    """A value as JSON, cut when it is long; what is no JSON at all (a YAML date, a key that is a list) as Python shows it."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def listed(values: Iterable[object]) -> str:
    """Values in a row, as JSON."""
    return ", ".join(map(shown, values))


def did_you_mean(wrong: str, known: Sequence[str]) -> str:
    """A question, to be put behind what is wrong: the known word that most looks like it, or nothing when none does."""
    close = [each for each in known if each.lower() == wrong.lower()] or difflib.get_close_matches(wrong, known, n=1)
    close = close or [each for each in known if wrong and each.lower().endswith(wrong.lower())][:1]
    return f"; did you mean {shown(close[0])}?" if close else ""


def below(path: str, name: str) -> str:
    """The path of the field `name` of the object at `path`."""
    return f"{path}.{name}" if path else name
