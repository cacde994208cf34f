"""The test cluster as a process: started, disturbed, and ended with all that runs in it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

TESTBED = Path(__file__).parents[2] / "testbed"
BED = TESTBED / "bin/kubebed"
CRDS = TESTBED / "bin/crds/experimental"


class Bed:
    """A running cluster."""

    def __init__(self, name: str, kubeconfig: Path) -> None:
        self.name = name
        self.kubeconfig = kubeconfig

    @classmethod
    @contextlib.contextmanager
    def up(cls, folder: Path) -> Iterator[Self]:
        """Start a cluster of this session's own; it says "ready" when it can be used."""
        bed = cls(f"gatewright-{os.getpid()}", folder / "kubeconfig")
        command: list[str | Path] = [BED, "up", "--name", bed.name, "--kubeconfig", bed.kubeconfig, "--data", folder / "data"]
        command += ["--images", TESTBED / "images.yaml", "--crds", CRDS, "--scheduler=false"]
        with (
            (folder / "bed.log").open("w") as log,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
        ):
            try:
                said = process.stdout.readline() if process.stdout else ""
                assert said.startswith("ready"), f"the cluster did not start: {said}{(folder / 'bed.log').read_text()[-2000:]}"
                sys.stderr.write(said)
                yield bed
            finally:
                process.terminate()

    def fault(self, *what: str) -> None:
        """Disturb the cluster; returns when the fault is over."""
        subprocess.run([BED, "fault", "--name", self.name, *what], check=True, timeout=60, stdout=subprocess.DEVNULL)
