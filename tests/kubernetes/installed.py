"""An installation in a cluster of its own: what `gatewright install` prints, its image run from this working copy.

The image table of the test cluster says what runs for an image. Ours is this interpreter with this source; everything else is as
a user has it: manifests, ServiceAccounts, permissions, certificates, Services.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import yaml

from gatewright.fleet.envoy_binary import find
from tests.kubernetes.bed import BED, CRDS, MEMORY, TESTBED

ROOT: Final = Path(__file__).parents[2]
SYSTEM: Final = "envoy-gateway-system"
KUBECTL: Final = shutil.which("kubectl") or "kubectl"
PATIENCE: Final = 60.0
ECHO: Final = "registry.k8s.io/gateway-api/echo-basic:v1"
EARLIER: Final = "gatewright/gatewright:0.0.1"
Json = Any

SCRIPT = """#!/bin/sh
export LD_LIBRARY_PATH=/opt/gatewright/python/lib PYTHONPATH=/opt/gatewright/src:/opt/gatewright/site PYTHONDONTWRITEBYTECODE=1
exec /opt/gatewright/python/bin/python{version} -m gatewright "$@"
"""


class Installed:
    """A cluster in which Gatewright runs."""

    def __init__(self, name: str, kubeconfig: Path) -> None:
        self.name = name
        self.kubeconfig = kubeconfig

    @classmethod
    @contextlib.contextmanager
    def up(cls, folder: Path, name: str, *arguments: str) -> Iterator[Self]:
        """Start a cluster, and install with these arguments to `gatewright install`."""
        with cls.bare(folder, name) as cluster:
            cluster.apply(printed(*arguments))
            yield cluster

    @classmethod
    @contextlib.contextmanager
    def bare(cls, folder: Path, name: str, earlier: Path = ROOT) -> Iterator[Self]:
        """Start a cluster with the CRDs of the Gateway API and DNS, and nothing else.

        The image of version `EARLIER` runs the working copy `earlier`, that of any other one this one.
        """
        cluster = cls(name, folder / "kubeconfig")
        images = folder / "images.yaml"
        images.write_text(yaml.safe_dump(_images(folder, earlier)))
        command: list[str | Path] = [BED, "up", "--name", name, "--kubeconfig", cluster.kubeconfig, "--scheduler=false"]
        command += ["--images", images, "--crds", CRDS, "--data"]
        with (
            tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else folder) as data,
            (folder / "bed.log").open("w") as log,
            subprocess.Popen([*command, data], stdout=subprocess.PIPE, stderr=log, text=True) as process,
        ):
            try:
                said = process.stdout.readline() if process.stdout else ""
                assert said.startswith("ready"), f"the cluster did not start: {said}{(folder / 'bed.log').read_text()[-2000:]}"
                cluster.apply((TESTBED / "dns.yaml").read_text())
                yield cluster
            finally:
                process.terminate()
                process.wait()

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """What kubectl prints."""
        done = subprocess.run(
            [KUBECTL, "--kubeconfig", self.kubeconfig, *arguments], input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def apply(self, text: str) -> None:
        """Apply documents."""
        self.kubectl("apply", "--server-side", "-f", "-", given=text)

    def get(self, kind: str, name: str, namespace: str = "default") -> Json:
        """An object as it is."""
        return json.loads(self.kubectl("get", kind, name, "-n", namespace, "-o", "json"))

    def pods(self, *selector: str, namespace: str = SYSTEM) -> list[Json]:
        """The Pods that labels select and that are not leaving."""
        found = json.loads(self.kubectl("get", "pods", "-n", namespace, "-l", ",".join(selector), "-o", "json"))["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def inside(self, *command: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a program where Pods and Services can be reached."""
        full = [str(BED), "exec", "--name", self.name, "--", *command]
        return subprocess.run(full, capture_output=True, text=True, check=False, timeout=timeout)

    @contextlib.contextmanager
    def running(self, *command: str, log: Path) -> Iterator[None]:
        """Run a program there until the block ends."""
        with (
            log.open("w") as output,
            subprocess.Popen([BED, "exec", "--name", self.name, "--", *command], stdout=output, stderr=output) as process,
        ):
            try:
                yield
            finally:
                process.terminate()
                process.wait()

    def fault(self, *what: str) -> None:
        """Disturb the cluster; returns when the fault is over."""
        subprocess.run([BED, "fault", "--name", self.name, *what], check=True, timeout=60, stdout=subprocess.DEVNULL)

    def ask(self, url: str) -> str:
        """The status code of an answer, or 000."""
        return self.inside("curl", "-s", "-o", "/dev/null", "-m", "3", "-w", "%{http_code}", url).stdout

    def programmed(self, gateway: str, namespace: str = "default") -> str:
        """The address of a Gateway, once it is programmed for its newest generation."""
        found = eventually(lambda: self.get("gateway", gateway, namespace), _is_programmed)
        address: str = found["status"]["addresses"][0]["value"]
        return address

    def lease_holder(self) -> str:
        """The replica that leads."""
        holder: str = self.get("lease", "5b9825d2.gateway.envoyproxy.io", SYSTEM)["spec"]["holderIdentity"]
        return holder


