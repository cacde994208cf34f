"""The exact parser, held against what kubectl 1.32 made of the same text."""

import pytest

from gatewright.sources.kubernetes_yaml import MAX_ALIASED_NODES, InvalidYaml, load_all


def value_of(text: str) -> object:
    (loaded,) = load_all(f"v: {text}\n")
    assert isinstance(loaded.value, dict)
    return loaded.value["v"]


def fault_of(text: str) -> InvalidYaml:
    with pytest.raises(InvalidYaml) as caught:
        list(load_all(text))
    return caught.value


@pytest.mark.parametrize("word", ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
def test_words_that_are_true(word: str) -> None:
    """YAML 1.1 has eleven words for true."""
    assert value_of(word) is True


@pytest.mark.parametrize("word", ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"])
def test_words_that_are_false(word: str) -> None:
    """YAML 1.1 has eleven words for false."""
    assert value_of(word) is False


@pytest.mark.parametrize("word", ["", "~", "null", "Null", "NULL", "!!null ''"])
def test_words_that_are_null(word: str) -> None:
    """Nothing at all is null as well."""
    assert value_of(word) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[("0", 0), ("-0", 0), ("+12", 12), ("-12", -12), ("1_000", 1000), ("1__0", 10), ("1_", 1)],
        *[
            ("0777", 511),
            ("010", 8),
            ("0o17", 15),
            ("0O17", 15),
            ("0x1F", 31),
            ("0X1F", 31),
            ("-0x1", -1),
            ("0b11", 3),
            ("-0b11", -3),
        ],
        *[("08", 8), ("09", 9), ("1e3", 1000), ("1E+3", 1000), ("1.e3", 1000), ("1.0", 1), ("5.", 5), ("-0.0", 0)],
        *[(".5", 0.5), ("-.5", -0.5), ("1.50", 1.5), ("1_000.5", 1000.5), ("1e-7", 1e-7), ("1e30", 1e30)],
        *[("9223372036854775807", 2**63 - 1), ("99999999999999999999", 10**20)],
        *[('!!int "12"', 12), ("!!float 1", 1)],
    ],
)
def test_numbers(text: str, number: float) -> None:
    """Octal, hexadecimal and binary as Go reads them; a whole float is an integer in JSON."""
    assert (number, type(number)) == (value_of(text), type(value_of(text)))


@pytest.mark.parametrize(
    "text",
    [
        *[
            "oN",
            "tRue",
            "nULL",
            "0o8",
            "0x",
            "0b",
            "0o",
            "_1",
            "1e",
            "e3",
            ".",
            "..",
            "-.",
            "1.2.3",
            "10.0.0.1",
            "12:30",
            "12:30:45",
            "1:1",
        ],
        *[
            "2001-01-01",
            "2001-12-14t21:59:43.10-05:00",
            "2001-12-14 21:59:43",
            "1e400",
            "9" * 400,
            "9" * 5000,
            "0x1FFFFFFFFFFFFFFFF",
            "=",
            "?a",
            "-a",
            ":a",
        ],
        *["a#b", "a{b}", "a*b", "a&b", "http://a:80/b", "it's", "64Mi", "500ms", "é", "\U0001f600"],
    ],
)
def test_everything_else_is_a_string(text: str) -> None:
    """Dates, times, addresses, quantities and near misses stay what they are."""
    assert text == value_of(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[
            ("'12'", "12"),
            ('"true"', "true"),
            ("!!str 12", "12"),
            ("!foo x", "x"),
            ("!!foo 1", "1"),
            ("!!timestamp 2001-01-01", "2001-01-01"),
        ],
        *[
            ("!!binary aGVsbG8=", "hello"),
            ('!!bool "yes"', True),
            ("'it''s'", "it's"),
            ("|\n  a\n  b", "a\nb\n"),
            (">-\n  a\n  b", "a b"),
        ],
        *[
            ("a\n  b", "a b"),
            ("a #b", "a"),
            ("\ta", "a"),
            ("{a:b}", {"a:b": None}),
            ('{"a":b}', {"a": "b"}),
            ("[a: b]", [{"a": "b"}]),
        ],
        *[("!!set {a}", {"a": None}), ("[a, b,]", ["a", "b"])],
    ],
)
def test_quotes_tags_and_blocks(text: str, value: object) -> None:
    """Quotes keep strings; tags that JSON has no use for are passed over."""
    assert value == value_of(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{on: 1}", {"true": 1}),
        ("{1: a, 0x10: b, 1.5: c, 1e3: d, 010: e}", {"1": "a", "16": "b", "1.5": "c", "1000": "d", "8": "e"}),
        ("{'<<': {a: 1}}", {"<<": {"a": 1}}),
    ],
)
def test_keys_become_strings(text: str, value: object) -> None:
    """JSON's keys are strings: a boolean or a number is written out."""
    assert value == value_of(text)


def test_aliases_and_merge_keys() -> None:
    """An alias is what its anchor was; a merge gives way to what stands there itself, and to what was merged before it."""
    (loaded,) = load_all("x: &x {a: 1, b: 2}\ny: &y {b: 5, c: 6}\nv: {<<: [*x, *y], d: *x, c: 7}\n")
    assert {"a": 1, "b": 2, "c": 7, "d": {"a": 1, "b": 2}} == loaded.value["v"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 'key "a" stands twice'),
        ("true: 1\n'true': 2\n", 2, 'key "true" stands twice'),
        ("a: 1\n[b]: 2\n", 2, "a key must be a string"),
        ("a: {~: 1}\n", 1, "a key must be a string"),
        ("a: &x [*x]\n", 1, 'anchor "x" contains itself'),
        ("a: 1\nb: *q\n", 2, 'unknown anchor "q"'),
        ("a: {<<: 3}\n", 1, "a merge key takes an object or a list of objects"),
        ("a: 1\nb: .inf\n", 2, ".inf has no place in JSON"),
        ("a: .nan\n", 1, ".nan has no place in JSON"),
        ("a: !!int 1.5\n", 1, "'1.5' does not fit its tag"),
        ("a:\n\tb: 1\n", 2, "found character that cannot start any token while scanning for the next token"),
        ("a:\n  b: 1\n   c: 2\n", 3, "mapping values are not allowed in this context"),
        ("a:\n    b: 1\n  c: 2\n", 3, "did not find expected key while parsing a block mapping"),
        ("a: b: c\n", 1, "mapping values are not allowed in this context"),
        ("a: 1\nb: x\x01y\n", 2, "control characters are not allowed"),
    ],
)
def test_faults_name_their_line(text: str, line: int, message: str) -> None:
    """What cannot be read says why, and where."""
    assert (line, message) == (fault_of(text).line, fault_of(text).message)


def test_an_alias_bomb_is_refused() -> None:
    """Nine levels of nine aliases would be 387 million nodes."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    assert f"aliases stand for more than {MAX_ALIASED_NODES} nodes" == fault_of("\n".join(lines)).message


@pytest.mark.parametrize(
    "text", ["[" * 900 + "]" * 900, "- " * 100_000 + "a", "? " * 100_000 + "a", "{a: " * 500 + "1" + "}" * 500]
)
def test_nesting_is_bounded(text: str) -> None:
    """Endless nesting is a fault and no crash."""
    assert fault_of(text).message == "nested deeper than 100 levels"


def test_what_was_read_before_a_fault_stands() -> None:
    """Documents come one at a time."""
    documents = load_all("a: 1\n---\nb: [\n")
    assert {"a": 1} == next(documents).value
    with pytest.raises(InvalidYaml):
        next(documents)
