"""Which of our kinds an API server serves, and in which version.

Kinds of the Gateway API come with CustomResourceDefinitions that may be missing, older than we are, or installed at any time. A
kind is believed to be gone only when its CustomResourceDefinition says so too: a server that has just started may know less than
it will in a moment. Source: Kubernetes API concepts, "API discovery"; KEP-3352.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from gatewright.api.kinds import Kind
from gatewright.sources.kube.client import Client, Unreachable
from gatewright.sources.kube.resource import BUILT_IN, Resource
from gatewright.sources.kube.wire import failure

DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OK: Final = 200
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404

GroupVersion: TypeAlias = tuple[str, str]
Served: TypeAlias = Mapping[GroupVersion, frozenset[str] | None]
"""The plural names served in a group's version; None is unknown, for want of an answer."""


class Missing(NamedTuple):
    """A kind that is not served."""

    kind: Kind
    message: str


class Unknown(NamedTuple):
    """Nobody can tell just now."""

    kind: Kind
    message: str


Verdict: TypeAlias = Resource | Missing | Unknown
Definition: TypeAlias = Literal["absent", "forbidden", "unknown"] | frozenset[str]
"""What the CustomResourceDefinition says: the versions that it serves, when there is one."""


class _Named(msgspec.Struct, frozen=True):
    name: str


class _ResourceList(msgspec.Struct, frozen=True):
    resources: tuple[_Named, ...] = ()


class _Version(msgspec.Struct, frozen=True):
    name: str
    served: bool = False


class _DefinitionSpec(msgspec.Struct, frozen=True):
    versions: tuple[_Version, ...] = ()


class _Definition(msgspec.Struct, frozen=True):
    spec: _DefinitionSpec = _DefinitionSpec()


def asked(kinds: Iterable[Kind]) -> tuple[GroupVersion, ...]:
    """The groups and versions to ask about."""
    return tuple(
        dict.fromkeys((kind.group, version) for kind in kinds if kind.group not in BUILT_IN for version in kind.versions)
    )


def verdict(kind: Kind, served: Served) -> Verdict:
    """The first of the kind's versions that is served."""
    if kind.group in BUILT_IN:
        return Resource(kind, kind.versions[0])
    unknown = False
    for version in kind.versions:
        plurals = served.get((kind.group, version))
        if plurals is not None and kind.plural in plurals:
            return Resource(kind, version)
        unknown = unknown or plurals is None
    if unknown:
        return Unknown(kind, "the API server does not say what it serves")
    return Missing(kind, f"{kind.plural}.{kind.group} is not served in {' or '.join(kind.versions)}: its CRD is not installed")


def confirmed(missing: Missing, definition: Definition, *, lasting: bool) -> Missing | Unknown:
    """Whether to believe that a kind is missing; `lasting` is when the server has said so for a while."""
    kind = missing.kind
    if isinstance(definition, frozenset):
        shared = definition.intersection(kind.versions)
        if shared:
            return Unknown(kind, f"{kind.plural}.{kind.group} is about to be served in {', '.join(sorted(shared))}")
        offered = ", ".join(sorted(definition)) or "no version at all"
        return Missing(kind, f"{kind.plural}.{kind.group} is served in {offered}, not in {' or '.join(kind.versions)}")
    if definition == "absent" or (definition == "forbidden" and lasting):
        return missing
    return Unknown(kind, missing.message)


async def served(client: Client, kinds: Iterable[Kind]) -> Served:
    """Ask the server what it serves of the groups of `kinds`."""
    return {(group, version): await _plurals(client, group, version) for group, version in asked(kinds)}


async def definition(client: Client, kind: Kind) -> Definition:
    """Ask for the CustomResourceDefinition of a kind."""
    try:
        answer = await client.request("GET", f"{DEFINITIONS}/{kind.plural}.{kind.group}")
    except Unreachable:
        return "unknown"
    if answer.status == OK:
        found = msgspec.json.decode(answer.body, type=_Definition)
        return frozenset(version.name for version in found.spec.versions if version.served)
    return "absent" if answer.status == NOT_FOUND else "forbidden" if answer.status == FORBIDDEN else "unknown"


async def _plurals(client: Client, group: str, version: str) -> frozenset[str] | None:
    try:
        answer = await client.request("GET", f"/apis/{group}/{version}")
    except Unreachable:
        return None
    if answer.status == OK:
        return frozenset(each.name for each in msgspec.json.decode(answer.body, type=_ResourceList).resources)
    return frozenset() if failure(answer.status, answer.body).code == NOT_FOUND else None
