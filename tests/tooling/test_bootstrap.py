"""What stands against an installation is said in a sentence, with an exit code, and never as a traceback.

Each test runs the real script in a folder of its own. None reaches a package index: the one that is named listens nowhere.
"""

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNSUITABLE = 3
NOT_INSTALLED = 4
LINUX = "Gatewright and its Envoy run on Linux on x86_64 or aarch64 (64 bit)"


def bootstrap(environment: Path, requirements: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/bootstrap with further environment variables."""
    command = ["sh", str(ROOT / "scripts" / "bootstrap"), str(environment), str(requirements)]
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.run(command, env=settings | variables, capture_output=True, text=True, check=False, timeout=50)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but pip, so that each test starts where pip does."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


def test_an_old_python_is_refused(tmp_path: Path) -> None:
    """The interpreter is named with its version, and so is the way to choose another."""
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\nif [ "$1" = -V ]; then echo Python 3.9.2; else exit 1; fi\n')
    old.chmod(0o755)
    ran = bootstrap(tmp_path / "venv", tmp_path / "lock.txt", PYTHON=str(old))
    assert UNSUITABLE == ran.returncode
    assert f"Gatewright needs Python 3.11 or newer; PYTHON={old} is Python 3.9.2." == ran.stderr.splitlines()[0]
    assert "make quickstart PYTHON=" in ran.stderr


@pytest.mark.parametrize(
    ("platform", "reason"),
    [
        (("linux", "x86_64", ("glibc", "2.36")), None),
        (("linux", "aarch64", ("glibc", "2.31")), None),
        (("darwin", "arm64", ("", "")), f"{LINUX}; this is darwin on arm64."),
        (("linux", "riscv64", ("glibc", "2.36")), f"{LINUX}; this is linux on riscv64."),
        (("win32", "AMD64", ("", "")), f"{LINUX}; this is win32 on AMD64."),
        (("linux", "x86_64", ("", "")), "Envoy's wheel needs glibc 2.31 or newer; this Linux has another libc."),
        (("linux", "x86_64", ("glibc", "2.28")), "Envoy's wheel needs glibc 2.31 or newer; this Linux has glibc 2.28."),
    ],
)
def test_an_unsupported_platform_is_known(platform: tuple[str, str, tuple[str, str]], reason: str | None) -> None:
    """Before anything is installed: pip's own search would take long and say less."""
    script = runpy.run_path(str(ROOT / "scripts" / "bootstrap.py"))
    assert reason == script["unsupported"](*platform)


def test_no_network_is_said(environment: Path, tmp_path: Path, free_port: Callable[[], int]) -> None:
    """A package index that cannot be reached is the reason given, with pip's words in a log."""
    lock = tmp_path / "lock.txt"
    lock.write_text(f"click==8.5.1 --hash=sha256:{'0' * 64}\n")
    ran = bootstrap(environment, lock, PIP_INDEX_URL=f"http://127.0.0.1:{free_port()}/", PIP_RETRIES="0")
    assert NOT_INSTALLED == ran.returncode
    assert "gatewright: the package index cannot be reached." in ran.stderr
    assert "NewConnectionError" in (environment / "install.log").read_text()
    assert "Traceback" not in ran.stderr


def test_a_package_for_no_platform_of_ours_is_said(environment: Path, tmp_path: Path) -> None:
    """An index that can be read but has no fitting wheel is another reason than no network."""
    lock = tmp_path / "lock.txt"
    lock.write_text(f"click==8.5.1 --hash=sha256:{'0' * 64}\n")
    ran = bootstrap(environment, lock, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert NOT_INSTALLED == ran.returncode
    assert "gatewright: a locked package has no wheel for this Python or platform" in ran.stderr


def test_an_environment_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file where the environment's folder should be is an error of the disk, not of ours."""
    (tmp_path / "venv").write_text("")
    ran = bootstrap(tmp_path / "venv", tmp_path / "lock.txt")
    assert UNSUITABLE == ran.returncode
    assert "cannot be created" in ran.stderr
    assert "Traceback" not in ran.stderr
