"""The small universe of `universe.yaml` as objects: for every table of inputs, its keys and the rows that may stand there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from gatewright.api.admission import Admitted, admit
from gatewright.api.kinds import KINDS, Kind
from gatewright.api.meta import NamespacedName
from gatewright.flow import Ref
from gatewright.graph import tables as g

_TEXT: Final = (Path(__file__).parent / "universe.yaml").read_text()


class Place(NamedTuple):
    """A key of an input table, and the rows that histories put there."""

    ref: Ref[Any, Any]
    key: NamespacedName
    rows: tuple[Any, ...]


def places() -> tuple[Place, ...]:
    """Every object of the universe in all of its versions, by kind and name."""
    described: Mapping[str, Mapping[str, Any]] = yaml.safe_load(_TEXT)
    kinds = {kind.name: kind for kind in KINDS}
    return tuple(_place(kinds[name], key, of_kind) for name, of_kind in described.items() for key in map(_key, of_kind["names"]))


def _key(full: str) -> NamespacedName:
    namespace, _, name = full.rpartition("/")
    return NamespacedName(namespace, name)


def _place(kind: Kind, key: NamespacedName, of_kind: Mapping[str, Any]) -> Place:
    ref = next(ref for ref in g.INPUTS if ref.name == kind.name)
    rows = tuple(_object(kind, key, of_kind, version, i) for i, version in enumerate(of_kind["versions"]))
    return Place(ref, key, rows)


def _object(kind: Kind, key: NamespacedName, of_kind: Mapping[str, Any], version: Mapping[str, Any], number: int) -> object:
    body = {name: value for name, value in version.items() if name != "label"} if of_kind.get("whole") else {"spec": version}
    labels = of_kind.get("label", {}) | version.get("label", {})
    # Of the objects of a kind some have an age, which orders them.
    age = {"creationTimestamp": f"2026-01-0{number + 1}T00:00:00Z"} if number % 2 else {}
    metadata = {"name": key.name, "namespace": key.namespace, "generation": number + 1, "labels": labels, **age}
    verdict = admit({"apiVersion": kind.api_versions[0], "kind": kind.name, "metadata": metadata, **body})
    assert isinstance(verdict, Admitted), verdict
    return verdict.object
