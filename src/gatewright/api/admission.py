"""Admission: the verdict that kube-apiserver with the official CRDs would give on a document, and the typed object.

Ten thousand good documents must be cheap, so accepting is one typed decode and the rules of what was decoded. Only a document
that fails there is put right where an API server would (nulls), and else walked again to find all its problems.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import inspect
from msgspec.structs import force_setattr

from gatewright.api.checks import Terms, fields_of, holds_for, struct_type
from gatewright.api.diagnosis import encodable, forgiven, problems_of
from gatewright.api.kinds import KINDS, Kind
from gatewright.api.meta import KubernetesObject, NamespacedName, ObjectMeta
from gatewright.api.metadata import problems_of_metadata
from gatewright.api.problems import Problem, did_you_mean, listed, shown
from gatewright.api.rules import Channel, Predicate

DEFAULT_NAMESPACE: Final = "default"

__all__ = ["Admitted", "Channel", "Problem", "Refused", "Verdict", "admit"]


class Admitted(NamedTuple):
    """A good document: the object with the API's defaults, its namespace filled in, its status dropped (not a Service's)."""

    kind: Kind
    key: NamespacedName
    object: msgspec.Struct


class Refused(NamedTuple):
    """A bad document and all that is wrong with it, in the order of its fields."""

    problems: tuple[Problem, ...]


Verdict: TypeAlias = Admitted | Refused


def admit(document: dict[str, Any] | bytes, channel: Channel = "experimental", known: tuple[Kind, ...] = KINDS) -> Verdict:
    """Judge one document, decoded or as JSON bytes. It never raises, whatever the document holds.

    `channel` is that of the CRDs; `known` are the kinds that there are, and anything else is refused.
    """
    try:
        return _judged(document, channel, known)
    except RecursionError:
        return Refused((Problem("", "is nested too deep"),))


def _judged(document: dict[str, Any] | bytes, channel: Channel, known: tuple[Kind, ...]) -> Verdict:
    try:
        named = _NAMED_JSON.decode(document) if isinstance(document, bytes) else msgspec.convert(document, _Named)
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        return Refused(tuple(_problems_of_shape(document, str(error))))
    judge = _judge(named.api_version, named.kind, channel, known)
    return judge.verdict(document) if judge else Refused((_unknown_kind(named, channel, known),))


class _Named(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The two fields that say what a document is."""

    api_version: str
    kind: str


_NAMED_JSON: Final = msgspec.json.Decoder(_Named)


class _Judge:
    """Gives verdicts on documents of one kind, version and channel."""

    def __init__(self, kind: Kind, terms: Terms) -> None:
        self.kind = kind
        self.terms = terms
        self._decoder = msgspec.json.Decoder(kind.struct)
        self._holds: Predicate = holds_for(kind.struct, terms) or (lambda _: True)
        self._drops_status = any(each.name == "status" and _is_any(each.type) for each in fields_of(kind.struct))

    def verdict(self, document: dict[str, Any] | bytes) -> Verdict:
        """The verdict; good documents end in the first two lines."""
        admitted, error = self._admitted(document)
        if admitted is not None:
            return admitted
        raw: Any = msgspec.json.decode(document) if isinstance(document, bytes) else encodable(document)
        if "status" in raw and self._drops_status:
            raw = {name: value for name, value in raw.items() if name != "status"}
        raw = forgiven(struct_type(self.kind.struct), raw)
        admitted, error = self._admitted(raw)
        return admitted or Refused(tuple(self._problems(raw)) or (Problem("", error),))

    def _admitted(self, document: dict[str, Any] | bytes) -> tuple[Admitted | None, str]:
        """The object when it is good, else what the decoder says of it."""
        try:
            decoded = (
                self._decoder.decode(document) if isinstance(document, bytes) else msgspec.convert(document, self.kind.struct)
            )
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            return None, str(error)
        if not isinstance(decoded, KubernetesObject):
            return (Admitted(self.kind, NamespacedName("", ""), decoded), "") if self._holds(decoded) else (None, "")
        if any(problems_of_metadata(decoded.metadata, self.kind.name)) or not self._holds(decoded):
            return None, ""
        self._settle(decoded)
        return Admitted(self.kind, decoded.key, decoded), ""

    def _settle(self, decoded: KubernetesObject) -> None:
        """Do to a fresh object what an API server does when it stores one: only here are these structs ever written to."""
        metadata = decoded.metadata
        if not self.kind.namespaced:
            force_setattr(metadata, "namespace", "")
        elif not metadata.namespace:
            force_setattr(metadata, "namespace", DEFAULT_NAMESPACE)
        if metadata.managed_fields is not None:
            force_setattr(metadata, "managed_fields", None)
        if self._drops_status and decoded.status is not None:
            force_setattr(decoded, "status", None)

    def _problems(self, raw: dict[str, Any]) -> Iterator[Problem]:
        try:
            metadata = msgspec.convert(raw.get("metadata", {}), ObjectMeta)
        except msgspec.ValidationError:
            pass  # the walk says why
        else:
            if issubclass(self.kind.struct, KubernetesObject) and "metadata" in raw:
                yield from problems_of_metadata(metadata, self.kind.name)
        yield from problems_of(struct_type(self.kind.struct), raw, "", self.terms)


