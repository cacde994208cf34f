"""What Kubernetes asks of names, namespaces, labels, annotations, finalizers and owners (apimachinery, ValidateObjectMeta)."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from gatewright.api.meta import ObjectMeta, OwnerReference
from gatewright.api.problems import Problem, listed, shown

LONGEST_NAME: Final = 253
LONGEST_LABEL: Final = 63
ANNOTATIONS_LIMIT: Final = 256 * 1024
TOO_MANY_SLASHES: Final = 2  # in an apiVersion

_is_label: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z").match
_is_domain: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z").match
_is_key_name: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z").match
_is_label_value: Final = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\Z").match

LABEL_NAMED: Final = frozenset({"Namespace", "Service"})
"""Kinds whose names are single DNS labels; those of all others may have dots."""


def problems_of_metadata(metadata: ObjectMeta, kind: str) -> Iterator[Problem]:
    """What is wrong with the metadata of an object of this kind."""
    yield from _of_name(metadata.name, kind)
    if metadata.namespace and not _is_dns_label(metadata.namespace):
        yield Problem("metadata.namespace", f"{shown(metadata.namespace)} is no namespace: {_LABEL_RULE}")
    if metadata.labels:
        yield from _of_keys(metadata.labels, "metadata.labels")
        yield from _of_label_values(metadata.labels)
    if metadata.annotations:
        yield from _of_keys((key.lower() for key in metadata.annotations), "metadata.annotations")
        size = sum(len(key.encode()) + len(value.encode()) for key, value in metadata.annotations.items())
        if size > ANNOTATIONS_LIMIT:
            yield Problem("metadata.annotations", f"is {size} bytes long, at most {ANNOTATIONS_LIMIT} are allowed")
    if metadata.finalizers:
        yield from _of_keys(metadata.finalizers, "metadata.finalizers")
    if metadata.owner_references:
        yield from _of_owners(metadata.owner_references)


_LABEL_RULE: Final = "lower-case letters, digits and '-', a letter or digit at both ends, at most 63 characters"
_NAME_RULE: Final = "lower-case letters, digits, '-' and '.', a letter or digit at both ends of each part, at most 253 characters"


def _is_dns_label(text: str) -> bool:
    return len(text) <= LONGEST_LABEL and _is_label(text) is not None


def _of_name(name: str, kind: str) -> Iterator[Problem]:
    if not name:
        yield Problem("metadata.name", "is required")
    elif kind in LABEL_NAMED and not _is_dns_label(name):
        yield Problem("metadata.name", f"{shown(name)} is no name for a {kind}: {_LABEL_RULE}")
    elif len(name) > LONGEST_NAME or not _is_domain(name):
        yield Problem("metadata.name", f"{shown(name)} is no name: {_NAME_RULE}")


def _of_keys(keys: Iterable[str], path: str) -> Iterator[Problem]:
    for key in keys:
        prefix, slash, name = key.rpartition("/")
        good_prefix = not slash or (len(prefix) <= LONGEST_NAME and _is_domain(prefix))
        if not good_prefix or len(name) > LONGEST_LABEL or not _is_key_name(name):
            yield Problem(
                path,
                f"{shown(key)} is no key: an optional DNS name and '/', then up to 63 letters, digits, '-', '_' or '.', "
                "a letter or digit at both ends",
            )


def _of_label_values(labels: dict[str, str]) -> Iterator[Problem]:
    for key, value in labels.items():
        if len(value) > LONGEST_LABEL or not _is_label_value(value):
            yield Problem(
                f"metadata.labels[{key}]",
                f"{shown(value)} is no label: at most 63 letters, digits, '-', '_' or '.', a letter or digit at both ends",
            )


def _of_owners(owners: tuple[OwnerReference, ...]) -> Iterator[Problem]:
    for index, owner in enumerate(owners):
        path = f"metadata.ownerReferences[{index}]"
        version = owner.api_version.rpartition("/")[2] if owner.api_version.count("/") < TOO_MANY_SLASHES else ""
        told = {"apiVersion": version, "kind": owner.kind, "name": owner.name, "uid": owner.uid}
        yield from (Problem(f"{path}.{name}", "must not be empty") for name, value in told.items() if not value)
        if (owner.api_version, owner.kind) == ("v1", "Event"):
            yield Problem(path, "an Event owns nothing")
    controllers = [index for index, owner in enumerate(owners) if owner.controller]
    if len(controllers) > 1:
        yield Problem("metadata.ownerReferences", f"items {listed(controllers)} all have controller: true, only one may")
