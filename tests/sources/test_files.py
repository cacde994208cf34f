"""Files become objects, and every change of them a batch."""

import asyncio
import os
import statistics
import time
from pathlib import Path

import pytest

from tests.sources.objects import refused_route, route, together
from tests.sources.watching import holds, put, shows, watching


def test_the_initial_read_is_one_complete_batch(tmp_path: Path) -> None:
    """Folders recursively, three suffixes, several documents a file."""
    (tmp_path / "sub/deep").mkdir(parents=True)
    (tmp_path / "a.yaml").write_text(together(route("a1"), route("a2")))
    (tmp_path / "sub/b.yml").write_text(route("b"))
    (tmp_path / "sub/deep/c.json").write_text('{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "c"}}')
    (tmp_path / "readme.md").write_text(route("no"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            (batch,) = seen.batches
            assert (True, {}) == (batch.complete, batch.problems)
            expected = [("HTTPRoute", "a1"), ("HTTPRoute", "a2"), ("HTTPRoute", "b"), ("Namespace", "c")]
            assert expected == sorted((change.kind, change.key.name) for change in batch.changes)

    asyncio.run(scenario())


def test_an_empty_folder_is_complete(tmp_path: Path) -> None:
    """Nothing is an answer, too."""

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            assert [((), {}, True)] == [(batch.changes, batch.problems, batch.complete) for batch in seen.batches]

    asyncio.run(scenario())


def test_renamed_over_in_one_step(tmp_path: Path) -> None:
    """No deletion is ever seen, and the generation counts."""
    put(tmp_path / "a.yaml", route("a", "v0"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            for version in range(1, 30):
                put(tmp_path / "a.yaml", route("a", f"v{version}"))
                await seen.until(holds(a=f"v{version}"))
            assert ([], 30) == (seen.deletions(), seen.generations["a"])

    asyncio.run(scenario())


def test_written_in_place(tmp_path: Path) -> None:
    """As a shell's redirection does it: emptied first, then written, then closed."""
    path = tmp_path / "a.yaml"
    path.write_text(route("a", "v0"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            with path.open("w") as file:
                file.write(route("a", "v1")[:50])
                file.flush()
                assert 0 == await seen.quiet()
                file.write(route("a", "v1")[50:])
            await seen.until(lambda now: now.routes["a"] == "v1")
            path.write_text("")
            await asyncio.sleep(0.01)
            path.write_text(route("a", "v2"))
            await seen.until(lambda now: now.routes["a"] == "v2")
            assert [] == seen.deletions()

    asyncio.run(scenario())


def test_a_file_that_stays_empty_declares_nothing(tmp_path: Path) -> None:
    """An emptied file is believed a moment later."""
    path = tmp_path / "a.yaml"
    path.write_text(route("a"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            path.write_text("")
            await seen.until(lambda now: not now.routes)

    asyncio.run(scenario())


def test_an_unchanged_file_is_no_batch(tmp_path: Path) -> None:
    """Written again, touched, or with other permissions: its content counts."""
    path = tmp_path / "a.yaml"
    path.write_text(route("a"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            put(path, route("a"))
            path.write_text(route("a"))
            path.touch()
            path.chmod(0o600)
            assert 0 == await seen.quiet()

    asyncio.run(scenario())


def test_a_burst_is_one_batch(tmp_path: Path) -> None:
    """What happened while nobody looked comes together, an object that moved between files included."""
    put(tmp_path / "a.yaml", together(route("a"), route("b")))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            put(tmp_path / "a.yaml", route("a", "two"))
            put(tmp_path / "z.yaml", together(route("b"), route("c")))
            (tmp_path / "z.yaml").rename(tmp_path / "y.yaml")
            await seen.until(lambda now: len(now.batches) == 2)
            assert {"a": "two", "b": "one", "c": "one"} == seen.routes
            assert [["a", "c"]] == [[change.key.name for change in batch.changes] for batch in seen.batches[1:]]

    asyncio.run(scenario())


def test_a_deleted_file_takes_its_objects_along(tmp_path: Path) -> None:
    """At once."""
    put(tmp_path / "a.yaml", route("a"))
    put(tmp_path / "b.yaml", route("b"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            (tmp_path / "a.yaml").unlink()
            await seen.until(lambda now: list(now.routes) == ["b"])

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "name", [".a.yaml.swp", ".#a.yaml", "a.yaml~", "4913", "#a.yaml#", ".hidden.yaml", "a.yaml.tmp", "a.yaml.bak"]
)
def test_editors_temporary_files_are_nothing(tmp_path: Path, name: str) -> None:
    """Neither at the start nor later."""
    (tmp_path / name).write_text(route("x"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            (tmp_path / name).write_text(route("y"))
            assert (0, {}) == (await seen.quiet(0.15), seen.routes)

    asyncio.run(scenario())


def test_a_file_linked_into_place(tmp_path: Path) -> None:
    """By link(2) a complete file appears without anyone closing it."""
    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "x").write_text(route("a"))

    async def scenario() -> None:
        async with watching(inside) as seen:
            os.link(outside / "x", inside / "a.yaml")
            await seen.until(lambda now: "a" in now.routes)

    asyncio.run(scenario())


def test_a_file_that_is_copied_slowly(tmp_path: Path) -> None:
    """A new file that is written for a while is read when it is closed, not half."""

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            with (tmp_path / "a.yaml").open("w") as file:
                for line in together(route("a"), route("b")).splitlines(keepends=True):
                    file.write(line)
                    file.flush()
                    assert 0 == await seen.quiet(0.02)
            await seen.until(holds(a="one", b="one"))

    asyncio.run(scenario())


def test_the_same_object_in_two_files(tmp_path: Path) -> None:
    """The first in path order counts, the other says where it is, and takes over when the first goes."""
    put(tmp_path / "1.yaml", route("a", "one"))
    put(tmp_path / "2.yaml", route("a", "two"))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            assert {"a": "one"} == seen.routes
            message = (
                f"2.yaml:1: HTTPRoute default/a: is already declared in {tmp_path}/1.yaml:1, which counts as long as it is there"
            )
            assert [message.replace(f"{tmp_path}/", "")] == seen.messages(tmp_path / "2.yaml")
            (tmp_path / "1.yaml").unlink()
            await seen.until(lambda now: now.routes == {"a": "two"})
            assert ({}, []) == (seen.problems, seen.deletions())

    asyncio.run(scenario())


def test_bad_documents_leave_the_good_ones_alone(tmp_path: Path) -> None:
    """Broken YAML, an unknown field and an unknown kind are problems with their lines; what stood before stays until fixed."""
    path = tmp_path / "a.yaml"
    put(path, together(route("a"), route("b")))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            put(path, together(route("c"), "kind: [\n", refused_route("a"), "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"))
            await seen.until(lambda now: "c" in now.routes)
            assert {"a": "one", "b": "one", "c": "one"} == seen.routes
            assert [(2, 11), (3, 16), (4, 19)] == [(problem.document, problem.line) for problem in seen.problems[str(path)]]
            put(path, together(route("a", "two"), route("b")))
            await seen.until(lambda now: now.routes == {"a": "two", "b": "one"})
            assert {} == seen.problems

    asyncio.run(scenario())


def test_a_change_comes_within_milliseconds(tmp_path: Path) -> None:
    """From rename(2) to the batch: about a millisecond alone on a machine; this bound is for a crowded one."""
    put(tmp_path / "many.yaml", together(*(route(f"r{i}") for i in range(200))))

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            taken = []
            for version in range(20):
                beside = tmp_path / "x.tmp"
                beside.write_text(route("a", f"v{version}"))
                await asyncio.sleep(0.01)
                start = time.perf_counter()
                beside.replace(tmp_path / "a.yaml")
                await seen.until(shows("a", f"v{version}"))
                taken.append(time.perf_counter() - start)
            assert statistics.median(taken) < 0.05

    asyncio.run(scenario())


def test_only_what_changed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand files, one."""
    for i in range(1000):
        (tmp_path / f"{i:04}.yaml").write_text(route(f"r{i}"))
    opened: list[str] = []
    real_open = os.open

    def counting_open(path: str, *arguments: int) -> int:
        opened.append(path)
        return real_open(path, *arguments)

    async def scenario() -> None:
        async with watching(tmp_path) as seen:
            monkeypatch.setattr(os, "open", counting_open)
            put(tmp_path / "0500.yaml", route("r500", "two"))
            await seen.until(lambda now: now.routes["r500"] == "two")
            (tmp_path / "new").mkdir()
            await seen.quiet()

    asyncio.run(scenario())
    assert [str(tmp_path / "0500.yaml")] == [path for path in opened if str(path).endswith(".yaml")]
