"""What a source says: changes of objects, and the problems of input that it did not take.

A source yields batches. What happened together stands in one batch, and the tables see it in one step; the first batch with
`complete` ends the initial read, and before it nobody may act on what is missing.
"""

from collections.abc import Mapping

import msgspec

from gatewright.api.meta import NamespacedName


class Change(msgspec.Struct, frozen=True):
    """An object is as given from now on; `object` is None when it is gone."""

    kind: str
    key: NamespacedName
    object: msgspec.Struct | None


class SourceProblem(msgspec.Struct, frozen=True):
    """Why something in a file was not taken.

    `document` counts from 1 and is 0 for the file as a whole; `line` likewise. `path` is the field, empty for the whole document.
    `kind` and `key` say which object it is about, as far as the document says so itself.
    """

    file: str
    document: int
    line: int
    path: str
    message: str
    kind: str = ""
    key: NamespacedName | None = None

    def __str__(self) -> str:
        """One line for people: `routes.yaml:12: HTTPRoute default/web: spec.rules: …`."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{self.kind} {self.key}" if self.key is not None else f"document {self.document}" if self.document else ""
        return ": ".join(part for part in (place, subject, self.path, self.message) if part)


class Batch(msgspec.Struct, frozen=True):
    """Changes that belong together.

    `problems` holds, for each file whose problems changed, all that it has now: they replace what was said of the file before,
    and an empty tuple says that it has none any more. A path that was asked for and is not there is a file in this sense.
    """

    changes: tuple[Change, ...]
    problems: Mapping[str, tuple[SourceProblem, ...]]
    complete: bool
