"""`gatewright serve` on a folder of its own, as a process: what users run, watched as users watch it.

A test puts files and then `sync`s: a GatewayClass that nobody uses is put after them, and as no status is published before the
proxies hold everything that was settled with it, that class's status says that all that was put before is at the edge.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from gatewright.sources.files import GRACE
from tests.support.objects import CONTROLLER, documents
from tests.support.waiting import eventually

MARKER: Final = "zz-marker"
DRAIN_SECONDS: Final = 5
JSON = Any  # what json.loads returns


class UnixConnection(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Serving:
    """A server, its folder of documents and its state; `start` and `stop` may be called again and again."""

    def __init__(self, root: Path, *, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        self.folder = root / "served"
        self.state = root / "state"
        self.log = root / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.arguments = arguments
        self.serves: Sequence[str] = (str(self.folder),)
        self._environment = {**os.environ, **(environment or {})}
        self._markers = 0
        self.folder.mkdir()

    # The process.

    def start(self, *, ready: bool = True, seconds: float = 30) -> None:
        """Start the server and wait until it answers; with `ready`, until every Envoy serves what was read."""
        off = ("--admin-address", "off", "--metrics-address", "off", "--health-address", "off")
        own = ("--state-dir", str(self.state), "--log-format", "json", "--drain-seconds", str(DRAIN_SECONDS))
        command = (sys.executable, "-m", "gatewright", "serve", *self.serves, *own, *off, *self.arguments)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )
        eventually(lambda: self.is_ready() if ready else self.answers(), bool, seconds)
        if ready:
            self.sync()  # statuses follow what they speak of

    def stop(self, with_signal: signal.Signals = signal.SIGTERM, seconds: float = 30) -> int:
        """Send a signal, wait for the end and return the exit code."""
        self.send(with_signal)
        return self.wait(seconds)

    def send(self, to_send: signal.Signals) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(to_send)

    def wait(self, seconds: float = 30) -> int:
        """Wait for the end and return the exit code."""
        assert self.process is not None
        return self.process.wait(seconds)

    def answers(self) -> bool:
        """Whether the server answers; fails when it has ended."""
        assert self.process is not None
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.log.read_text()[-3000:]}"
        with suppress(OSError, http.client.HTTPException):
            return self.get("/healthz") == (200, "ok\n")
        return False

    def is_ready(self) -> bool:
        """Whether every Envoy serves what was read."""
        return self.answers() and self.get("/readyz") == (200, "ok\n")

    def end_everything(self) -> None:
        """End what a test may have left."""
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.envoys():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(self.envoys, lambda left: not left)

    def envoys(self) -> list[int]:
        """The pids of the Envoys whose command line names our state folder."""
        return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal() and self._is_ours(path)]

    def _is_ours(self, process: Path) -> bool:
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return command[0].endswith(b"/envoy") and any(str(self.state).encode() in argument for argument in command)

    # The folder.

    def put(self, name: str, *texts: str) -> Path:
        """Write documents to `<name>.yaml` at once, as careful programs do: a reader finds the old file or the new one."""
        path = self.folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_text(documents(*texts))
        new.replace(path)
        return path

    def apply(self, name: str, *texts: str) -> None:
        """Put documents, and wait until they are at the edge."""
        self.put(name, *texts)
        self.sync()

    def remove(self, *names: str) -> None:
        """Remove files, and wait until that is at the edge."""
        for name in names:
            (self.folder / f"{name}.yaml").unlink()
        self.sync_removals()

    def tidy(self, *kept: str) -> None:
        """Remove every file but these, and wait until that is at the edge."""
        names = {f"{name}.yaml" for name in (*kept, MARKER)}
        for path in self.folder.rglob("*"):
            if path.is_file() and path.name not in names:
                path.unlink()
        self.sync_removals()

    def sync_removals(self) -> None:
        """The same as `sync` after files were removed, which is believed only when they stay away for a moment."""
        time.sleep(GRACE * 1.2)
        self.sync()

    def sync(self, seconds: float = 15) -> None:
        """Wait until all that was put before is at the edge, or known not to get there."""
        self._markers += 1
        name = f"{MARKER}-{self._markers}"
        self.put(
            MARKER,
            f"""
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: {name}}}
spec: {{controllerName: {CONTROLLER}}}
""",
        )
        eventually(lambda: self.statuses("GatewayClass", name), lambda found: bool(found and found[0]["status"]), seconds)

    # What it says.

    def get(self, path: str) -> tuple[int, str]:
        """Ask the admin socket: status and text."""
        with closing(UnixConnection((self.state / "admin.sock").resolve())) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def json(self, path: str) -> JSON:
        """Ask the admin socket for JSON."""
        status, text = self.get(path)
        assert status == http.client.OK, text
        return json.loads(text)

    def statuses(self, kind: str, name: str, namespace: str = "") -> list[JSON]:
        """The statuses of this name."""
        found: list[JSON] = self.json(f"/api/status?kind={kind}&name={name}&namespace={namespace}")
        return found

    def status(self, kind: str, name: str, namespace: str = "") -> JSON:
        """The status of an object."""
        (found,) = self.statuses(kind, name, namespace)
        return found["status"]

    def conditions(self, name: str, namespace: str = "default", kind: str = "HTTPRoute") -> dict[str, str]:
        """What a route's first parent says of it: reasons by type, with a minus in front of what is not True."""
        return summary(self.status(kind, name, namespace)["parents"][0]["conditions"])

    def listener(self, gateway: str, name: str, namespace: str = "default") -> JSON:
        """The status of a listener."""
        (found,) = (each for each in self.status("Gateway", gateway, namespace)["listeners"] if each["name"] == name)
        return found

    def problems(self) -> list[JSON]:
        """Every document that was not taken."""
        found: list[JSON] = self.json("/api/problems")
        return found

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        samples = [line for line in self.get("/metrics")[1].splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        assert samples, f"there is no metric {name}"
        return sum(float(line.rpartition(" ")[2]) for line in samples)

    def logged(self) -> list[JSON]:
        """What it logged; lines that are no JSON are given as `event`."""
        return [_line(line) for line in self.log.read_text().splitlines()]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `gatewright ARGUMENTS --state-dir …`."""
        command = (sys.executable, "-m", "gatewright", *arguments, "--state-dir", str(self.state))
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, env=self._environment)


def summary(conditions: Sequence[JSON]) -> dict[str, str]:
    """Reasons by type, with a minus in front of what is not True."""
    return {each["type"]: f"{'' if each['status'] == 'True' else '-'}{each['reason']}" for each in conditions}


@contextmanager
def serving(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """A server that is not started yet, in a folder with a short path; everything of it is gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="gw-"))
    server = Serving(root, arguments=arguments, environment=environment)
    try:
        yield server
    finally:
        server.end_everything()
        shutil.rmtree(root)


def _line(text: str) -> JSON:
    try:
        return json.loads(text)
    except ValueError:
        return {"event": text}
