"""Folders that come, go and move, and symbolic links in and to them."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.sources.objects import route
from tests.sources.watching import holds, put, watching


def test_new_folders_are_watched(tmp_path: Path) -> None:
    """Made empty and filled later, or made with all that is in them; however deep."""

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            (tmp_path / "x").mkdir()
            put(tmp_path / "x/a.yaml", route("a"))
            await seen.until(lambda now: "a" in now.routes)
            (tmp_path / "x/y/z").mkdir(parents=True)
            (tmp_path / "x/y/z/b.yaml").write_text(route("b"))
            await seen.until(lambda now: "b" in now.routes)
            put(tmp_path / "x/y/z/b.yaml", route("b", "two"))
            await seen.until(lambda now: now.routes["b"] == "two")

    asyncio.run(scenario())


def test_a_moved_folder_keeps_its_objects(tmp_path: Path) -> None:
    """Within what is watched, a move is no deletion; and the folder is watched where it went."""
    (tmp_path / "x/y").mkdir(parents=True)
    put(tmp_path / "x/y/a.yaml", route("a"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            (tmp_path / "x").rename(tmp_path / "moved")
            assert 0 == await seen.quiet()
            put(tmp_path / "moved/y/a.yaml", route("a", "two"))
            await seen.until(lambda now: now.routes == {"a": "two"})
            assert [] == seen.deletions()

    asyncio.run(scenario())


def test_a_folder_that_moves_out_takes_its_objects_along(tmp_path: Path) -> None:
    """And what happens to it elsewhere is nothing to us, until it comes back."""
    root = tmp_path / "root"
    (root / "x").mkdir(parents=True)
    put(root / "x/a.yaml", route("a"))

    async def scenario() -> None:
        async with watching(root) as seen:
            (root / "x").rename(tmp_path / "x")
            await seen.until(lambda now: not now.routes)
            put(tmp_path / "x/a.yaml", route("a", "two"))
            assert 0 == await seen.quiet()
            (tmp_path / "x").rename(root / "x")
            await seen.until(lambda now: now.routes == {"a": "two"})

    asyncio.run(scenario())


@pytest.mark.parametrize("asked", ["conf", "conf/sub", "conf/sub/a.yaml"])
def test_a_path_that_comes_goes_and_comes_again(tmp_path: Path, asked: str) -> None:
    """A file, a folder or one below others that do not exist yet: a problem while it is missing, read when it is there."""
    path = tmp_path / asked
    missing = [f"{path.name}: does not exist; it is read as soon as it does"]

    async def scenario() -> None:
        async with watching(path) as seen:
            for version in ("one", "two", "three"):
                await seen.until(lambda now: not now.routes)
                assert missing == seen.messages(path)
                (tmp_path / "conf/sub").mkdir(parents=True)
                put(tmp_path / "conf/sub/a.yaml", route("a", version))
                await seen.until(holds(a=version))
                assert [] == seen.messages(path)
                shutil.rmtree(tmp_path / "conf")

    asyncio.run(scenario())


def test_a_folder_replaced_by_another(tmp_path: Path) -> None:
    """Renamed away and a new one renamed into its place."""
    for name in ("conf", "next"):
        (tmp_path / name).mkdir()
        put(tmp_path / name / "a.yaml", route("a", name))

    async def scenario() -> None:
        async with watching(tmp_path / "conf") as seen:
            (tmp_path / "conf").rename(tmp_path / "old")
            (tmp_path / "next").rename(tmp_path / "conf")
            await seen.until(lambda now: now.routes == {"a": "next"})
            put(tmp_path / "conf/a.yaml", route("a", "later"))
            await seen.until(lambda now: now.routes == {"a": "later"})

    asyncio.run(scenario())


class ConfigMap:
    """A folder as kubelet mounts a ConfigMap: files are links through `..data`, which is swapped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._version = 0
        folder.mkdir()

    def write(self, **files: str) -> None:
        """One update, in kubelet's order: new folder, swap, links for new names, then what is gone is removed."""
        self._version += 1
        data = self.folder / "..data"
        old = self.folder / data.readlink() if data.is_symlink() else None
        new = self.folder / f"..2026_11_23_{self._version}"
        new.mkdir()
        for name, text in files.items():
            (new / f"{name}.yaml").write_text(text)
        (self.folder / "..data_tmp").symlink_to(new.name)
        (self.folder / "..data_tmp").rename(data)
        for name in files:
            if not (self.folder / f"{name}.yaml").is_symlink():
                (self.folder / f"{name}.yaml").symlink_to(f"..data/{name}.yaml")
        for link in self.folder.glob("*.yaml"):
            if link.stem not in files:
                link.unlink()
        if old is not None:
            shutil.rmtree(old)


