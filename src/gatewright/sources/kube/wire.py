"""What an API server sends, read: pages of lists, lines of watches, and the objects in them.

An object is read by one typed decode into a struct made for it: the kind's own fields, metadata without what nobody reads, and
the status as the bytes that it is. Only an object that this refuses takes the long way (`tolerant`). Source: Kubernetes API
concepts, "Efficient detection of changes" and "Resource versions".
"""

import typing
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec

from gatewright.api.checks import Terms, holds_for
from gatewright.api.kinds import Kind
from gatewright.api.meta import NamespacedName, ObjectMeta
from gatewright.api.problems import Problem
from gatewright.sources.kube.resource import BUILT_IN, Resource
from gatewright.sources.kube.tolerant import tolerated

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""kubectl's own copy of an object, in an annotation: as large as the object, and read by nobody else."""


class Seen(msgspec.Struct, frozen=True):
    """One object at one version. `object` is None when it cannot be taken, and `problems` say why."""

    key: NamespacedName
    resource_version: int
    generation: int
    object: msgspec.Struct | None
    status: bytes = b""
    problems: tuple[Problem, ...] = ()


class Metadata(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The metadata that somebody reads; all else, managedFields above all, is skipped over."""

    name: str = ""
    namespace: str = ""
    resource_version: str = "0"
    generation: int = 0
    uid: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None

    @property
    def key(self) -> NamespacedName:
        """The object's key."""
        return NamespacedName(self.namespace, self.name)


class Head(msgspec.Struct, frozen=True, gc=False):
    """Who an object is."""

    metadata: Metadata


class Line(msgspec.Struct, frozen=True, gc=False):
    """One event of a watch."""

    type: str
    object: msgspec.Raw


class HeadLine(msgspec.Struct, frozen=True, gc=False):
    """One event of a watch, and whom it is about."""

    type: str
    object: Head


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    """The version that a list is a snapshot of, and where it goes on."""

    resource_version: str = "0"
    continue_: str = msgspec.field(default="", name="continue")


class Page(msgspec.Struct, frozen=True):
    """A page of a list."""

    metadata: ListMeta
    items: list[msgspec.Raw] | None = None


class Failure(msgspec.Struct, frozen=True):
    """The Status object by which an API server refuses; `code` 0 is no answer at all."""

    code: int = 0
    reason: str = ""
    message: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.reason}: {self.message}" if self.code else self.message


class Event(NamedTuple):
    """A change of one object; `gone` tells that it was deleted, and `seen` is then its last version."""

    gone: bool
    seen: Seen


class Bookmark(NamedTuple):
    """Nothing older than this version is still to come."""

    resource_version: str


heads: Final = msgspec.json.Decoder(Head)
head_lines: Final = msgspec.json.Decoder(HeadLine)
pages: Final = msgspec.json.Decoder(Page)
_lines: Final = msgspec.json.Decoder(Line)
_failures: Final = msgspec.json.Decoder(Failure)


def failure(status: int, body: bytes) -> Failure:
    """What the body of a response that is no success says."""
    try:
        found = _failures.decode(body)
    except msgspec.MsgspecError:
        return Failure(status, "", body[:200].decode(errors="replace").strip())
    return msgspec.structs.replace(found, code=status)


