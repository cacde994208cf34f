"""Which declaration of an object counts, without files."""

import pytest

from gatewright.api.admission import admit
from gatewright.api.httproute import HTTPRoute
from gatewright.api.meta import NamespacedName, ObjectMeta
from gatewright.sources import ledger as ledger_module
from gatewright.sources.changes import Change
from gatewright.sources.declarations import Reader
from gatewright.sources.ledger import Ledger
from tests.sources.objects import refused_route, route, together

READER = Reader(admit)
A, B = NamespacedName("default", "a"), NamespacedName("default", "b")


def enter(ledger: Ledger, file: str, *documents: str) -> None:
    ledger.enter(file, READER.declarations(file, together(*documents).encode()))


def backend(change: Change) -> str:
    """Tells the versions of a route apart."""
    assert isinstance(change.object, HTTPRoute)
    return change.object.spec.rules[0].backend_refs[0].name


def generation(change: Change) -> int:
    metadata = getattr(change.object, "metadata", None)
    assert isinstance(metadata, ObjectMeta)
    return metadata.generation


def settled(ledger: Ledger) -> tuple[list[tuple[str, str]], dict[str, list[str]]]:
    """Objects as (name, backend), gone ones as (name, "gone"); problems as they print."""
    changes, problems = ledger.settle()
    told = [(change.key.name, "gone" if change.object is None else backend(change)) for change in changes]
    return told, {file: [str(problem) for problem in found] for file, found in problems.items()}


def test_an_object_is_told_once() -> None:
    """What is entered unchanged changes nothing."""
    ledger = Ledger()
    enter(ledger, "f", route("a"), route("b"))
    assert ([("a", "one"), ("b", "one")], {}) == settled(ledger)
    enter(ledger, "f", "# moved down\n" + route("a"), route("b"))
    assert ([], {}) == settled(ledger)


def test_the_first_declaration_counts() -> None:
    """In the order of paths; the other one has a problem, and takes over when the first one goes."""
    ledger = Ledger()
    enter(ledger, "2", route("a", "two"))
    assert ([("a", "two")], {}) == settled(ledger)
    enter(ledger, "1", route("b"), route("a", "one"))
    problem = "2:1: HTTPRoute default/a: is already declared in 1:10, which counts as long as it is there"
    assert ([("a", "one"), ("b", "one")], {"2": [problem]}) == settled(ledger)
    enter(ledger, "1", route("b"))
    assert ([("a", "two")], {"2": []}) == settled(ledger)


def test_the_first_document_of_a_file_counts() -> None:
    """The second one is a problem on its own line."""
    ledger = Ledger()
    enter(ledger, "f", route("a", "one"), route("a", "two"))
    problem = "f:10: HTTPRoute default/a: is already declared in line 1, which counts as long as it is there"
    assert ([("a", "one")], {"f": [problem]}) == settled(ledger)


def test_a_refused_document_keeps_its_last_good_version() -> None:
    """As long as the file has a document for the object; the problem names file, line and field."""
    ledger = Ledger()
    enter(ledger, "f", route("a"), route("b"))
    settled(ledger)
    enter(ledger, "f", refused_route("a"))
    told, problems = settled(ledger)
    assert [("b", "gone")] == told
    (problem,) = problems["f"]
    assert problem.startswith("f:5: HTTPRoute default/a: spec.parentRef: ")
    enter(ledger, "f", route("b"))
    assert ([("a", "gone"), ("b", "one")], {"f": []}) == settled(ledger)


def test_a_refused_document_without_history_declares_nothing() -> None:
    """Another file's good declaration counts, though it comes later."""
    ledger = Ledger()
    enter(ledger, "1", refused_route("a"))
    enter(ledger, "2", route("a"))
    assert [("a", "one")] == settled(ledger)[0]


def test_an_unreadable_document_keeps_all_of_its_file() -> None:
    """It may be any of the objects that are missing."""
    ledger = Ledger()
    enter(ledger, "f", route("a"), route("b"))
    settled(ledger)
    enter(ledger, "f", route("a", "two"), "kind: [\n")
    told, problems = settled(ledger)
    assert [("a", "two")] == told
    assert ["f:11: document 2: did not find expected node content while parsing a flow node (column 1)"] == problems["f"]


def test_an_object_that_moves_is_not_deleted() -> None:
    """From one file to another within one burst is no change at all."""
    ledger = Ledger()
    enter(ledger, "1", route("a"))
    settled(ledger)
    enter(ledger, "1")
    enter(ledger, "2", route("a"))
    assert ([], {}) == settled(ledger)


def test_trouble_with_a_file_keeps_what_it_declared() -> None:
    """Until it can be read again, or is gone."""
    ledger = Ledger()
    enter(ledger, "f", route("a"))
    settled(ledger)
    ledger.trouble("f", "cannot be read: Permission denied")
    assert ([], {"f": ["f: cannot be read: Permission denied"]}) == settled(ledger)
    ledger.readable("f")
    assert ([], {"f": []}) == settled(ledger)
    ledger.remove("f")
    assert ([("a", "gone")], {}) == settled(ledger)


def test_generation_counts_what_is_more_than_metadata_and_status() -> None:
    """1 at first sight; a label does not count; an object that comes back counts on."""
    ledger = Ledger()

    def labelled(text: str) -> str:
        return text.replace("name: a}", "name: a, generation: 77, labels: {x: z}}")

    generations = []
    for text in (route("a"), labelled(route("a")), route("a", "two"), "", labelled(route("a", "two")), route("a", "three")):
        enter(ledger, "f", text)
        changes, _ = ledger.settle()
        generations += [generation(change) if change.object is not None else 0 for change in changes]
    assert [1, 1, 2, 0, 2, 3] == generations


def test_deleted_objects_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest one counts from 1 again."""
    monkeypatch.setattr(ledger_module, "MAX_REMEMBERED", 1)
    ledger = Ledger()
    for documents in ([route("a"), route("b")], [route("b")], []):
        enter(ledger, "f", *documents)
        ledger.settle()
    enter(ledger, "f", route("a", "two"), route("b", "two"))
    assert [(A, 1), (B, 2)] == [(change.key, generation(change)) for change in ledger.settle()[0]]


def test_problems_carry_the_object() -> None:
    """So that whoever shows an object can show what stands against it."""
    ledger = Ledger()
    enter(ledger, "f", refused_route("a").replace("name: a", "name: a, namespace: ns"), route("b") + "x: 1\n")
    (first, second) = ledger.settle()[1]["f"]
    assert ("HTTPRoute", NamespacedName("ns", "a"), 1, "spec.parentRef") == (first.kind, first.key, first.document, first.path)
    assert ("HTTPRoute", B, 2, 15, "x") == (second.kind, second.key, second.document, second.line, second.path)
