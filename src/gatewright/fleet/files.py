"""The fleet's files: directories only we may enter, the lock of the owner, bootstraps, and what dead Envoys left behind.

Envoy removes neither its sockets nor its shared memory (`/dev/shm/envoy_shared_memory_<id>`) when it ends. Both carry the base id
in their names, so whatever belongs to no living Envoy can be told and removed.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final

from gatewright.fleet.spec import ProxyFiles, StateLayout

_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - Envoy's choice
_SOCKET: Final = re.compile(r"[0-9a-f]{8}(\.admin\.sock|_(udp_)?(parent|child)_(?P<id>\d+))")


class StateDirectoryError(Exception):
    """The state directory cannot be used: it cannot be written, or another control plane owns it."""


def prepare(state: StateLayout) -> None:
    """Makes the directories, for our eyes only. Raises StateDirectoryError."""
    for directory in (state.root, state.proxies, state.sockets):
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            owner = directory.stat().st_uid
        except OSError as error:
            raise StateDirectoryError(f"cannot make the state directory {directory}: {error.strerror}") from error
        if owner != os.geteuid():
            raise StateDirectoryError(f"the state directory {directory} belongs to another user (uid {owner})")
        if not os.access(directory, os.W_OK | os.X_OK):
            raise StateDirectoryError(f"cannot write to the state directory {directory}")


def lock(state: StateLayout) -> int:
    """Takes the directory for this process; the returned descriptor holds it until closed. Raises StateDirectoryError."""
    try:
        descriptor = os.open(state.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateDirectoryError(f"cannot write to the state directory {state.root}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.read(descriptor, 32).decode().strip() or "unknown"
        os.close(descriptor)
        raise StateDirectoryError(
            f"the state directory {state.root} is in use by another control plane (process {owner}); stop it or choose another"
        ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def write_bootstrap(files: ProxyFiles, content: bytes) -> Path:
    """Writes a bootstrap that is not there yet, atomically. Raises OSError."""
    path = files.bootstrap(content)
    if not path.exists():
        files.directory.mkdir(mode=0o700, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_bytes(content)
        draft.replace(path)
    return path


def sweep(files: ProxyFiles) -> None:
    """Removes sockets, shared memory and bootstraps of a proxy none of whose Envoys is alive."""
    for socket in files.sockets.glob(f"{files.digest}[_.]*"):
        _remove_socket(socket)
    for path in files.directory.glob("bootstrap-*"):
        path.unlink(missing_ok=True)


def remove(files: ProxyFiles) -> None:
    """Removes the directory of a proxy that does not run and is not wanted any more, its logs included."""
    shutil.rmtree(files.directory, ignore_errors=True)


def remove_others(state: StateLayout, names: Collection[str]) -> None:
    """Removes what is left of proxies other than these."""
    kept = {state.proxy(name).directory for name in names}
    digests = {state.proxy(name).digest for name in names}
    for directory in set(state.proxies.iterdir()) - kept:
        shutil.rmtree(directory, ignore_errors=True)
    for socket in state.sockets.iterdir():
        if _SOCKET.fullmatch(socket.name) and socket.name[:8] not in digests:
            _remove_socket(socket)


def _remove_socket(socket: Path) -> None:
    """Removes a socket, and the shared memory that its name tells of."""
    named = _SOCKET.fullmatch(socket.name)
    if named and named["id"]:
        _SHARED_MEMORY.joinpath(f"envoy_shared_memory_{int(named['id']) // 10 * 10}").unlink(missing_ok=True)
    socket.unlink(missing_ok=True)
