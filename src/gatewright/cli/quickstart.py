"""`gatewright quickstart`: from nothing to an answered request, on one machine, in one terminal.

A demo backend runs in this process, `gatewright serve` on the example files in another. Once the gateway answers, the request
that anyone can repeat is shown with its answer; then both serve until Ctrl-C, and the server stops before the backend, as
requests would want it. What a stranger's machine can have against it (ports in use, files elsewhere) is found before any start.
"""

from __future__ import annotations

import errno
import http.client
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import rich_click as click

from gatewright.cli.program import Failure
from gatewright.demo import LOOPBACK, Backend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

EXAMPLES = Path("examples/quickstart")
HOSTNAME = "www.example.com"  # the one that examples/quickstart/route.yaml names
GATEWAY_PORT = 8888
BACKEND_PORT = 3000
HIGHEST_PORT = 65535
PORTS = click.IntRange(1, HIGHEST_PORT)
OTHER_PORT_OFFSET = 1111  # 8888 → 9999: what a refusal suggests
DRAIN_SECONDS = 1.0  # nobody depends on these connections, and Ctrl-C should feel prompt
STOP_SECONDS = 20.0  # then the server is killed
POLL_SECONDS = 0.05


class Answer(NamedTuple):
    """What the gateway answered: the status line's code and the body as text."""

    status: int
    body: str


@click.command(short_help="Serve the example routes with a demo backend.")
@click.option("--port", type=PORTS, default=GATEWAY_PORT, show_default=True, help="Port the gateway listens on.")
@click.option("--backend-port", type=PORTS, default=BACKEND_PORT, show_default=True, help="Port of the demo backend.")
@click.option(
    "--wait", "patience", type=click.FloatRange(1), default=30.0, show_default=True, help="Seconds for the first answer."
)
@click.argument("examples", type=click.Path(path_type=Path, file_okay=False), default=EXAMPLES)
def quickstart(port: int, backend_port: int, patience: float, examples: Path) -> None:
    """Serve EXAMPLES with a demo backend, show the first request, go on until Ctrl-C.

    EXAMPLES is `examples/quickstart` of the project's folder unless another one is named. With the ports of the examples the
    folder itself is served, so what is edited there takes effect at once; with other ports, a copy.
    """
    if not (examples / "gateway.yaml").is_file():
        raise Failure(f"{examples} does not hold the quickstart's files: run this in the project's folder, or name theirs.")
    refuse_busy_port(port, "", "gateway", "--port", "PORT")
    refuse_busy_port(backend_port, LOOPBACK, "demo backend", "--backend-port", "BACKEND_PORT")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    with ExitStack() as stack:
        stack.enter_context(demo_backend(backend_port))
        folder = stack.enter_context(examples_with_ports(examples, port, backend_port))
        try:
            server = stack.enter_context(served(folder))
            show(first_answer(server, port, patience), port, folder)
            # Polled, not waited for: a Ctrl-C that comes just before a wait without end blocks would be acted on after it only.
            while (code := server.poll()) is None:
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            click.echo("\nStopping.", err=True)
            return
    raise Failure(f"the gateway's server ended by itself, with exit code {code}.")


def refuse_busy_port(port: int, address: str, whose: str, option: str, variable: str) -> None:
    """Say which port is taken and how to choose another, before anything has started.

    `SO_REUSEPORT` stays off: Envoy uses it, so only a bind without it notices another Envoy on the same port.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
        except OSError as error:
            other = port + OTHER_PORT_OFFSET if port + OTHER_PORT_OFFSET <= HIGHEST_PORT else port - OTHER_PORT_OFFSET
            another = f"Choose another one with {option} {other}, or `make quickstart {variable}={other}`."
            why = "is in use by another process" if error.errno == errno.EADDRINUSE else f"cannot be bound ({error.strerror})"
            raise Failure(f"port {port}, which the {whose} needs, {why}. {another}") from error


@contextmanager
def demo_backend(port: int) -> Iterator[Backend]:
    """The demo backend, answering on a thread of its own for as long as the block runs."""
    with Backend(port) as backend:
        threading.Thread(target=backend.serve_forever, name="demo backend", daemon=True).start()
        try:
            yield backend
        finally:
            backend.shutdown()


@contextmanager
def examples_with_ports(examples: Path, port: int, backend_port: int) -> Iterator[Path]:
    """The folder to serve: the examples themselves, or a temporary copy when a port differs from theirs."""
    if (port, backend_port) == (GATEWAY_PORT, BACKEND_PORT):
        yield examples
        return
    wanted = {GATEWAY_PORT: port, BACKEND_PORT: backend_port}
    with tempfile.TemporaryDirectory(prefix="gatewright-quickstart-") as temporary:
        copy = Path(shutil.copytree(examples, Path(temporary) / examples.name))
        for file in copy.glob("*.yaml"):
            file.write_text(
                re.sub(r"(?m)(?<= port: )\d+$", lambda found: str(wanted.get(int(found[0]), found[0])), file.read_text())
            )
        yield copy


@contextmanager
def served(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`gatewright serve` on the folder; at the end it gets its time to drain.

    It runs in a session of its own, since a terminal's Ctrl-C goes to every process of the foreground group and would reach
    it, and its Envoys, twice.
    """
    command = [sys.executable, "-m", "gatewright", "serve", "--drain-seconds", str(DRAIN_SECONDS), str(folder)]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):  # it hangs, or a second Ctrl-C is impatient
            server.kill()
            server.wait()


def first_answer(server: subprocess.Popen[bytes], port: int, patience: float) -> Answer:
    """Ask until the gateway answers 200; leave when its server ends or the time is over."""
    deadline = time.monotonic() + patience
    latest: Answer | None = None
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Failure(
                f"the gateway's server ended with exit code {server.returncode} before it answered; its own words are above."
            )
        latest = ask(port) or latest
        if latest is not None and latest.status == http.client.OK:
            return latest
        time.sleep(POLL_SECONDS)
    said = "nothing" if latest is None else f"{latest.status} {latest.body}".strip()
    raise Failure(f"the gateway did not answer with 200 within {patience:.0f} s (its last answer: {said}).")


def ask(port: int) -> Answer | None:
    """One request through the gateway, or None while nothing listens or the connection breaks."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/get", headers={"Host": HOSTNAME})
        response = connection.getresponse()
        return Answer(response.status, response.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def show(answer: Answer, port: int, folder: Path) -> None:
    """The request to repeat, its answer, and what to try next."""
    click.echo(f"\n$ curl --header 'Host: {HOSTNAME}' http://localhost:{port}/get\n{answer.body.rstrip()}\n")
    click.echo(f"Serving {folder} until Ctrl-C. Edit a file there and ask again, or look around from a second terminal:")
    click.echo(f"  {Path(sys.executable).parent / 'gatewright'} status")


def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """End as by Ctrl-C when a service manager or a closed terminal asks."""
    raise KeyboardInterrupt
