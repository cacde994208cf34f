"""The demo backend, asked over real sockets as Envoy would ask it."""

import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from gatewright.demo import LOOPBACK, Backend


@pytest.fixture
def connection(free_port: Callable[[], int]) -> Iterator[http.client.HTTPConnection]:
    with Backend(free_port(), "blue") as backend:
        thread = threading.Thread(target=backend.serve_forever)
        thread.start()
        client = http.client.HTTPConnection(LOOPBACK, backend.server_port, timeout=5)
        yield client
        client.close()
        backend.shutdown()
        thread.join()


def test_it_answers_with_what_it_was_asked(connection: http.client.HTTPConnection) -> None:
    """Method, path with query, host, headers and body size come back, with the name of the backend."""
    connection.request("POST", "/a/b?c=d", body=b"12345", headers={"Host": "www.example.com", "X-Colour": "Red"})
    answer = connection.getresponse()
    seen = json.load(answer)
    assert 200 == answer.status
    assert ("blue", "POST", "/a/b?c=d", "www.example.com", 5) == tuple(
        seen[name] for name in ("backend", "method", "path", "host", "body_bytes")
    )
    assert "Red" == seen["headers"]["x-colour"]


def test_a_connection_serves_again_after_a_chunked_body(connection: http.client.HTTPConnection) -> None:
    """The body is read to its end, so what follows on the connection is the next request."""
    connection.request(
        "PUT", "/chunks", body=iter([b"1234", b"567"]), headers={"Transfer-Encoding": "chunked"}, encode_chunked=True
    )
    assert 7 == json.load(connection.getresponse())["body_bytes"]
    connection.request("GET", "/next")
    assert "/next" == json.load(connection.getresponse())["path"]


def test_head_has_headers_only(connection: http.client.HTTPConnection) -> None:
    """HEAD is answered with the length of the body that GET would have, and without it."""
    connection.request("HEAD", "/")
    answer = connection.getresponse()
    assert int(answer.headers["Content-Length"]) > 0
    assert b"" == answer.read()


def test_a_taken_port_is_said_in_one_line(free_port: Callable[[], int]) -> None:
    """`python -m gatewright.demo` on a port in use names it and exits with 1."""
    port = free_port()
    with socket.create_server((LOOPBACK, port)):
        command = [sys.executable, "-m", "gatewright.demo", "--port", str(port)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert (1, f"{LOOPBACK}:{port} cannot be bound: Address already in use\n") == (ran.returncode, ran.stderr)
