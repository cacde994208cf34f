"""The quickstart as a newcomer runs it: one command, real Envoy, a real demo backend, and Ctrl-C."""

import http.client
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "quickstart"
LOOPBACK = "127.0.0.1"
CANNOT_RUN = 3


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gatewright", "quickstart", *arguments, str(EXAMPLES)]


@contextmanager
def running(state: Path, port: int, backend_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The quickstart on these ports, with its state in a folder of the test's own; stopped at the end if it still runs."""
    arguments = command("--port", str(port), "--backend-port", str(backend_port))
    environment = os.environ | {"XDG_STATE_HOME": str(state)}
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def printed_until(process: subprocess.Popen[bytes], ending: str, seconds: float = 40) -> str:
    """What the process printed up to and including `ending`."""
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    output = b""
    while ending.encode() not in output:
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        chunk = os.read(process.stdout.fileno(), 65536) if ready else b""
        assert chunk, f"{ending!r} was not printed; this was: {output.decode()}"
        output += chunk
    return output.decode()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def ask(port: int, host: str) -> int:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    connection.request("GET", "/", headers={"Host": host})
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_first_request_is_answered_and_ctrl_c_stops_everything(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """The curl line stands with an answer that came through Envoy; it goes on serving; one interrupt ends all, with code 0."""
    port, backend_port = free_port(), free_port()
    with running(tmp_path, port, backend_port) as process:
        output = printed_until(process, "status\n")
        assert f"$ curl --header 'Host: www.example.com' http://localhost:{port}/get\n" in output
        assert re.search(r'"path": "/get",\n "host": "www\.example\.com"', output)
        assert "x-request-id" in output  # Envoy's own header: the answer did not come around it
        assert [200, 404] == [ask(port, "www.example.com"), ask(port, "www.example.org")]
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(timeout=30)
    assert [False, False] == [listens(port), listens(backend_port)]


def test_each_port_in_use_is_said_with_its_option(free_port: Callable[[], int]) -> None:
    """Nothing is started; the line names the port, who needs it, and both ways to choose another."""
    taken, free = free_port(), free_port()
    cases = {
        ("--port", "PORT"): ("gateway", ("--port", str(taken), "--backend-port", str(free))),
        ("--backend-port", "BACKEND_PORT"): ("demo backend", ("--port", str(free), "--backend-port", str(taken))),
    }
    with socket.create_server((LOOPBACK, taken)):
        for (option, variable), (whose, arguments) in cases.items():
            ran = subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=30)
            assert CANNOT_RUN == ran.returncode
            assert f"error: port {taken}, which the {whose} needs, is in use by another process." in ran.stderr
            assert re.search(rf"Choose another one with {option} \d+, or `make quickstart {variable}=\d+`\.\n$", ran.stderr)
            assert 1 == ran.stderr.count("\n")


def test_a_folder_without_the_examples_is_said(tmp_path: Path) -> None:
    """Run elsewhere, it says what it misses."""
    arguments = [sys.executable, "-m", "gatewright", "quickstart"]
    ran = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)
    expected = (
        "error: examples/quickstart does not hold the quickstart's files: run this in the project's folder, or name theirs.\n"
    )
    assert (CANNOT_RUN, expected) == (ran.returncode, ran.stderr)


def test_a_gateway_that_does_not_answer_ends_the_wait(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """A route for another host leaves 404 as the last answer, which is told instead of waiting for ever."""
    examples = Path(shutil.copytree(EXAMPLES, tmp_path / "examples"))
    route = examples / "route.yaml"
    route.write_text(route.read_text().replace("www.example.com", "www.example.org"))
    ports = ("--port", str(free_port()), "--backend-port", str(free_port()), "--wait", "10")
    arguments = [sys.executable, "-m", "gatewright", "quickstart", *ports, str(examples)]
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")}
    ran = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=50)
    assert CANNOT_RUN == ran.returncode
    assert "error: the gateway did not answer with 200 within 10 s (its last answer: 404)." == ran.stderr.splitlines()[-1]
