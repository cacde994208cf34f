"""Following, limiting and quoting what Envoy writes."""

from pathlib import Path

import pytest

from gatewright.fleet import logs
from gatewright.fleet.logs import Follower, LogLine


def test_lines_are_read_as_they_come(tmp_path: Path) -> None:
    """What was there before is not told; a line is told once it is whole."""
    path = tmp_path / "access.log"
    path.write_text("old\n")
    follower = Follower(path)
    with path.open("a") as file:
        file.write("one\ntw")
        file.flush()
        first = follower.read()
        file.write("o\n")

    assert (b"one\n", b"two\n", b"") == (first, follower.read(), follower.read())


def test_a_large_file_is_moved_aside_and_its_writer_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files of the limit's size is the most that a log takes; an appending writer notices nothing."""
    monkeypatch.setattr(logs, "ROTATE_BYTES", 10)
    path = tmp_path / "access.log"
    with path.open("a") as file:
        follower = Follower(path)
        file.write("0123456789\n")
        file.flush()
        first = follower.read()
        file.write("next\n")
        file.flush()

        assert (b"0123456789\n", b"next\n") == (first, follower.read())
    assert ("0123456789\n", "next\n") == ((tmp_path / "access.log.1").read_text(), path.read_text())


def test_a_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """An Envoy that never started has said nothing."""
    assert b"" == Follower(tmp_path / "none").read()
    assert "" == logs.tail(tmp_path / "none", 0)


def test_the_last_words_are_errors_of_this_life(tmp_path: Path) -> None:
    """Errors tell why Envoy ended; of lives before, and of mere information, nothing is told."""
    path = tmp_path / "envoy.log"
    before = b'{"level":"error","message":"an earlier life"}\n'
    path.write_bytes(before + b'{"level":"info","message":"hello"}\n{"level":"critical","message":"cannot bind"}\nbacktrace\n')

    assert "cannot bind\nbacktrace" == logs.tail(path, len(before))


def test_of_a_refused_option_the_usage_is_left_out(tmp_path: Path) -> None:
    """Two lines say which one it was; fifty list the others."""
    path = tmp_path / "envoy.log"
    path.write_text(
        "PARSE ERROR: Argument: --nonsense\n  Couldn't find match for argument\n\nBrief USAGE: \n   envoy [--a]\n  [--b]\n"
    )

    assert "PARSE ERROR: Argument: --nonsense\nCouldn't find match for argument" == logs.tail(path, 0)


def test_without_errors_the_last_lines_are_the_last_words(tmp_path: Path) -> None:
    """Something is better than nothing."""
    path = tmp_path / "envoy.log"
    path.write_text("".join(f'{{"level":"info","message":"{number}"}}\n' for number in range(9)))

    assert "4\n5\n6\n7\n8" == logs.tail(path, 0)


def test_what_is_no_json_is_a_message() -> None:
    """A crash does not speak JSON."""
    assert LogLine("Segmentation fault") == logs.parse(b"Segmentation fault\n")
