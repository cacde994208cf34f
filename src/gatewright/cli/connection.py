"""Finding the running server, and asking it.

A server's state folder holds its console's Unix socket (or a link to it). Whoever may open that may ask. The only live server is
the one that is meant; of several, the user says which.
"""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from gatewright.cli.program import Failure
from gatewright.settings import ADMIN_SOCKET

TIMEOUT_SECONDS: Final = 10.0


class Server(NamedTuple):
    """A live server: its state folder, and what it says of itself (`console.source.About`)."""

    state_dir: Path
    about: Mapping[str, Any]


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def find(state_dir: Path | None, root: Path) -> Server:
    """The server of `state_dir` (or the only one below it), else the only live one below `root`.

    Raises: Failure when there is none, or more than one.
    """
    folder = state_dir or root
    sockets = [
        path for path in (folder / ADMIN_SOCKET, *sorted(folder.glob(f"*/{ADMIN_SOCKET}"))) if path.is_symlink() or path.exists()
    ]
    servers = [server for path in sockets if (server := _ask_who(path.parent))]
    if not servers:
        raise Failure(
            f"no server is running in {folder}: start one with 'gatewright serve DIR', or name its folder with --state-dir"
        )
    if len(servers) > 1:
        listed = "; ".join(f"--state-dir {server.state_dir} (serves {', '.join(server.about['paths'])})" for server in servers)
        raise Failure(f"{len(servers)} servers are running, choose one: {listed}")
    return servers[0]


def get(server: Server, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON
    """The JSON answer to GET `path`.

    Raises: Failure when the server is gone or refuses.
    """
    with _answered(server, _target(path, query), TIMEOUT_SECONDS) as answer:
        return json.loads(answer.read())


def stream(server: Server, path: str, **query: str) -> Iterator[Any]:
    """The JSON lines that GET `path` answers, until the server ends.

    Raises: Failure when the server refuses or breaks off.
    """
    with _answered(server, _target(path, query), None) as answer:
        while line := answer.readline():
            yield json.loads(line)


def _ask_who(folder: Path) -> Server | None:
    try:
        return Server(folder, get(Server(folder, {}), "/api/about"))
    except Failure:
        return None


def _target(path: str, query: Mapping[str, str]) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def _answered(server: Server, target: str, timeout: float | None) -> http.client.HTTPResponse:
    connection = _UnixConnection((server.state_dir / ADMIN_SOCKET).resolve(), timeout)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"the server in {server.state_dir} does not answer: {error}") from error
    if answer.status != http.client.OK:
        raise Failure(f"the server refused {target}: {answer.status} {answer.read().decode(errors='replace')}")
    return answer
