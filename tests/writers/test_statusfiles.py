"""Statuses as files, on a real disk that may be full."""

import asyncio
import contextlib
import errno
import os
import resource
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.api.meta import NamespacedName
from gatewright.sources.kubernetes_yaml import load_all
from gatewright.status.document import StatusDocument
from gatewright.writers import statusfiles
from gatewright.writers.statusfiles import StatusFiles, StatusKey, rendered

PATIENCE = 30.0


def status(
    name: str, namespace: str = "default", kind: str = "HTTPRoute", **body: object
) -> dict[StatusKey, StatusDocument | None]:
    """One object's status, as `write` takes it."""
    key = NamespacedName(namespace, name)
    return {(kind, key): StatusDocument(kind, key, "gateway.networking.k8s.io/v1", 3, body)}


class Observed:
    """What an observer was told."""

    def __init__(self) -> None:
        self.written = 0
        self.failed = 0

    def __call__(self, _kind: str, _seconds: float, failed: bool) -> None:  # noqa: FBT001 - as Observer has it
        self.written += not failed
        self.failed += failed


@contextlib.asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncIterator[StatusFiles]:  # noqa: ANN401 - StatusFiles' own options
    files = StatusFiles(folder, **options)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(files.run())
        yield files
        task.cancel()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - files set no event
            await asyncio.sleep(0.005)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_one_file_an_object(tmp_path: Path) -> None:
    """By kind, namespace and name; an object of the cluster has no namespace."""

    async def scenario() -> None:
        async with running(tmp_path) as files:
            await files.write(status("a", parents=[{"conditions": [{"type": "Accepted", "status": "True"}]}]))
            await files.write(status("gc", "", "GatewayClass", conditions=[]))
            await until(lambda: len(names(tmp_path)) == 2)

    asyncio.run(scenario())
    assert ["gatewayclass/gc.yaml", "httproute/default/a.yaml"] == names(tmp_path)
    assert """# Written by gatewright serve, which replaces and removes this file.
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: a
  namespace: default
  generation: 3
status:
  parents:
    - conditions:
        - type: Accepted
          status: "True"
""" == (tmp_path / "httproute/default/a.yaml").read_text()


def test_an_object_that_is_gone_has_no_file(tmp_path: Path) -> None:
    """Nor do folders stay that held nothing else."""

    async def scenario() -> None:
        async with running(tmp_path) as files:
            await files.write(status("a") | status("b", "other"))
            await until(lambda: len(names(tmp_path)) == 2)
            await files.write(dict.fromkeys(status("b", "other")))
            await until(lambda: not (tmp_path / "httproute/other").exists())
            assert ["httproute/default/a.yaml"] == names(tmp_path)

    asyncio.run(scenario())


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    """The same status again leaves the file alone, also when an earlier run wrote it."""
    path = tmp_path / "httproute/default/a.yaml"

    async def scenario(version: str) -> int:
        observed = Observed()
        async with running(tmp_path, observe=observed) as files:
            await files.write(status("a", version=version))
            await until(lambda: observed.written)
        return path.stat().st_ino

    first = asyncio.run(scenario("one"))
    assert first == asyncio.run(scenario("one"))
    assert first != asyncio.run(scenario("two"))


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    """Each version replaces the one before in one step."""
    path = tmp_path / "httproute/default/a.yaml"

    async def scenario() -> None:
        async with running(tmp_path) as files:
            await files.write(status("a", text="0" * 100_000))
            await until(path.exists)
            for version in range(1, 30):
                await files.write(status("a", text=f"{version % 10}" * 100_000))
                (loaded,) = load_all(await asyncio.to_thread(path.read_text))
                assert 1 == len(set(loaded.value["status"]["text"]))
                await asyncio.sleep(0)

    asyncio.run(scenario())


def test_files_of_an_earlier_run_are_taken_over(tmp_path: Path) -> None:
    """Those of objects that are gone are removed with the first statuses; files of others are not touched."""

    async def first() -> None:
        async with running(tmp_path) as files:
            await files.write(status("stays") | status("goes") | status("goes", "other"))
            await until(lambda: len(names(tmp_path)) == 3)

    async def second() -> None:
        async with running(tmp_path) as files:
            await asyncio.sleep(0.05)
            assert "httproute/default/goes.yaml" in names(tmp_path)
            await files.write(status("stays"))
            await until(lambda: not (tmp_path / "httproute/other").exists())

    asyncio.run(first())
    (tmp_path / "httproute/default/mine.yaml").write_text("a person's own\n")
    asyncio.run(second())
    assert ["httproute/default/mine.yaml", "httproute/default/stays.yaml"] == names(tmp_path)


