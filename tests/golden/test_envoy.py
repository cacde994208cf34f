"""The real Envoy accepts the resources of every golden file."""

import json
import subprocess
from pathlib import Path

from gatewright.api.core import ConfigMap
from gatewright.fleet.envoy_binary import find
from gatewright.wire.resource import Resource
from tests.golden import goldens
from tests.golden.bootstrap import bootstrap

Proxies = list[tuple[str, tuple[Resource, ...]]]


def test_envoy_takes_what_every_golden_file_becomes(tmp_path: Path) -> None:
    """All of them in one run; only if that fails, one by one, to name the culprit."""
    (tmp_path / "authorities.pem").write_bytes(_authority())
    proxies: Proxies = []
    for path in goldens.CASES:
        translation = goldens.settle(goldens.load(path))
        proxies += [(f"{path.parent.name}/{path.stem} {name}", each) for name, each in translation.resources.items()]

    refused = _verdict(proxies, tmp_path)

    culprits = [(name, verdict) for name, each in proxies if (verdict := _verdict([(name, each)], tmp_path))] if refused else []
    assert ("", []) == (refused, culprits)
    assert len(proxies) > len(goldens.CASES) // 2


def _verdict(proxies: Proxies, folder: Path) -> str:
    """What Envoy says against a configuration; empty when it takes it."""
    file = folder / "bootstrap.json"
    file.write_text(json.dumps(bootstrap(proxies, str(folder / "authorities.pem"))))
    command = [str(find()), "--mode", "validate", "--config-path", str(file), "--log-level", "error"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)
    return "" if done.returncode == 0 else (done.stderr or done.stdout)[-2000:]


def _authority() -> bytes:
    golden = goldens.load(goldens.ROOT / "backends/tls.yaml")
    config_map = next(each.object for each in golden.own if isinstance(each.object, ConfigMap))
    return config_map.data["ca.crt"].encode()