def test_a_config_map_changes_all_at_once(tmp_path: Path) -> None:
    """Each swap is one batch with every file of the new folder in it, and nothing is read twice."""
    mount = ConfigMap(tmp_path / "mount")
    mount.write(a=route("a", "v1"), b=route("b", "v1"), gone=route("gone"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            assert ({"a": "v1", "b": "v1", "gone": "one"}, {}) == (seen.routes, seen.problems)
            for version in ("v2", "v3", "v4"):
                batches = len(seen.batches)
                await asyncio.to_thread(mount.write, a=route("a", version), b=route("b", version), new=route("new", version))
                await seen.until(holds(a=version, b=version, new=version))
                await seen.quiet()
                assert (batches + 1, {}) == (len(seen.batches), seen.problems)
            assert ["gone"] == seen.deletions()

    asyncio.run(scenario())


def test_a_config_map_with_a_large_file_changes_all_at_once(tmp_path: Path) -> None:
    """Though the large file is parsed in a thread."""
    mount = ConfigMap(tmp_path / "mount")

    def write(version: str) -> None:
        mount.write(large=route("large", version) + "#" * 300_000, small=route("small", version))

    write("v1")

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            for version in ("v2", "v3"):
                write(version)
                await seen.until(holds(large=version, small=version))
            assert 3 == len(seen.batches)

    asyncio.run(scenario())


def test_a_swapped_link_to_a_folder(tmp_path: Path) -> None:
    """As deployment tools switch releases: the path itself, or a folder on the way to it, is a link."""
    for release in ("r1", "r2"):
        (tmp_path / release / "conf").mkdir(parents=True)
        put(tmp_path / release / "conf/a.yaml", route("a", release))
    (tmp_path / "current").symlink_to("r1")

    async def scenario() -> None:
        async with watching(tmp_path / "current/conf") as seen:
            assert {"a": "r1"} == seen.routes
            (tmp_path / "next").symlink_to("r2")
            (tmp_path / "next").rename(tmp_path / "current")
            await seen.until(lambda now: now.routes == {"a": "r2"})
            put(tmp_path / "r2/conf/a.yaml", route("a", "later"))
            await seen.until(lambda now: now.routes == {"a": "later"})
            put(tmp_path / "r1/conf/a.yaml", route("a", "stale"))
            assert (0, []) == (await seen.quiet(), seen.deletions())

    asyncio.run(scenario())


def test_a_link_to_a_file_elsewhere(tmp_path: Path) -> None:
    """What it points to is watched, too, whether it is there yet or not."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    (inside / "a.yaml").symlink_to("../outside/target")

    async def scenario() -> None:
        async with watching(inside) as seen:
            outside.mkdir()
            put(outside / "target", route("a", "v1"))
            await seen.until(lambda now: now.routes == {"a": "v1"})
            (outside / "target").write_text(route("a", "v2"))
            await seen.until(lambda now: now.routes == {"a": "v2"})
            (outside / "target").unlink()
            await seen.until(lambda now: now.routes == {})

    asyncio.run(scenario())


def test_link_loops_end(tmp_path: Path) -> None:
    """A folder that contains itself, two links to each other, and a folder that is linked twice, are read once."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x/self").symlink_to("..")
    (tmp_path / "ping.yaml").symlink_to("pong.yaml")
    (tmp_path / "pong.yaml").symlink_to("ping.yaml")
    (tmp_path / "again").symlink_to("x")
    put(tmp_path / "x/a.yaml", route("a"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            assert {"a": "one"} == seen.routes
            assert [f"{tmp_path}/{name}.yaml" for name in ("ping", "pong")] == sorted(seen.problems)
            assert ["ping.yaml: cannot be read: Too many levels of symbolic links"] == seen.messages(tmp_path / "ping.yaml")
            put(tmp_path / "x/a.yaml", route("a", "two"))
            await seen.until(lambda now: now.routes == {"a": "two"})
            (tmp_path / "again").unlink()
            put(tmp_path / "x/a.yaml", route("a", "three"))
            await seen.until(lambda now: now.routes == {"a": "three"})
            assert [] == seen.deletions()

    asyncio.run(scenario())


def test_overlapping_paths_are_read_once(tmp_path: Path) -> None:
    """A folder, a folder in it and a file in it, spelt differently."""
    (tmp_path / "x").mkdir()
    put(tmp_path / "x/a.yaml", route("a"))
    other = tmp_path.parent / "elsewhere" / ".." / tmp_path.name / "x"

    async def scenario() -> None:
        async with watching(tmp_path, tmp_path / "x", other, tmp_path / "x/a.yaml") as seen:
            assert ({"a": "one"}, {}) == (seen.routes, seen.problems)
            put(tmp_path / "x/a.yaml", route("a", "two"))
            await seen.until(lambda now: now.routes == {"a": "two"})
            assert {} == seen.problems

    asyncio.run(scenario())


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Problems name files as the user named them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/a.yaml").write_text("kind: [\n")

    async def scenario() -> None:
        async with watching(Path("conf")) as seen:
            assert ["conf/a.yaml"] == list(seen.problems)
            put(Path("conf/a.yaml"), route("a"))
            await seen.until(lambda now: now.routes == {"a": "one"})

    asyncio.run(scenario())
