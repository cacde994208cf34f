"""The lock files: what `make` installs is pinned, hashed, complete, and names no place to get it from."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "requirements.txt"
DEVELOPMENT = ROOT / "requirements-dev.txt"


def pins(lock: Path) -> dict[str, str]:
    """The version of each package that a lock file names."""
    return dict(re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", lock.read_text()))


def names(requirements: list[str]) -> set[str]:
    """The normalised package names of requirement lines."""
    return {re.split(r"[ <>=]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT], ids=lambda lock: lock.name)
def test_every_package_is_pinned_with_hashes(lock: Path) -> None:
    """Each entry is `name==version` with one hash at least, and nothing else stands in the file."""
    entries = re.split(r"(?m)^(?=\S)", lock.read_text())[1:]
    assert [] == [
        entry for entry in entries if not re.match(r"[a-z0-9-]+==\S+( ; .*?)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n", entry)
    ]


@pytest.mark.parametrize("lock", [RUNTIME, DEVELOPMENT], ids=lambda lock: lock.name)
def test_no_index_is_named(lock: Path) -> None:
    """Where packages come from is the reader's own pip configuration."""
    assert [] == re.findall(r"https?://|--(?:extra-)?index-url|--find-links", lock.read_text())


def test_every_declared_package_is_locked() -> None:
    """A dependency added to pyproject.toml without `make lock` would be missing on a fresh machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    assert set() == names(project["project"]["dependencies"] + groups["build"]) - pins(RUNTIME).keys()
    assert set() == names(groups["dev"]) - pins(DEVELOPMENT).keys()


def test_development_adds_to_the_runtime_and_changes_nothing_of_it() -> None:
    """Tests run on the very versions that users get."""
    development = pins(DEVELOPMENT)
    assert pins(RUNTIME) == {name: development.get(name) for name in pins(RUNTIME)}
