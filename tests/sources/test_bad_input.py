"""Bad input, and nothing lost: whatever stands in the folder, the rest goes on, and the problem is told."""

import asyncio
import contextlib
import os
import random
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gatewright.api.admission import admit
from gatewright.sources.files import WATCHING, FileSource
from tests.sources.objects import route, together
from tests.sources.watching import holds, put, watching

MIB = 1 << 20
BROKEN = "kind: ["


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def terminal(path: Path) -> None:
    path.symlink_to("/dev/tty")


@pytest.mark.parametrize("make", [fifo, unix_socket, endless, terminal])
def test_what_is_no_file_blocks_nobody(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A pipe, a socket or a device with a fitting name is a problem, at the start and later."""
    make(tmp_path / "1.yaml")
    put(tmp_path / "a.yaml", route("a"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            assert {"a": "one"} == seen.routes
            make(tmp_path / "2.yaml")
            await seen.until(lambda now: len(now.problems) == 2)
            assert ["1.yaml: is no regular file"] == seen.messages(tmp_path / "1.yaml")
            for name in ("1", "2"):
                (tmp_path / f"{name}.yaml").unlink()
            await seen.until(lambda now: not now.problems)

    asyncio.run(scenario())


def test_an_unreadable_file_keeps_its_objects(tmp_path: Path) -> None:
    """A name for which the kernel has no file to give: the last good version stays until it can be read again."""
    path = tmp_path / "a.yaml"
    put(path, route("a"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            path.unlink()
            path.symlink_to("a.yaml")  # reading it is refused even to root, unlike a file without permissions
            await seen.until(lambda now: now.problems)
            assert ["a.yaml: cannot be read: Too many levels of symbolic links"] == seen.messages(path)
            assert {"a": "one"} == seen.routes
            path.unlink()
            put(path, route("a", "two"))
            await seen.until(lambda now: now.routes == {"a": "two"} and not now.problems)
            assert [] == seen.deletions()

    asyncio.run(scenario())


@contextlib.contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder of its own, and, for root, the rights of nobody."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        os.seteuid(os.getuid())
        shutil.rmtree(folder)


def chmod(path: Path, mode: int) -> None:
    """Change permissions as the owner, and be unprivileged afterwards."""
    os.seteuid(os.getuid())
    path.chmod(mode)
    if os.getuid() == 0:
        os.seteuid(65534)


@pytest.mark.parametrize("name", ["a.yaml", "sub"])
def test_without_permission(name: str) -> None:
    """A file or a folder that may not be read is a problem, and is read as soon as it may be."""

    async def scenario(folder: Path) -> None:
        (folder / "sub").mkdir()
        put(folder / "a.yaml", route("a"))
        put(folder / "sub/b.yaml", route("b"))
        chmod(folder / name, 0)
        async with watching(folder) as seen:
            assert [f"{name}: cannot be read: Permission denied"] == seen.messages(folder / name)
            chmod(folder / name, 0o755)
            await seen.until(lambda now: sorted(now.routes) == ["a", "b"] and not now.problems)
            chmod(folder / name, 0)
            if name == "a.yaml":
                await seen.until(lambda now: now.problems)
            await seen.quiet(0.1)
            assert ["a", "b"] == sorted(seen.routes)
            chmod(folder / name, 0o755)

    with unprivileged() as folder:
        asyncio.run(scenario(folder))


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """A file whose name has a stray byte is a problem that can be shown, until it is renamed."""
    strange = os.fsencode(tmp_path) + b"/\xff.yaml"

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            put(tmp_path / "a.yaml", route("a"))
            os.rename(tmp_path / "a.yaml", strange)  # noqa: PTH104 - no Path can be made of it
            await seen.until(lambda now: now.problems)
            assert ["\ufffd.yaml: its name is not UTF-8"] == seen.messages(tmp_path / "\ufffd.yaml")
            os.rename(strange, tmp_path / "a.yaml")  # noqa: PTH104 - as above
            await seen.until(lambda now: now.routes == {"a": "one"} and not now.problems)

    asyncio.run(scenario())


def test_a_large_file_is_refused_and_keeps_its_objects(tmp_path: Path) -> None:
    """A hundred MiB (of nothing, the disk is spared): not read, the last good version stays."""
    path = tmp_path / "a.yaml"
    put(path, route("a"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            beside = tmp_path / ".large"
            beside.touch()
            os.truncate(beside, 100 * MIB)
            beside.rename(path)
            await seen.until(lambda now: now.problems)
            assert [f"a.yaml: is larger than {64 * MIB} bytes"] == seen.messages(path)
            assert {"a": "one"} == seen.routes
            put(path, route("a", "two"))
            await seen.until(lambda now: now.routes == {"a": "two"} and not now.problems)

    asyncio.run(scenario())


def test_a_large_file_holds_up_nobody(tmp_path: Path) -> None:
    """While ten thousand documents are parsed in a thread, the event loop goes on and other files' changes come first."""

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            lags: list[float] = []
            meter = asyncio.create_task(measure(lags))
            put(tmp_path / "large.yaml", together(*(route(f"r{i}") + "#\t\n" for i in range(10_000))))
            await asyncio.sleep(0.05)
            put(tmp_path / "small.yaml", route("small"))
            await seen.until(lambda now: "small" in now.routes)
            assert 1 == len(seen.routes)
            await seen.until(lambda now: len(now.routes) == 10_001)
            meter.cancel()
            assert statistics.median(lags) < 0.05

    async def measure(lags: list[float]) -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - start)

    asyncio.run(scenario())


