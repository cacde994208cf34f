"""`gatewright certgen --local`: files that are made once, and renewed when they are due."""

import stat
import subprocess
import sys
from pathlib import Path

FILES = {
    "envoy-gateway": {"ca.crt", "tls.crt", "tls.key"},
    "envoy": {"ca.crt", "tls.crt", "tls.key"},
    "envoy-rate-limit": {"ca.crt", "tls.crt", "tls.key"},
    "envoy-oidc-hmac": {"hmac-secret"},
    "gatewright-ca": {"tls.crt", "tls.key"},
}


def certgen(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gatewright", "certgen", "--local", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_files_are_made_once(tmp_path: Path) -> None:
    """For this user only; a second run changes nothing, one that overwrites changes everything."""
    done = certgen("--config-home", str(tmp_path))
    first = contents(tmp_path)
    found = {folder.name: {file.name for file in folder.iterdir()} for folder in (tmp_path / "certs").iterdir()}

    assert (0, f"certificates are in {tmp_path}/certs\n", "") == (done.returncode, done.stdout, done.stderr)
    assert FILES == found
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    certgen("--config-home", str(tmp_path))
    assert first == contents(tmp_path)
    certgen("--config-home", str(tmp_path), "--overwrite")
    again = contents(tmp_path)
    assert set(first) == set(again)
    assert not any(first[name] == again[name] for name in first)


def test_what_is_lost_is_made_anew_by_the_same_authority(tmp_path: Path) -> None:
    """So that the other side still knows it."""
    certgen("--config-home", str(tmp_path))
    first = contents(tmp_path)
    (tmp_path / "certs/envoy/tls.key").unlink()
    certgen("--config-home", str(tmp_path))
    again = contents(tmp_path)

    changed = {name for name in first if first[name] != again[name]}
    assert {"certs/envoy/tls.crt", "certs/envoy/tls.key"} == changed


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """Not a traceback."""
    (tmp_path / "certs").write_text("a file")
    done = certgen("--config-home", str(tmp_path))

    assert 3 == done.returncode
    assert done.stderr.startswith(f"error: cannot write {tmp_path}/certs/")
    assert 1 == len(done.stderr.splitlines())
