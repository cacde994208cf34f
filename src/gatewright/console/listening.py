"""Sockets that are ready to listen, or a clear word on why not.

A default port that another program holds must not keep anyone from serving: we say so and take a free one. A port that a person
asked for is not ours to change.
"""

import errno
import socket
from pathlib import Path
from typing import Final

from gatewright import log
from gatewright.settings import ADMIN_SOCKET, ListenAddress

BACKLOG: Final = 128

_log = log.logger(__name__)


class AddressError(Exception):
    """An address that a person asked for cannot be listened on; the message is for that person."""


def bind(address: ListenAddress, purpose: str) -> tuple[socket.socket, ListenAddress]:
    """A listening TCP socket for `purpose` and where it really is: on a free port if a default one is taken.

    Raises: AddressError when a port that was asked for is taken, or the address is not one of this machine.
    """
    try:
        bound = _bind(address.host, address.port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise AddressError(f"cannot listen on the {purpose} address {address}: {error.strerror}") from error
        if address.asked_for:
            raise AddressError(f"the {purpose} address {address} is in use by another program") from error
        bound = _bind(address.host, 0)
        free = bound.getsockname()[1]
        _log.warning("default port is in use, another one is taken", purpose=purpose, busy=str(address), port=free)
    return bound, ListenAddress(address.host, bound.getsockname()[1], address.asked_for)


def bind_unix(path: Path, state_dir: Path) -> socket.socket:
    """A listening Unix socket that only this user can open; replaces what a killed server left behind.

    When it lies outside `state_dir`, a symbolic link there says where, for `gatewright status --state-dir`.
    """
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    try:
        bound.bind(str(path))
        path.chmod(0o600)
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    bound.settimeout(0)
    signpost = state_dir / ADMIN_SOCKET
    if signpost != path:
        signpost.unlink(missing_ok=True)
        signpost.symlink_to(path)
    return bound


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    bound.settimeout(0)
    return bound
