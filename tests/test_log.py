"""What a log line looks like, and what never stands in one."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gatewright import log

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture
def stream(root: logging.Logger) -> io.StringIO:
    root.setLevel(logging.WARNING)
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_has_its_constants_first(stream: io.StringIO) -> None:
    """One object a line: when, how bad, who, what, and the fields."""
    log.configure("info", "json", stream)
    log.logger("gatewright.fleet").info("proxy started", proxy="default/web", pid=1)
    (line,) = lines(stream)
    assert ["timestamp", "level", "logger", "message", "proxy", "pid"] == list(line)
    assert ("info", "gatewright.fleet", "proxy started", 1) == (line["level"], line["logger"], line["message"], line["pid"])


def test_a_console_line_has_no_colours_in_a_file(stream: io.StringIO) -> None:
    """Escape sequences are for terminals."""
    log.configure("info", "console", stream)
    log.logger("gatewright.fleet").warning("proxy died", proxy="default/web")
    assert ("\x1b" in stream.getvalue(), "proxy died" in stream.getvalue()) == (False, True)


def test_libraries_join_the_stream(stream: io.StringIO) -> None:
    """What comes through `logging` has the same shape."""
    log.configure("info", "json", stream)
    logging.getLogger("somebody").warning("%s is odd", "this")
    assert ("somebody", "this is odd") == (lines(stream)[0]["logger"], lines(stream)[0]["message"])


@pytest.mark.parametrize(("level", "expected"), [("debug", ["d", "i", "e"]), ("info", ["i", "e"]), ("error", ["e"]), ("off", [])])
def test_levels(stream: io.StringIO, level: log.Level, expected: list[str]) -> None:
    """A level lets itself and what is worse pass."""
    log.configure(level, "json", stream)
    logger = log.logger("x")
    logger.debug("d")
    logger.info("i")
    logger.error("e")
    assert expected == [line["message"] for line in lines(stream)]


def test_secrets_are_never_logged(stream: io.StringIO) -> None:
    """Not by a field's name, not as a key in a text, not in a traceback, and bytes only by their length."""
    log.configure("debug", "json", stream)
    logger = log.logger("x")
    event = f"event with {KEY}"
    logger.info(
        event,
        private_key="hush",
        password="hush",
        token="hush",
        secret_data="hush",
        body=b"hush",
        text=f"a {KEY} b",
    )
    try:
        int(KEY)
    except ValueError:
        logger.exception("failed")
    assert ("hush" in stream.getvalue(), "MIIEow" in stream.getvalue()) == (False, False)
    assert ("a [redacted] b", "(4 bytes)") == (lines(stream)[0]["text"], lines(stream)[0]["body"])
    assert "ValueError" in lines(stream)[1]["exception"]


def test_a_line_that_repeats_itself_is_held_back_and_counted(stream: io.StringIO) -> None:
    """Only exact repetitions; the next line of the kind says how many are missing."""
    log.configure("info", "json", stream)
    logger = log.logger("x")
    for _ in range(3):
        logger.info("refused", file="a")
    logger.info("refused", file="b")
    assert [("a", None), ("b", 2)] == [(line["file"], line.get("held_back")) for line in lines(stream)]


def test_a_flood_is_cut_and_ends_with_its_window() -> None:
    """An event has at most BURST lines in a window, whatever its fields; afterwards it is let through again."""
    now = 0.0
    repeats = log.Repeats(lambda: now)
    passed = sum(_passes(repeats, number) for number in range(log.BURST + 20))
    assert log.BURST == passed
    now = log.REPEAT_SECONDS
    event: log.EventDict = {"event": "e", "n": 0}
    assert 20 == repeats(None, "info", event)["held_back"]


def _passes(repeats: log.Repeats, number: int) -> bool:
    try:
        repeats(None, "info", {"event": "e", "n": number})
    except structlog.DropEvent:
        return False
    return True