def printed(*arguments: str, source: Path = ROOT) -> str:
    """What `gatewright install` prints, that of a working copy."""
    command = [sys.executable, "-m", "gatewright", "install", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(source / "src")}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def eventually(ask: Callable[[], Json], holds: Callable[[Json], object], seconds: float = PATIENCE) -> Json:
    """The first answer that `holds`."""
    until = time.monotonic() + seconds
    while not holds(answer := ask()):
        assert time.monotonic() < until, answer
        time.sleep(0.1)
    return answer


def _is_programmed(gateway: Json) -> bool:
    generation = gateway["metadata"]["generation"]
    conditions = {each["type"]: each for each in gateway.get("status", {}).get("conditions", ())}
    found = conditions.get("Programmed", {})
    return bool(found.get("status") == "True" and found.get("observedGeneration") == generation)


def _images(folder: Path, earlier: Path) -> Json:
    """The test cluster's own table, with our image and the Envoy that we have."""
    script = folder / "gatewright"
    script.write_text(SCRIPT.format(version=f"{sys.version_info.major}.{sys.version_info.minor}"))
    script.chmod(0o755)
    site = next(path for path in sys.path if (Path(path) / "grpc").is_dir())
    files = {
        "/usr/local/bin/gatewright": str(script),
        "/opt/gatewright/src": str(ROOT / "src"),
        "/opt/gatewright/site": site,
        "/opt/gatewright/python": sys.base_prefix,
    }
    envoy = str(find(None))
    table = yaml.safe_load((TESTBED / "images.yaml").read_text().replace("$ENVOY", envoy))
    for image in table["images"]:
        image["files"] = {inside: str(TESTBED / path) for inside, path in (image.get("files") or {}).items()}
    ours = {"match": "docker.io/gatewright/gatewright:*", "entrypoint": ["/usr/local/bin/gatewright"], "files": files}
    theirs = {**ours, "match": f"docker.io/{EARLIER}", "files": {**files, "/opt/gatewright/src": str(earlier / "src")}}
    return {"images": [theirs, ours, *table["images"]]}


def backend(name: str, namespace: str = "default") -> str:
    """A Deployment of the echo server, and its Service on port 80."""
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
      - name: echo
        image: {ECHO}
        env:
        - {{name: POD_NAME, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
        - {{name: NAMESPACE, valueFrom: {{fieldRef: {{fieldPath: metadata.namespace}}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: 3000}}]}}
---
"""


def gateway(name: str, namespace: str = "default") -> str:
    """A Gateway with one listener, on port 80."""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{gatewayClassName: eg, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}
---
"""


def route(name: str, parent: str, to: str, path: str = "/", namespace: str = "default") -> str:
    """An HTTPRoute."""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  parentRefs: [{{name: {parent}}}]
  rules: [{{matches: [{{path: {{value: {path}}}}}], backendRefs: [{{name: {to}, port: 80}}]}}]
---
"""