def test_a_large_file_that_changes_while_it_is_parsed(tmp_path: Path) -> None:
    """Only its last content counts; and one that is deleted meanwhile leaves nothing."""

    def large(version: str) -> str:
        return together(*(route(f"r{i}", version) + "#\t\n" for i in range(1_000)))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            for version in ("v1", "v2", "v3"):
                put(tmp_path / "large.yaml", large(version))
                await asyncio.sleep(0.02)
            await seen.until(lambda now: set(now.routes.values()) == {"v3"})
            put(tmp_path / "large.yaml", large("v4"))
            await asyncio.sleep(0.02)
            (tmp_path / "large.yaml").unlink()
            await seen.until(lambda now: not now.routes)
            assert 0 == await seen.quiet(0.5)

    asyncio.run(scenario())


def test_ten_thousand_files(tmp_path: Path) -> None:
    """Read in seconds, with the event loop running."""
    for i in range(10_000):
        (tmp_path / f"{i:05}.yaml").write_text(route(f"r{i}"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            assert 10_000 == len(seen.routes)
            put(tmp_path / "05000.yaml", route("r5000", "two"))
            await seen.until(lambda now: now.routes["r5000"] == "two")
            assert 2 == len(seen.batches)

    asyncio.run(scenario())


def test_nothing_is_missed_when_events_are_lost(tmp_path: Path) -> None:
    """More events than the kernel keeps, while nobody reads them: everything is looked at again."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    put(tmp_path / "first.yaml", route("first"))
    put(tmp_path / "gone.yaml", route("gone"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            names = [tmp_path / "x.tmp", tmp_path / "y.tmp"]
            put(names[0], "")
            for i in range(limit):
                names[i % 2].rename(names[1 - i % 2])
            put(tmp_path / "last.yaml", route("last"))
            (tmp_path / "first.yaml").write_text(route("first", "two"))
            (tmp_path / "gone.yaml").unlink()
            await seen.until(lambda now: now.routes == {"first": "two", "last": "one"})

    asyncio.run(scenario())


def test_without_watches_changes_are_looked_for(tmp_path: Path) -> None:
    """When the machine has no watch to spare: a problem says so, and everything is found a little later."""
    (tmp_path / "sub").mkdir()
    put(tmp_path / "sub/a.yaml", route("a"))

    async def scenario() -> None:
        async with watching(tmp_path, watch_limit=2, interval=0.05) as seen:
            (problem,) = seen.problems[WATCHING]
            expected = "changes are found late, by looking at everything from time to time: "
            assert problem.message.startswith(expected)
            assert problem.message.endswith("is not watched (the limit is 2 folders)")
            for version in ("v1", "v2"):
                put(tmp_path / "sub/a.yaml", route("a", version))
                await seen.until(holds(a=version))
            (tmp_path / "new").mkdir()
            put(tmp_path / "new/b.yaml", route("b"))
            await seen.until(lambda now: sorted(now.routes) == ["a", "b"])
            shutil.rmtree(tmp_path / "sub")
            await seen.until(lambda now: now.routes == {"b": "one"})

    asyncio.run(scenario())


def test_a_source_ends_while_it_works(tmp_path: Path) -> None:
    """Cancelled in the middle of a large file, it leaves no thread at work and no watch behind."""
    (tmp_path / "large.yaml").write_text(together(*(route(f"r{i}") + "#\t\n" for i in range(40_000))))

    async def scenario() -> None:
        descriptors = open_descriptors()
        batches = FileSource([tmp_path], admit).batches()
        first = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0.05)
        first.cancel()
        start = time.perf_counter()
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_default_executor()
        assert time.perf_counter() - start < 2
        assert descriptors == open_descriptors()

    asyncio.run(scenario())


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("options", [{}, {"watch_limit": 1, "interval": 0.05}], ids=["told", "looking"])
@pytest.mark.parametrize("seed", range(3))
def test_any_history_ends_as_a_fresh_read_does(tmp_path: Path, seed: int, options: dict[str, Any]) -> None:
    """Files written, moved, removed, broken, linked and swapped at full speed: what is known in the end is what stands there."""
    chance = random.Random(seed)  # noqa: S311 - the same history in every run
    root = tmp_path / "root"
    root.mkdir()

    async def scenario() -> None:
        async with watching(root, **options) as seen:
            for _ in range(10):
                await asyncio.to_thread(acts, chance, root)
                await asyncio.sleep(chance.choice([0, 0.005, 0.02]))
            await asyncio.to_thread(mend, root)
            await asyncio.sleep(0.3)
            async with watching(root) as fresh:
                seen.problems.pop(WATCHING, None)
                assert (fresh.routes, fresh.problems) == (seen.routes, seen.problems)

    asyncio.run(scenario())


def mend(root: Path) -> None:
    """Remove the broken files: they keep what they held before, of which a fresh read cannot know."""
    for path in [path for path in root.rglob("*.yaml") if path.is_file() and path.read_text() == BROKEN]:
        path.unlink()


def acts(chance: random.Random, root: Path) -> None:
    """A burst of what people and programs do to folders."""
    for _ in range(30):
        act(chance, root)


def act(chance: random.Random, root: Path) -> None:
    """One thing that people and programs do to folders."""
    folders = [root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())]
    files = [path for path in root.rglob("*.yaml") if not path.is_dir()]
    folder = chance.choice(folders)
    path = chance.choice(files) if files and chance.random() < 0.7 else folder / f"f{chance.randrange(8)}.yaml"
    names = [f"r{chance.randrange(12)}" for _ in range(chance.randrange(3))]
    text = together(*(route(name, f"v{chance.randrange(99)}") for name in names))
    with contextlib.suppress(OSError):
        match chance.randrange(10):
            case 0 | 1 | 2:
                put(path, text)
            case 3:
                path.write_text(text)
            case 4:
                path.unlink()
            case 5:
                path.rename(folder / f"f{chance.randrange(8)}.yaml")
            case 6:
                (folder / f"d{chance.randrange(3)}").mkdir()
            case 7:
                chance.choice(folders[1:] or [folder]).rename(folder / f"d{chance.randrange(3)}")
            case 8:
                (folder / f"f{chance.randrange(8)}.yaml").symlink_to(path)
            case _ if chance.random() < 0.2 and len(folders) > 1:
                shutil.rmtree(chance.choice(folders[1:]))
            case _:
                put(path, BROKEN)
