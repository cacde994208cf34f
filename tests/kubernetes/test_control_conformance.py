"""The official conformance suite, unmodified, judges an installation in both modes: everything that we claim, it finds."""

import os
import re
from pathlib import Path

import pytest

from gatewright import __version__
from gatewright.graph.settings import GraphSettings
from gatewright.status.classes import features
from tests.kubernetes.bed import TESTBED
from tests.kubernetes.cluster import measured
from tests.kubernetes.conftest import missing
from tests.kubernetes.installed import SYSTEM, Installed

PROFILES = ("GATEWAY-HTTP", "GATEWAY-GRPC", "GATEWAY-TLS", "GATEWAY-TCP", "GATEWAY-UDP")
"""The profiles of the suite that we claim. `CONFORMANCE_PROFILES` narrows a run, or has one judged before it is claimed."""

SUITE_SECONDS = 900
REPORTS = os.environ.get("CONFORMANCE_REPORTS")
"""A folder that the suite's reports are written to, when they are wanted."""

USABLE, UNUSABLE = "10.97.200.1", "127.0.0.1"
"""An address outside what the cluster's load balancer gives out, and one that no Service can have."""


@pytest.mark.timeout(SUITE_SECONDS + 60)
@pytest.mark.parametrize("mode", ["ControllerNamespace", "GatewayNamespace"])
def test_the_suite_passes(mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No test of a claimed feature fails; two replicas of the control plane are at it."""
    if reason := missing():
        pytest.fail(reason)
    report = Path(REPORTS or tmp_path).absolute() / f"{mode}.yaml"
    profiles = os.environ.get("CONFORMANCE_PROFILES") or ",".join(PROFILES)
    report.parent.mkdir(parents=True, exist_ok=True)
    claimed = features(GraphSettings(gateway_namespace_mode=mode == "GatewayNamespace"))
    arguments = ("--gateway-class", "eg", "--mode", mode)
    with Installed.up(tmp_path, f"gw-s-{os.getpid()}", *arguments) as cluster:
        cluster.kubectl("rollout", "status", "-n", SYSTEM, "deployment/gatewright", "--timeout=60s")
        said = cluster.inside(
            "env",
            f"KUBECONFIG={cluster.kubeconfig}",
            str(TESTBED / "bin/conformance.test"),
            "-test.v",
            "-gateway-class=eg",
            f"-supported-features={','.join(claimed)}",
            f"-conformance-profiles={profiles}",
            f"-usable-address={USABLE}",
            f"-unusable-address={UNUSABLE}",
            *("-organization=gatewright", "-project=gatewright", "-url=https://gatewright.invalid"),
            *(f"-version={__version__}", "-contact=gatewright", f"-report-output={report}"),
            timeout=SUITE_SECONDS,
        ).stdout
        (tmp_path / "suite.log").write_text(said)
    verdicts = {
        verdict: re.findall(rf"^    --- {verdict}: TestConformance/([^/\s]+) ", said, re.MULTILINE)
        for verdict in ("PASS", "FAIL", "SKIP")
    }
    measured(capsys, f"{mode}: {', '.join(f'{len(names)} {verdict}' for verdict, names in verdicts.items())}")
    assert [] == verdicts["FAIL"]
    assert said.endswith("\nPASS\n"), said[-3000:]
    assert "result: failure" not in report.read_text()
