"""State folders: private, and nobody else's."""

from pathlib import Path

import pytest

from gatewright.cli.folders import prepare
from gatewright.cli.program import Failure
from gatewright.settings import Settings


def settings(state: Path, sockets: Path | None = None) -> Settings:
    return Settings(paths=(), state_dir=state, socket_dir=sockets or state)


def test_folders_are_made_private(tmp_path: Path) -> None:
    """Nobody else may enter, not even if the folder was there with another mode."""
    open_folder = tmp_path / "s"
    open_folder.mkdir(mode=0o755)
    prepare(settings(tmp_path / "a" / "b", open_folder))
    assert [0o700, 0o700] == [folder.stat().st_mode & 0o777 for folder in (tmp_path / "a" / "b", open_folder)]


def test_a_link_in_a_shared_folder_is_not_trusted(tmp_path: Path) -> None:
    """Someone else may have put it there."""
    (tmp_path / "target").mkdir()
    (tmp_path / "gatewright-0").symlink_to(tmp_path / "target")
    tmp_path.chmod(0o1777)
    with pytest.raises(Failure, match="is not a folder of ours"):
        prepare(settings(tmp_path / "state", tmp_path / "gatewright-0" / "x"))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """The system's word in one line."""
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match="cannot make the folder"):
        prepare(settings(tmp_path / "file" / "state"))