def _is_any(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.AnyType)


@cache
def _judge(api_version: str, name: str, channel: Channel, known: tuple[Kind, ...]) -> _Judge | None:
    """The judge of one kind and version; made when the first such document comes, since that costs milliseconds."""
    for kind in known:
        if kind.name == name and api_version in kind.served(channel):
            return _Judge(kind, Terms(channel, api_version.rpartition("/")[2]))
    return None


def _problems_of_shape(document: dict[str, Any] | bytes, error: str) -> Iterator[Problem]:
    """Why a document is no object at all, or does not say of which kind; `error` when nothing else is found."""
    if isinstance(document, bytes):
        try:
            document = msgspec.json.decode(document)
        except msgspec.DecodeError:
            yield Problem("", f"is not JSON: {error}")
            return
    if not isinstance(document, dict):
        yield Problem("", f"{shown(document)} is not an object")
        return
    named = [name for name in ("apiVersion", "kind") if isinstance(document.get(name), str)]
    if len(named) == len(_Named.__struct_fields__):
        yield Problem("", error)
    for name in ("apiVersion", "kind"):
        if name not in document:
            yield Problem(name, "is required")
        elif name not in named:
            yield Problem(name, f"{shown(document[name])} is not a string")


def _unknown_kind(named: _Named, channel: Channel, known: tuple[Kind, ...]) -> Problem:
    """Which kinds, or versions of this kind, there are instead."""
    group = named.api_version.rpartition("/")[0]
    of_kind = [kind for kind in known if kind.name == named.kind]
    if any(named.api_version in kind.api_versions for kind in of_kind):
        served = [each for kind in of_kind for each in kind.served(channel)]
        instead = f"; here it is {listed(served)}" if served else ""
        return Problem("apiVersion", f"{named.kind} of {shown(named.api_version)} belongs to the experimental channel{instead}")
    served = [each for kind in of_kind if kind.group == group for each in kind.served(channel)]
    if served:
        return Problem("apiVersion", f"{shown(named.api_version)} is not served for {named.kind}; one of {listed(served)}")
    if of_kind:
        right = [kind.api_versions[0] for kind in of_kind]
        return Problem("apiVersion", f"{shown(named.api_version)} has no kind {named.kind}; it is in {listed(right)}")
    names = sorted({kind.name for kind in known if kind.served(channel)})
    hint = "; write an HTTPRoute instead" if named.kind == "Ingress" else did_you_mean(named.kind, names)
    what = f"{shown(named.kind)} of {shown(named.api_version)} is not known{hint}"
    return Problem("kind", f"{what} (known kinds: {', '.join(names)})")
