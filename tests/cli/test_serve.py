"""`gatewright serve` as users run it: a folder, a real Envoy, questions while it runs, and a clean stop."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gatewright.demo import Backend

BASE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: eg}}
spec: {{controllerName: gateway.envoyproxy.io/gatewayclass-controller}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web}}
spec:
  gatewayClassName: eg
  listeners: [{{name: http, protocol: HTTP, port: {port}}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: demo}}
spec: {{endpoints: [{{ip: {{address: 127.0.0.1, port: {backend}}}}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: shop}}
spec:
  parentRefs: [{{name: web}}]
  rules:
  - backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: demo}}]
"""
BROKEN = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart}
spec:
  parentRefs: [{name: web}]
  rules:
  - matches: [{path: {value: cart}}]
"""
CONFIG = """\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyGateway
provider:
  type: Custom
  custom:
    resource: {{type: File, file: {{paths: ["{folder}"]}}}}
    infrastructure: {{type: Host, host: {{stateHome: "{state}"}}}}
logging: {{level: {{default: warn}}, encoder: JSON}}
admin: {{address: {{port: {admin}}}}}
extensionApis: {{enableBackend: true}}
rateLimit: {{backend: {{type: Redis, redis: {{url: "127.0.0.1:6379"}}}}, failClosed: false}}
"""


class Place(NamedTuple):
    """A folder to serve, the port its Gateway listens on, and where state goes."""

    folder: Path
    port: int
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """The environment of every command of a test."""
        return {**os.environ, "XDG_STATE_HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run")}


@pytest.fixture
def place(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Place]:
    backend = Backend(0, "demo")
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    folder, port = tmp_path / "routes", free_port()
    folder.mkdir()
    (folder / "all.yaml").write_text(BASE.format(port=port, backend=backend.server_address[1]))
    with tempfile.TemporaryDirectory(prefix="gw-") as home:  # short, so that sockets stay in it
        yield Place(folder, port, Path(home))
    backend.shutdown()
    backend.server_close()


class Serving:
    """A running `gatewright serve`; its Envoys are stopped with it at the end of the block."""

    def __init__(self, place: Place, *arguments: str) -> None:
        self._place = place
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gatewright", "serve", *arguments, "--drain-seconds", "0"],
            env=place.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Serving":  # noqa: PYI034 - not to be subclassed
        until(lambda: self.process.poll() is not None or answer(self._place.port) == 200)
        assert self.process.poll() is None, self.stop()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> str:
        """Ask it to stop, wait, and return what it logged."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.communicate(timeout=20)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def answer(port: int, path: str = "/") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def until(done: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "not within the time"
        time.sleep(0.05)


def gatewright(place: Place, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gatewright", *arguments],
        env=place.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_folder_is_served_and_answers_questions(place: Place) -> None:
    """Traffic flows, status says that all is well, a refused document shows at once, and the stop is clean."""
    with Serving(place, str(place.folder), "--metrics-address", "off", "--health-address", "0") as serving:
        until(lambda: gatewright(place, "status")[0] == 0)
        code, out, _ = gatewright(place, "status")
        assert (0, "All is well: 1 Backend, 1 Gateway, 1 GatewayClass, 1 HTTPRoute, 1 Envoy.") == (code, out.splitlines()[0])
        (place.folder / "cart.yaml").write_text(BROKEN)
        until(lambda: gatewright(place, "status", "hr/cart")[0] == 1)
        problem = gatewright(place, "status", "hr/cart")[1]
        assert problem.startswith(f"{place.folder}/cart.yaml:7: HTTPRoute default/cart: spec.rules[0].matches[0].path")
        assert 200 == answer(place.port)
        serving.stop()
        assert 0 == serving.process.returncode
    assert 0 == answer(place.port)


def test_readiness_metrics_and_status_over_http(place: Place, free_port: Callable[[], int]) -> None:
    """The three addresses answer what their names say."""
    admin, metrics, health = free_port(), free_port(), free_port()
    addresses = ("--admin-address", str(admin), "--metrics-address", f"127.0.0.1:{metrics}", "--health-address", str(health))
    with Serving(place, str(place.folder), *addresses):
        until(lambda: answer(health, "/readyz") == 200)
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/api/status?kind=gtw") as response:
            (gateway,) = json.load(response)
        assert {"Accepted": "True", "Programmed": "True"} == {
            each["type"]: each["status"] for each in gateway["status"]["conditions"]
        }
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics") as response:
            text = response.read().decode()
        assert ("gatewright_ready 1.0" in text, 'gatewright_objects{kind="HTTPRoute"} 1.0' in text) == (True, True)


def test_an_envoy_gateway_file(place: Place, free_port: Callable[[], int], tmp_path: Path) -> None:
    """Paths, state folder, log format and admin address come from the file; what it asks for in vain is a warning."""
    config, admin = tmp_path / "config.yaml", free_port()
    config.write_text(CONFIG.format(folder=place.folder, state=place.home / "var", admin=admin))
    with Serving(place, "--config", str(config)) as serving:
        assert 200 == answer(admin, "/api/about")
        assert 0 == gatewright(place, "status", "gtw/web", "--state-dir", str(place.home / "var"))[0]
        logged = [json.loads(line) for line in serving.stop().splitlines()]
    assert "rateLimit: global rate limits are not there yet" in [line.get("field") for line in logged]


def test_a_start_that_cannot_succeed_is_one_line(place: Place) -> None:
    """A taken address that was asked for, and a state folder that another server holds: exit code 3, and who is in the way."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = gatewright(place, "serve", str(place.folder), "--log-level", "error", "--admin-address", str(port))
        assert (3, f"error: the admin address 127.0.0.1:{port} is in use by another program\n") == (code, err)
    with Serving(place, str(place.folder)) as first:
        code, _, err = gatewright(place, "serve", str(place.folder), "--log-level", "error")
        assert (3, 1, True) == (code, err.count("\n"), str(first.process.pid) in err)


def test_a_state_folder_with_a_long_name(place: Place, tmp_path: Path) -> None:
    """Its sockets are elsewhere; Envoy runs, status finds them, and the place is left empty."""
    state = tmp_path / ("long" * 20)
    runtime = place.home / "run"
    with Serving(place, str(place.folder), "--state-dir", str(state)):
        assert runtime / "gatewright" == (state / "admin.sock").readlink().parent.parent
        until(lambda: gatewright(place, "status", "--state-dir", str(state))[0] == 0)
    assert [] == list((runtime / "gatewright").iterdir())