def test_files_of_an_earlier_run_do_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is no status at all any more, they go nevertheless."""
    monkeypatch.setattr(statusfiles, "TAKEOVER_SECONDS", 0.05)
    (tmp_path / "httproute/default").mkdir(parents=True)
    (tmp_path / "httproute/default/a.yaml").write_bytes(statusfiles.MARK)

    async def scenario() -> None:
        async with running(tmp_path):
            await until(lambda: not names(tmp_path))

    asyncio.run(scenario())


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[Callable[[], None]]:
    """A folder to which no file of more than 4 KiB can be written, until the function is called.

    A limit on the size of files stands in for the end of the disk: the kernel reports both in the middle of a write.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert folder.exists()


def test_a_full_disk_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What fits is written; what does not is told, leaves the file before it as it was, and is written when there is room."""
    observed = Observed()

    async def scenario() -> None:
        async with running(tmp_path, retry_seconds=0.05, observe=observed) as files:
            await files.write(status("large", text="small yet"))
            await until(lambda: observed.written == 1)
            with full_disk(tmp_path) as make_room:
                await files.write(status("large", text="x" * 10_000) | status("small"))
                await until(lambda: observed.failed > 2)
                assert ["httproute/default/large.yaml", "httproute/default/small.yaml"] == names(tmp_path)
                assert "small yet" in (tmp_path / "httproute/default/large.yaml").read_text()
                make_room()
                await until(lambda: "x" * 10_000 in (tmp_path / "httproute/default/large.yaml").read_text())
            await until(lambda: len(caplog.records) == 2)

    with caplog.at_level("INFO"):
        asyncio.run(scenario())
    assert ["status files are not written; trying again", "status files are written again"] == caplog.messages


def test_a_status_that_is_gone_before_it_could_be_written(tmp_path: Path) -> None:
    """Only the newest is tried again."""
    observed = Observed()

    async def scenario() -> None:
        async with running(tmp_path, retry_seconds=0.02, observe=observed) as files:
            with full_disk(tmp_path):
                await files.write(status("a", text="x" * 10_000))
                await until(lambda: observed.failed)
                await files.write(dict.fromkeys(status("a")))
                await until(lambda: observed.written)
                failed = observed.failed
                await asyncio.sleep(0.1)
                assert (failed, []) == (observed.failed, names(tmp_path))

    asyncio.run(scenario())


def test_a_folder_that_may_not_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Something else stands in the way: told, and tried again until it is gone."""
    (tmp_path / "httproute").write_text("no folder")

    async def scenario() -> None:
        async with running(tmp_path, retry_seconds=0.02) as files:
            await files.write(status("a") | status("b", kind="Gateway"))
            await until(lambda: (tmp_path / "gateway/default/b.yaml").exists() and caplog.records)
            (tmp_path / "httproute").unlink()
            await until((tmp_path / "httproute/default/a.yaml").exists)

    asyncio.run(scenario())
    assert os.strerror(errno.ENOTDIR) in str(getattr(caplog.records[0], "fields", ""))


def test_the_folder_itself_may_vanish(tmp_path: Path) -> None:
    """It is made again for the next status."""
    folder = tmp_path / "statuses"

    async def scenario() -> None:
        async with running(folder) as files:
            for version in ("one", "two"):
                await files.write(status("a", version=version))
                await until((folder / "httproute/default/a.yaml").exists)
                shutil.rmtree(folder)

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["x" * 253, "..", "a/../../b", ".hidden", "ü", "a b"])
def test_names_stay_in_the_folder(name: str) -> None:
    """Whatever an object is called, its file is below the folder, and no other object's."""
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / "folder"

        async def scenario() -> None:
            async with running(folder) as files:
                await files.write(status(name) | status(f"{name}x"))
                await until(lambda: len(names(folder)) == 2)

        asyncio.run(scenario())
        assert ["folder"] == [path.name for path in Path(above).iterdir()]


_texts = st.text(max_size=12) | st.sampled_from(
    ["y", "N", "on", "1_0", "0o17", "010", "1e3", "~", "null", "True", "a: b", "- a", "\n a\n"]
)


@given(st.dictionaries(st.sampled_from(["type", "message", "y", "items"]), _texts | st.integers() | st.lists(_texts)), _texts)
@settings(max_examples=300, deadline=None)
def test_a_reader_sees_what_was_meant(body: dict[str, Any], namespace: str) -> None:
    """Any status is read back as it is by the rules of Kubernetes' YAML, in which many a word is no string."""
    key = NamespacedName(namespace, "a")
    try:
        text = rendered(StatusDocument("HTTPRoute", key, "v1", 1, body))
    except UnicodeEncodeError:
        return
    (loaded,) = load_all(text)
    where = {"namespace": namespace} if namespace else {}
    assert {"name": "a", **where, "generation": 1} == loaded.value["metadata"]
    assert body == loaded.value["status"]
