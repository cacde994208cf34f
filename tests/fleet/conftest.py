"""The Envoy under test, and a state directory of one's own."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewright.fleet import envoy_binary, process
from tests.fleet.fleets import Record


@pytest.fixture
def envoy() -> Path:
    found = envoy_binary.find()
    assert isinstance(found, Path), found
    return found


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A state directory with a short path; whatever Envoy a failed test left in it is ended."""
    directory = Path(tempfile.mkdtemp(prefix="gw-"))
    yield directory
    asyncio.run(_end_all(directory))
    shutil.rmtree(directory)


async def _end_all(directory: Path) -> None:
    for left in process.running(directory):
        left.send(signal.SIGKILL)
        await left.wait()


@pytest.fixture
def record() -> Record:
    return Record()
