"""The test cluster as a process: started, disturbed, and ended with all that runs in it."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

TESTBED = Path(__file__).parents[2] / "testbed"
BED = TESTBED / "bin/kubebed"
MEMORY = Path("/dev/shm")  # etcd waits for its disk at each write
CRDS = TESTBED / "bin/crds/experimental"


class Bed:
    """A running cluster."""

    def __init__(self, name: str, kubeconfig: Path) -> None:
        self.name = name
        self.kubeconfig = kubeconfig

    @classmethod
    @contextlib.contextmanager
    def up(cls, folder: Path, crds: Path = CRDS, name: str = "gatewright") -> Iterator[Self]:
        """Start a cluster of this session's own with these CRDs; it says "ready" when it can be used."""
        bed = cls(f"{name}-{os.getpid()}", folder / "kubeconfig")
        command: list[str | Path] = [BED, "up", "--name", bed.name, "--kubeconfig", bed.kubeconfig, "--scheduler=false"]
        command += ["--images", TESTBED / "images.yaml", "--crds", crds, "--data"]
        with (
            tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else folder) as data,
            (folder / "bed.log").open("w") as log,
            subprocess.Popen([*command, data], stdout=subprocess.PIPE, stderr=log, text=True) as process,
        ):
            try:
                said = process.stdout.readline() if process.stdout else ""
                assert said.startswith("ready"), f"the cluster did not start: {said}{(folder / 'bed.log').read_text()[-2000:]}"
                sys.stderr.write(said)
                yield bed
            finally:
                process.terminate()
                process.wait()

    def fault(self, *what: str) -> None:
        """Disturb the cluster; returns when the fault is over."""
        subprocess.run([BED, "fault", "--name", self.name, *what], check=True, timeout=60, stdout=subprocess.DEVNULL)
