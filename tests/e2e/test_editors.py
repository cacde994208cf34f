"""The ways in which programs save files: whichever it is, an edit is an edit, and nobody is without an answer for it."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.edge import Edge
from tests.support.clients import answers
from tests.support.load import Load
from tests.support.objects import documents, route, to

SAVES = 16


def in_place(path: Path, text: str) -> None:
    """Emptied and written, as by a shell's redirection."""
    path.write_text(text)


def in_pieces(path: Path, text: str) -> None:
    """Written in two halves, with a pause between them."""
    with path.open("w") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        time.sleep(0.03)
        file.write(text[len(text) // 2 :])


def by_renaming(path: Path, text: str) -> None:
    """Written beside and renamed, as by emacs, `sed -i` and careful programs."""
    beside = path.with_name(f"#{path.name}#")
    beside.write_text(text)
    beside.replace(path)


def as_vim_does(path: Path, text: str) -> None:
    """The old file is renamed to a backup, the new one created, the backup removed."""
    backup = path.with_name(f"{path.name}~")
    path.rename(backup)
    time.sleep(0.01)
    path.write_text(text)
    backup.unlink()


def as_git_does(path: Path, text: str) -> None:
    """Removed and created, as by `git checkout`."""
    path.unlink()
    time.sleep(0.01)
    path.write_text(text)


def by_copying(path: Path, text: str) -> None:
    """Copied over by another process."""
    source = path.with_name(".source")
    source.write_text(text)
    subprocess.run(["cp", str(source), str(path)], check=True)  # noqa: S607 - the user's own cp
    source.unlink()


@pytest.mark.parametrize("save", [in_place, in_pieces, by_renaming, as_vim_does, as_git_does, by_copying])
def test_a_file_is_saved(edge: Edge, save: Callable[[Path, str], None]) -> None:
    """Each save takes effect, and no request is lost over it."""
    edge.server.apply("saved", route("saved", to("one")))
    path = edge.server.folder / "saved.yaml"
    with Load(edge.port, "saved.test") as load:
        for turn in range(SAVES):
            backend = ("two", "one")[turn % 2]
            save(path, documents(route("saved", to(backend))))
            took_effect(edge, backend)
    assert {"200": load.total} == load.answers
    assert [] == edge.server.problems()
    edge.server.remove("saved")


def took_effect(edge: Edge, backend: str) -> None:
    """Wait until `backend` answers."""
    deadline = time.monotonic() + 5
    while answers(lambda: edge.ask("saved.test"), 200).backend != backend:
        assert time.monotonic() < deadline, f"not {backend}"


def test_a_gateway_is_saved_as_vim_does(edge: Edge) -> None:
    """A Gateway whose file is away for a moment keeps its Envoy, and its clients."""
    path = edge.server.folder / "edge.yaml"
    before = edge.server.envoys()
    with Load(edge.port, "saved.test") as load:
        edge.server.apply("saved", route("saved", to("one")))
        load.wait_for(20)
        load.answers.clear()
        for _ in range(5):
            as_vim_does(path, path.read_text())
            load.wait_for(30)
    assert {"200"} == load.answers.keys()
    assert before == edge.server.envoys()
