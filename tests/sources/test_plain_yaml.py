"""The quick way may only be taken where it ends where the exact one does."""

import random
from typing import Any, Final, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.sources.kubernetes_yaml import InvalidYaml, load_all
from gatewright.sources.plain_yaml import UNDECIDED, PlainYaml
from tests.sources.objects import refused_route, route, together

PLAIN: Final = PlainYaml()
_WORDS = (
    "a",
    "b-c",
    "x.y/z",
    "on",
    "no",
    "y",
    "~",
    "null",
    "true",
    "1e3",
    "010",
    "0x1f",
    "1_0",
    "_1",
    "10.0.0.1",
    "5s",
    "12",
    "-3",
    ".5",
    "",
)
_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.sampled_from(_WORDS) | st.text(max_size=8)
_keys = st.sampled_from([*_WORDS, "kind", "spec"]) | st.text(min_size=1, max_size=5)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4), max_leaves=15
)


def exact(text: str) -> object:
    """What the exact parser says: a value, or that there is none."""
    try:
        documents = [loaded.value for loaded in load_all(text)]
    except InvalidYaml as error:
        return error.message
    return documents[0] if len(documents) == 1 else documents


def quick(text: str) -> object:
    """What the quick way says; an empty text is no document, and is not given to it."""
    decided = PLAIN.load(text.encode())
    return exact(text) if decided is UNDECIDED else decided


@given(st.dictionaries(_keys, _values, max_size=4), st.sampled_from([True, False, None]), st.integers(20, 200))
@settings(max_examples=300, deadline=None)
def test_any_value_written_as_yaml_is_read_back(value: dict[str, Any], style: Literal[True, False] | None, width: int) -> None:
    """Written by PyYAML in any style, both ways read the same value: the one that was written."""
    text = yaml.safe_dump(value, default_flow_style=style, width=width, sort_keys=False, allow_unicode=True)
    assert value == exact(text) or not _is_plain_json(value)
    assert repr(exact(text)) == repr(quick(text))


def _is_plain_json(value: object) -> bool:
    """Whether a reader of Kubernetes' YAML must read what PyYAML writes: PyYAML does not quote all that is special there."""
    if isinstance(value, dict):
        return all(_is_plain_json(key) and _is_plain_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_plain_json, value))
    return not isinstance(value, str) or (value.isalpha() and value not in {"y", "n", "Y", "N"})


_ATOMS = (
    *(
        "a",
        "b: c",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ",",
        ", ",
        ": ",
        ":",
        "\n",
        " ",
        "  ",
        '"x y"',
        "'q'",
        "#",
        "# c",
        " # c",
        "0",
        "12",
        "01",
        "1e3",
        "-",
    ),
    *(
        "- -",
        "null",
        "true",
        "false",
        "true: ",
        "on",
        "~",
        "a b",
        "/x",
        "10.0.0.1",
        "5s",
        "{a: b}",
        "[a, b]",
        "[]",
        "{}",
        "\n  ",
        "\n    ",
        "\n- ",
    ),
    *(
        "'it''s'",
        '""',
        "''",
        "a: \n",
        "?",
        "---",
        "...",
        ".5",
        "_1",
        "x.",
        "a:b",
        "{a:b}",
        "{a}",
        "[a: b]",
        '"a":b',
        "<<: {a: b}",
        "=",
        "/",
        "\t",
    ),
)
_SEEDS = (
    route("r", "one"),
    refused_route("x"),
    together(route("a"), route("b"))[:-1],
    "a:\n- b\n- c: d\n  e: [f, {g: h}]\n# i\nj: k l # m\n",
)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_documents_are_read_alike(seed: int) -> None:
    """Whatever a slip of the hand makes of a document, the quick way leaves it alone or reads what the exact one reads."""
    chance = random.Random(seed)  # noqa: S311 - the same texts in every run
    decided = 0
    for _ in range(3_000):
        text = (
            _slipped(chance, chance.choice(_SEEDS))
            if chance.random() < 0.6
            else "".join(chance.choices(_ATOMS, k=chance.randrange(1, 10)))
        )
        if not any(line.split("#")[0].strip() for line in text.split("\n")):
            continue
        value = PLAIN.load(text.encode())
        if value is not UNDECIDED:
            decided += 1
            assert repr(exact(text)) == repr(value), text
    assert decided > 300


def _slipped(chance: random.Random, text: str) -> str:
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(len(text) + 1)
        lines = text.split("\n")
        line, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        match chance.randrange(6):
            case 0:
                text = text[:at] + chance.choice(_ATOMS) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.choice([1, 1, 2, 9]) :]
            case 2:
                text = "\n".join([*lines[:line], " " * chance.randrange(1, 4) + lines[line], *lines[line + 1 :]])
            case 3:
                text = "\n".join([*lines[:line], lines[line][chance.randrange(1, 4) :], *lines[line + 1 :]])
            case 4:
                text = "\n".join([*lines[:other], lines[line], *lines[other:]])
            case _:
                text = "\n".join(lines[:line] + lines[line + 1 :])
    return text


@pytest.mark.parametrize(
    "text",
    [
        route("r"),
        "# what it is for\nkind: Service # here\nspec:\n  ports:\n  - port: 80\n    targetPort: http\n  clusterIP: 10.0.0.1\n",
        "a: {b: [c, {d: e}], f: 'g h'}\ntimeout: 500ms\nsize: 64Mi\nempty:\nflag: true\nnothing: null\n",
        "list:\n- - a\n  - b\n- c: d\n",
    ],
)
def test_ordinary_documents_take_the_quick_way(text: str) -> None:
    """What people write most is not left to the slow parser."""
    assert PLAIN.load(text.encode()) is not UNDECIDED


@pytest.mark.parametrize(
    "text", ["a: 1\na: 2\n", "a: on\n", "a: &b c\n", "a: 1.5\n", "a: |\n  b\n", "- " * 50_000 + "a\n", f"a: {'b' * 300_000}\n"]
)
def test_what_it_cannot_judge_is_left_alone(text: str) -> None:
    """Duplicate keys, special words, anchors, fractions, blocks, endless nesting and very long documents."""
    assert PLAIN.load(text.encode()) is UNDECIDED
