"""The folders that a server keeps its state and sockets in, made so that only this user can enter them.

A shared /tmp is the last resort for sockets whose path would be too long: a folder there is used only when it is ours alone, or
another user could listen in our place. Who may use the state folder is settled by the fleet's lock in it.
"""

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from gatewright.cli.program import Failure
from gatewright.settings import Settings

PRIVATE: Final = 0o700


def prepare(settings: Settings) -> None:
    """Make the folders of `settings`.

    Raises: Failure when one cannot be made or is not ours.
    """
    for folder in dict.fromkeys((settings.state_dir, settings.socket_dir)):
        make_private(folder)
    if settings.status_dir:
        make(settings.status_dir)


def tidy(settings: Settings) -> None:
    """Remove the folder of sockets if it is one apart and nothing uses it any more."""
    if settings.socket_dir != settings.state_dir:
        with contextlib.suppress(OSError):
            settings.socket_dir.rmdir()


def make(folder: Path) -> None:
    """Make a folder and those above it.

    Raises: Failure when that is not possible.
    """
    try:
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the folder {folder}: {error.strerror}") from error


def make_private(folder: Path) -> None:
    """Make a folder that only we can enter; its parent, too, when that lies in a folder that everybody may write to.

    Raises: Failure when it belongs to someone else, or others may enter it.
    """
    if _is_shared(folder.parent.parent):
        make(folder.parent)
        _check_ours(folder.parent)
    make(folder)
    _check_ours(folder)


def _is_shared(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return False


def _check_ours(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise Failure(f"{folder} is not a folder of ours: remove it, or choose another with --state-dir")
    if found.st_mode & 0o077:
        folder.chmod(PRIVATE)
