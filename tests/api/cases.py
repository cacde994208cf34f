"""One way to break a good document, and what is then said."""

from typing import Any, NamedTuple


class Case(NamedTuple):
    """`changes` to the sample of `kind` break the rule that says `message` about the field at `path`."""

    kind: str
    changes: dict[str, Any]
    path: str
    message: str
