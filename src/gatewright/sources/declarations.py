"""What one file declares: its documents, each one admitted or with its problems.

Pure: text and an admission go in, declarations come out, one at a time so that a caller may pause between them.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import msgspec

from gatewright.api.admission import DEFAULT_NAMESPACE, Admitted, Verdict
from gatewright.api.kinds import KINDS
from gatewright.api.meta import NamespacedName
from gatewright.sources.changes import SourceProblem
from gatewright.sources.documents import Document, documents
from gatewright.sources.plain_yaml import PlainYaml

Admit: TypeAlias = Callable[[dict[str, Any]], Verdict]
Identity: TypeAlias = tuple[str, NamespacedName]

_CLUSTER_SCOPED: Final = frozenset(kind.name for kind in KINDS if not kind.namespaced)


class Declaration(msgspec.Struct, frozen=True):
    """One document of a file. `object` is None when it was refused; `identity` is None when it does not even say what it is."""

    document: int
    line: int
    identity: Identity | None
    object: msgspec.Struct | None
    problems: tuple[SourceProblem, ...] = ()


class Reader:
    """Turns the text of files into declarations."""

    def __init__(self, admit: Admit) -> None:
        self._admit = admit
        self._plain = PlainYaml()

    def declarations(self, file: str, text: bytes) -> Iterator[Declaration]:
        """Yield what `text`, the content of `file`, declares, in order."""
        for document in documents(text, self._plain):
            yield self._judged(file, document)

    def _judged(self, file: str, document: Document) -> Declaration:
        if document.value is None:
            return Declaration(document.index, document.line, None, None, _unread(file, document))
        verdict = self._admit(document.value)
        if isinstance(verdict, Admitted):
            return Declaration(document.index, document.line, (verdict.kind.name, verdict.key), verdict.object)
        identity = _identity(document.value)
        kind, key = identity or (_text(document.value.get("kind")), None)
        problems = tuple(
            SourceProblem(file, document.index, document.line_of(problem.path), problem.path, problem.message, kind, key)
            for problem in verdict.problems
        )
        return Declaration(document.index, document.line, identity, None, problems)


def _unread(file: str, document: Document) -> tuple[SourceProblem, ...]:
    if document.fault is None:
        return ()
    fault = document.fault
    return (SourceProblem(file, document.index, fault.line, "", f"{fault.message} (column {fault.column})"),)


def _identity(value: dict[str, Any]) -> Identity | None:
    """Which object a refused document is about, by its kind, namespace and name."""
    kind, metadata = _text(value.get("kind")), value.get("metadata")
    if not kind or not isinstance(metadata, dict) or not (name := _text(metadata.get("name"))):
        return None
    namespace = "" if kind in _CLUSTER_SCOPED else _text(metadata.get("namespace")) or DEFAULT_NAMESPACE
    return kind, NamespacedName(namespace, name)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
