"""How a text is taken apart."""

import json

import pytest

from gatewright.sources.documents import Document, documents
from gatewright.sources.plain_yaml import PlainYaml
from tests.sources.objects import route, together

PLAIN = PlainYaml()


def read(text: str | bytes) -> list[Document]:
    return list(documents(text if isinstance(text, bytes) else text.encode(), PLAIN))


def values(text: str | bytes) -> list[object]:
    return [document.value for document in read(text)]


def places(text: str) -> list[tuple[int, int]]:
    return [(document.index, document.line) for document in read(text)]


def test_documents_are_counted_from_one_and_know_their_line() -> None:
    """Comments and empty documents are passed over, and not counted."""
    text = "# first\na: 1\n---\n\n---\n# nothing here\n---\n\n# second\nb: 2\n--- # third\nc: 3\n"
    assert [(1, 2), (2, 10), (3, 12)] == places(text)
    assert [{"a": 1}, {"b": 2}, {"c": 3}] == values(text)


@pytest.mark.parametrize("text", ["", "\n", "---\n---\n", "# only\n", "null\n", "--- ~\n", "%YAML 1.2\n---\n"])
def test_nothing_is_no_document(text: str) -> None:
    """An empty file is fine."""
    assert [] == read(text)


def test_a_broken_document_hides_no_other() -> None:
    """The text is cut at separators before anything is parsed."""
    first, broken, last = read(together(route("a"), "kind: [\n", route("b")))
    assert ("a", None, "b") == (name(first), broken.value, name(last))
    assert broken.fault is not None
    assert ("did not find expected node content while parsing a flow node", 11) == (broken.fault.message, broken.fault.line)


def name(document: Document) -> object:
    return document.value["metadata"]["name"] if document.value else None


def test_dashes_separate_only_at_the_start_of_a_line() -> None:
    """A block scalar may hold indented dashes; words may begin with dashes."""
    assert [{"a": "---\nb\n"}] == values("a: |\n  ---\n  b\n")
    assert [{"a": 1, "---b": 2}] == values("a: 1\n---b: 2\n")
    assert [{"a": 1}, {"b": 2}] == values("a: 1\n---\t\nb: 2\n---")


def test_a_document_may_begin_on_its_separators_line() -> None:
    """YAML allows content after the dashes."""
    assert [{"a": 1}, {"b": 2}] == values("--- {a: 1}\n--- # here\nb: 2\n...\n")


def test_encodings() -> None:
    """Byte order marks, UTF-16 and Windows' line ends mean the same text."""
    text = "a: é\nb: |\n  c\n  d\n"
    expected = [{"a": "é", "b": "c\nd\n"}]
    assert expected == values(text)
    assert expected == values(text.encode("utf-8-sig"))
    assert expected == values(text.encode("utf-16"))
    assert expected == values(text.replace("\n", "\r\n"))


def test_what_is_no_utf_8_is_a_fault_with_its_line() -> None:
    """Only the document that holds the byte is lost."""
    good, bad = read(b"a: 1\n---\nb: 2\nc: \xff\n")
    assert {"a": 1} == good.value
    assert bad.fault is not None
    assert ("not UTF-8", 4, 4) == (bad.fault.message, bad.fault.line, bad.fault.column)


@pytest.mark.parametrize(
    ("text", "what"), [("- a\n", "a list"), ("hello\n", "a string"), ("12\n", "a number"), ("yes\n", "a boolean")]
)
def test_a_document_is_an_object(text: str, what: str) -> None:
    """Anything else is a fault that says what it is."""
    (document,) = read(text)
    assert document.fault is not None
    assert f"a document must be an object, not {what}" == document.fault.message


def test_json_objects_may_follow_each_other() -> None:
    """As `kubectl get -o json` prints them, with or without separators."""
    text = '{"a": 1}\n{"b": {"c": [1.0, 1.5, 1e3]}} {"d": null}\n---\n{\n  "e": "\\ud83d\\ude00"\n}\n'
    assert [{"a": 1}, {"b": {"c": [1, 1.5, 1000]}}, {"d": None}, {"e": "\U0001f600"}] == values(text)
    assert [(1, 1), (2, 2), (3, 2), (4, 4)] == places(text)


def test_a_broken_json_object_hides_no_other() -> None:
    """Reading goes on where an object begins a line."""
    good, bad, last = read('{"a": 1}\n{\n  "b": 2,\n}\n{"c": 3}\n')
    assert ({"a": 1}, {"c": 3}) == (good.value, last.value)
    assert bad.fault is not None
    assert ("Expecting property name enclosed in double quotes", 4) == (bad.fault.message, bad.fault.line)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', 'key "a" stands twice'),
        ('{"a": "\\n", "b": NaN}', "NaN has no place in JSON"),
        ('{"a": {"b": ["\\ud83d"]}}', "half a surrogate pair is no text"),
        ('{"\\uDE00": 1}', "half a surrogate pair is no text"),
        ('{"a": 1e999}', "1e999 is too large"),
        ('{"a": ' + "[" * 100_000, "nested too deep"),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", "nested too deep"),
    ],
)
def test_json_is_strict(text: str, message: str) -> None:
    """What YAML refuses, JSON refuses too."""
    (document,) = read(text)
    assert document.fault is not None
    assert message == document.fault.message


def test_yaml_that_begins_with_a_brace_is_yaml() -> None:
    """A flow mapping is no JSON, and no fault."""
    assert [{"a": "b", "c": True}] == values("{a: b,\n c: on}\n")


def test_lists_come_out_as_their_items() -> None:
    """`kubectl get -o yaml` prints one List; items share its index and have their own lines."""
    items = "- apiVersion: v1\n  kind: Service\n  metadata:\n    name: a\n- kind: Secret\n- oops\n"
    text = f"apiVersion: v1\nkind: List\nitems:\n{items}"
    service, secret, oops = read(text)
    assert {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}} == service.value
    assert [(1, 4, 0), (1, 8, 1), (1, 9, 2)] == [(d.index, d.line, d.item) for d in (service, secret, oops)]
    assert 7 == service.line_of("metadata.name")
    assert oops.fault is not None
    assert "items[2] must be an object" == oops.fault.message


def test_items_of_a_typed_list_have_their_lists_kind() -> None:
    """The API server leaves it out of them."""
    text = json.dumps({"apiVersion": "v1", "kind": "ServiceList", "items": [{"metadata": {"name": "a"}}]})
    assert [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}] == values(text)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 3),
        ("spec", 5),
        ("spec.rules[1].matches[0].path.value", 12),
        ("spec.rules[1].matches[0].path.missing", 11),
        ("spec.rules[7]", 6),
        ("metadata.labels[a.b/c]", 4),
        ("metadata.labels.a.b/c", 4),
        ("nowhere", 3),
    ],
)
def test_fields_are_found_by_their_path(path: str, line: int) -> None:
    """The line of the field, or of the nearest one around it; keys may hold dots."""
    text = """---
# a route
kind: HTTPRoute
metadata: {labels: {a.b/c: d}}
spec:
  rules:
  - backendRefs:
    - {name: a}
  - matches:
    # here
    - path:
        value: x
"""
    (document,) = read(text)
    assert line == document.line_of(path)


def test_text_without_end_is_split_in_time() -> None:
    """Cutting is linear: megabytes of separators, and of lines that nearly are."""
    assert [] == read(b"---\n" * (1 << 18))
    (document,) = read(b"a: |\n" + b" ---\n" * (1 << 20))
    assert document.value is not None
