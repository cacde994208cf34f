"""A real cluster, once a session: `testbed/`, with the CRDs of the Gateway API.

These tests are asked for by name (`pytest tests/kubernetes`); a plain `pytest` does not collect them. They need Linux, root, nft
and the built testbed. Where one of these is missing they are skipped, with what is missing as the reason.
"""

import os
import platform
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from gatewright.sources.kube.client import Client
from gatewright.sources.kube.credentials import Credentials
from tests.kubernetes.bed import BED, TESTBED, Bed

HERE = Path(__file__).parent
TEST_SECONDS = 120


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave these out unless somebody names them."""
    named = [Path(config.invocation_params.dir, argument.partition("::")[0]).resolve() for argument in config.args]
    return None if any(path == HERE or HERE in path.parents for path in named) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the time that a cluster takes."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


def missing() -> str:
    """What the cluster needs and this machine does not have; empty when nothing is missing."""
    if platform.system() != "Linux":
        return "the test cluster needs Linux"
    if os.geteuid() != 0:
        return "the test cluster makes network namespaces: it needs root"
    if shutil.which("nft") is None:
        return "the test cluster needs the nft program (package nftables)"
    if not BED.exists() or not (TESTBED / "bin/crds").exists():
        go = "" if shutil.which("go") else ", and that needs Go 1.26, which is not installed either"
        return f"the test cluster is not built: run {TESTBED.name}/build.sh (about ten minutes, once){go}"
    return ""


@pytest.fixture(scope="session")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """The cluster."""
    if reason := missing():
        pytest.skip(reason)
    with Bed.up(tmp_path_factory.mktemp("bed")) as bed:
        yield bed


@pytest.fixture
def namespace() -> str:
    """The name of a namespace that no other test uses."""
    return f"t-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def connect(bed: Bed) -> Callable[[], AbstractAsyncContextManager[Client]]:
    """Makes clients of the cluster, with all rights."""

    @asynccontextmanager
    async def connected() -> AsyncIterator[Client]:
        async with Client(Credentials({}, str(bed.kubeconfig))) as client:
            yield client

    return connected
