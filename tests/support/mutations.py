"""Documents that are nearly good: what a person gets wrong, and what nobody would write, by the schema of their kind.

A `Mutator` takes a good document and changes one to three places of it. It knows the OpenAPI schema that stands behind each place
(a CRD's, or that of our own model), so it finds the edges: one character too many, an enumeration's value in the wrong case, a
pattern missed by a final newline, an item twice, a field that goes with another member of a union.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

from tests.support.values import TEXTS, Document, Schema, Values

METADATA: Final = 0.03  # how many of the changes are to metadata
LARGEST: Final = 130


class Place(NamedTuple):
    """A value within a document: what holds it, under which key, and the schema of it as far as there is one."""

    holder: Any
    key: Any
    schema: Schema

    @property
    def value(self) -> Any:  # noqa: ANN401 - JSON
        """What stands there."""
        return self.holder[self.key]

    def put(self, value: object) -> None:
        """Let something else stand there."""
        self.holder[self.key] = value


Change: TypeAlias = Callable[[Place, Sequence[Place]], None]


def places(value: object, schema: Schema) -> Iterator[Place]:
    """All places below `value`."""
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name in value:
            below = known.get(name) or (others if isinstance(others, dict) else {})
            yield Place(value, name, below)
            yield from places(value[name], below)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield Place(value, index, schema.get("items", {}))
            yield from places(item, schema.get("items", {}))


class Mutator:
    """Makes documents, one after the other; the same seed gives the same documents."""

    def __init__(self, seed: int | str | Random) -> None:
        self._random = seed if isinstance(seed, Random) else Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._values = Values(self._random)
        often: tuple[Change, ...] = (self._other, self._edge, self._drop, self._add, self._add, self._copy)
        now_and_then: tuple[Change, ...] = (self._odd, self._repeat, self._overfill, self._unknown, self._move)
        self._changes = often * 2 + now_and_then

    def mutant(self, document: Document, schema: Schema) -> Document:
        """The document (never itself changed) with up to three changes below `spec` and, now and then, to `metadata`."""
        mutant = copy.deepcopy(document)
        root = Place(mutant, "spec", schema["properties"].get("spec", {}))
        for _ in range(self._random.choice((0, 1, 1, 1, 1, 2, 2, 3))):
            if self._random.random() < METADATA:
                self._change_metadata(mutant["metadata"])
            elif "spec" in mutant:
                candidates = [root, *places(mutant["spec"], root.schema)]
                self._random.choice(self._changes)(self._random.choice(candidates), candidates)
        return mutant

    def choice(self, among: Sequence[Any]) -> Any:  # noqa: ANN401 - whatever is in it
        """One of them, by the same seed."""
        return self._random.choice(among)

    def _other(self, place: Place, _all: Sequence[Place]) -> None:
        place.put(self._values.fitting(place.schema))

    def _odd(self, place: Place, _all: Sequence[Place]) -> None:
        place.put(copy.deepcopy(self._values.odd()))

    def _edge(self, place: Place, among: Sequence[Place]) -> None:
        value = place.value
        if isinstance(value, str):
            place.put(self._values.near(value, place.schema))
        elif isinstance(value, int) and not isinstance(value, bool):
            place.put(self._values.around(value, place.schema))
        elif isinstance(value, list):
            self._overfill(place, among)
        else:
            self._add(place, among)

    def _drop(self, place: Place, _all: Sequence[Place]) -> None:
        del place.holder[place.key]

    def _add(self, place: Place, _all: Sequence[Place]) -> None:
        """A field that is not there, or an item more."""
        value, schema = place.value, place.schema
        if isinstance(value, dict) and (absent := sorted(schema.get("properties", {}).keys() - value.keys())):
            name = self._random.choice(absent)
            value[name] = self._values.fitting(schema["properties"][name])
        elif isinstance(value, dict) and isinstance(schema.get("additionalProperties"), dict):
            value[self._random.choice(TEXTS)] = self._values.fitting(schema["additionalProperties"])
        elif isinstance(value, list):
            value.insert(self._random.randrange(len(value) + 1), self._values.fitting(schema.get("items")))
        else:
            place.put(self._values.fitting(schema))

    def _repeat(self, _place: Place, among: Sequence[Place]) -> None:
        """An item twice, or nearly so."""
        lists = [each for each in among if isinstance(each.value, list) and each.value]
        if not lists:
            return
        chosen = self._random.choice(lists)
        item = copy.deepcopy(self._random.choice(chosen.value))
        chosen.value.insert(self._random.randrange(len(chosen.value) + 1), item)
        if isinstance(item, dict) and item and self._random.random() < 0.6:
            inner = [*places(item, chosen.schema.get("items", {}))]
            self._random.choice((self._other, self._edge, self._drop))(self._random.choice(inner), inner)

    def _overfill(self, place: Place, among: Sequence[Place]) -> None:
        """A list at its limit, or over it."""
        lists = [place] if isinstance(place.value, list) else [each for each in among if isinstance(each.value, list)]
        if not lists:
            return
        chosen = self._random.choice(lists)
        items = chosen.schema.get("items", {})
        wanted = min(chosen.schema.get("maxItems", 3), LARGEST) + self._random.choice((-1, 0, 1))
        first = chosen.value[0] if chosen.value and self._random.random() < 0.7 else self._values.fitting(items, 4)
        keys = chosen.schema.get("x-kubernetes-list-map-keys") or ("name",)
        chosen.put([_numbered(first, number, keys) for number in range(max(wanted, 0))])

    def _unknown(self, place: Place, among: Sequence[Place]) -> None:
        if not isinstance(place.value, dict):
            self._odd(place, among)
            return
        misspelt = [name[:-1] for name in place.value if len(name) > 1]
        place.value[self._random.choice([*misspelt, "unknown", "enabled", "NAME"])] = copy.deepcopy(self._values.odd())

    def _copy(self, place: Place, among: Sequence[Place]) -> None:
        """The value of another place, rather one with the same schema: names that are to be unique no longer are."""
        alike = [each for each in among if each.schema == place.schema and each.value != place.value]
        place.put(copy.deepcopy(self._random.choice(alike or list(among)).value))

    def _move(self, place: Place, among: Sequence[Place]) -> None:
        """A field in another object."""
        target = self._random.choice([each.value for each in among if isinstance(each.value, dict)] or [{}])
        value = copy.deepcopy(place.value)
        del place.holder[place.key]
        if isinstance(place.key, str):
            target[place.key] = value

    def _change_metadata(self, metadata: Document) -> None:
        texts = (*TEXTS, "a" * 63, "a" * 64, "a" * 254, f"{'a' * 253}/b", f"{'a' * 254}/b", "a/b/c", "a/", "A/b")
        text, key = self._random.choice(texts), self._random.choice(texts)
        owner = {"apiVersion": self._random.choice(("v1", "a/v1", "a/b/v1", "")), "kind": "Pod", "name": text, "uid": "x"}
        changes = {
            "name": text,
            "labels": {key: text},
            "annotations": {key: text},
            "finalizers": [key],
            "ownerReferences": [owner],
            "unknown": 1,
        }
        name = self._random.choice(list(changes))
        metadata[name] = changes[name]


def _numbered(item: object, number: int, keys: Sequence[str]) -> object:
    """A copy of an item that differs from its siblings, in these fields if it is an object."""
    if isinstance(item, str):
        return f"{item}{number}"
    if isinstance(item, int) and not isinstance(item, bool):
        return item + number
    if isinstance(item, dict):
        return copy.deepcopy(item) | {name: _numbered(item[name], number, ()) for name in keys if name in item}
    return copy.deepcopy(item)