class Reader:
    """Reads the objects of one kind in one version."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        wire = _wire_struct(resource.kind)
        self._objects = msgspec.json.Decoder(wire)
        self._events = msgspec.json.Decoder(_event_struct(wire))
        self._own = tuple(name for name in resource.kind.struct.__struct_fields__ if name not in _IDENTITY)
        self._holds = holds_for(resource.kind.struct, Terms("experimental", resource.version)) or (lambda _: True)
        self._has_raw_status = _keeps_raw_status(resource.kind)
        if self._has_raw_status:
            self._own = tuple(name for name in self._own if name != "status")

    def object(self, raw: msgspec.Raw | bytes) -> Seen:
        """One object, out of a list or by itself."""
        try:
            return self._seen(self._objects.decode(raw)) or self._tolerated(raw)
        except msgspec.ValidationError:
            return self._tolerated(raw)

    def line(self, line: bytes) -> Event | Bookmark | Failure:
        """One line of a watch.

        Raises: msgspec.DecodeError, when it is no such line.
        """
        try:
            event: Any = self._events.decode(line)
            seen = self._seen(event.object)
            if seen is not None and event.type in _CHANGES:
                return Event(event.type == "DELETED", seen)
        except msgspec.ValidationError:
            pass  # a newer CRD, or no change of an object: the long way tells
        return self._other(_lines.decode(line))

    def _other(self, line: Line) -> Event | Bookmark | Failure:
        if line.type in _CHANGES:
            return Event(line.type == "DELETED", self._tolerated(line.object))
        if line.type == "BOOKMARK":
            return Bookmark(heads.decode(line.object).metadata.resource_version)
        return _failures.decode(line.object)

    def _seen(self, wire: Any) -> Seen | None:  # noqa: ANN401 - a struct made for the kind
        """The object, or None when it breaks a rule of its kind."""
        resource, meta = self.resource, wire.metadata
        built = resource.kind.struct(
            api_version=resource.api_version,
            kind=resource.kind.name,
            metadata=_object_meta(meta),
            **{name: getattr(wire, name) for name in self._own},
        )
        if not self._holds(built):
            return None
        status = bytes(wire.status) if self._has_raw_status else b""
        return Seen(meta.key, int(meta.resource_version), meta.generation, built, status)

    def _tolerated(self, raw: msgspec.Raw | bytes) -> Seen:
        meta = heads.decode(raw).metadata
        document: dict[str, Any] = msgspec.json.decode(raw)
        status = document.get("status")
        read = {**document, "apiVersion": self.resource.api_version, "kind": self.resource.kind.name}
        read["metadata"] = msgspec.to_builtins(_object_meta(meta))
        if self._has_raw_status:
            read.pop("status", None)
        taken, problems = tolerated(self.resource.kind, read)
        kept = msgspec.json.encode(status) if status is not None and self._has_raw_status else b""
        return Seen(meta.key, int(meta.resource_version), meta.generation, taken, kept, problems)


_CHANGES: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})
_IDENTITY: Final = frozenset({"api_version", "kind", "metadata"})


def _object_meta(meta: Metadata) -> ObjectMeta:
    """Metadata as tables keep it: without the version, so that an object that only got a status is equal to what it was."""
    annotations = meta.annotations or {}
    if LAST_APPLIED in annotations:
        annotations = {name: value for name, value in annotations.items() if name != LAST_APPLIED}
    return ObjectMeta(
        name=meta.name,
        namespace=meta.namespace,
        labels=meta.labels or {},
        annotations=annotations,
        generation=meta.generation,
        creation_timestamp=meta.creation_timestamp,
        deletion_timestamp=meta.deletion_timestamp,
        uid=meta.uid,
    )


def _keeps_raw_status(kind: Kind) -> bool:
    """Whether the status is ours to write, and so kept as it stands; a built-in kind's is read like its other fields."""
    return kind.group not in BUILT_IN


@cache
def _wire_struct(kind: Kind) -> type[msgspec.Struct]:
    """The struct that objects of a kind are decoded into: it ignores what it does not know at the top, as lists omit the kind."""
    types = typing.get_type_hints(kind.struct, include_extras=True)
    fields: list[tuple[str, Any, Any]] = [("metadata", Metadata, msgspec.field())]
    for each in msgspec.structs.fields(kind.struct):
        if each.name in _IDENTITY:
            continue
        if each.name == "status" and (_keeps_raw_status(kind) or types[each.name] is Any):
            fields.append(("status", msgspec.Raw, msgspec.field(default=msgspec.Raw(b""), name="status")))
        else:
            options: dict[str, Any] = {"default": each.default, "default_factory": each.default_factory}
            fields.append((each.name, types[each.name], msgspec.field(name=each.encode_name, **options)))
    return msgspec.defstruct(f"{kind.name}OnTheWire", fields, kw_only=True, frozen=True, gc=False)


@cache
def _event_struct(wire: type[msgspec.Struct]) -> type[msgspec.Struct]:
    return msgspec.defstruct(f"{wire.__name__}Event", [("type", str), ("object", wire)], frozen=True, gc=False)
