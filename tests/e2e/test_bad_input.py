"""Input that is wrong: everything else goes on being served, and what is wrong is told where the user looks."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.edge import Edge
from tests.support.clients import answers, ask
from tests.support.load import Load
from tests.support.objects import GATEWAY_CLASS, documents, gateway, route, service, to
from tests.support.ports import free_port
from tests.support.serving import JSON, Serving
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def tidy(edge: Edge) -> Iterator[None]:
    """Each test finds the folder as it was made."""
    yield
    edge.server.tidy("edge")


GOOD = route("bad", to("one"))

# What is wrong: the file, the line, the field (none: the document), and words of the message.
BAD = {
    "broken YAML": (GOOD.replace("[{name: one", "[{name: one:"), 0, "", ""),
    "no object": ("- a\n- list\n", 1, "", "object"),
    "unknown kind": (GOOD.replace("HTTPRoute", "HTTPRuote"), 2, "kind", 'did you mean "HTTPRoute"?'),
    "unknown field": (GOOD.replace("hostnames", "hostname"), 7, "spec.hostname", 'did you mean "hostnames"?'),
    "wrong type": (GOOD.replace("port: 80", "port: eighty"), 9, "spec.rules[0].backendRefs[0].port", "integer"),
    "out of range": (GOOD.replace("port: 80", "port: 80000"), 9, "spec.rules[0].backendRefs[0].port", "65535"),
    "against a rule": (GOOD.replace("port: 80", "weight: 1"), 9, "spec.rules[0].backendRefs[0]", "port"),
    "no name": (GOOD.replace("{name: bad, ", "{"), 0, "metadata.name", "required"),
}


def problem_of(server: Serving, path: Path) -> JSON:
    """The one problem of a file."""
    (found,) = (each for each in server.problems() if each["file"] == str(path))
    return found


@pytest.mark.parametrize("what", BAD)
def test_a_bad_document(edge: Edge, what: str) -> None:
    """Status, log and metric name file and line; the last good version serves; other documents of the file are taken."""
    text, line, field, words = BAD[what]
    server = edge.server
    server.apply("bad", GOOD)
    path = server.put("bad", route("beside", to("two")), text)
    server.sync()
    problem = problem_of(server, path)
    first = documents(route("beside", to("two"))).count("\n") + 1
    assert (2, field) == (problem["document"], problem.get("path", ""))
    assert words in problem["message"]
    if line:
        assert first + line == problem["line"]
    assert 1 == server.metric("gatewright_source_problems")
    told = server.command("status")
    place = f"{path}:{problem['line']}: "
    assert 1 == told.returncode
    assert any(each.startswith(place) and problem["message"] in each for each in told.stdout.splitlines())
    kept = "404" if what == "unknown kind" else "one"  # such a document is about some other object
    assert [kept, "two"] == [edge.chosen("bad.test"), edge.chosen("beside.test")]
    server.apply("bad", GOOD.replace("name: one", "name: three"))
    assert [] == server.problems()
    assert 0 == server.metric("gatewright_source_problems")
    assert ["three", "404"] == [edge.chosen("bad.test"), edge.chosen("beside.test")]


def test_a_duplicate_object(edge: Edge) -> None:
    """Of two documents of one object the first by file name counts; the other is told so, and takes over when it goes."""
    server = edge.server
    server.apply("a-first", route("twice", to("one")))
    path = server.put("b-second", route("twice", to("two")))
    server.sync()
    assert "one" == edge.chosen("twice.test")
    problem = problem_of(server, path)
    assert ("HTTPRoute", "default", "twice") == (problem["kind"], problem["namespace"], problem["name"])
    assert "a-first.yaml" in problem["message"]
    server.remove("a-first")
    assert ("two", []) == (edge.chosen("twice.test"), server.problems())
    server.remove("b-second")
    assert "404" == edge.chosen("twice.test")


def test_files_that_come_and_go(edge: Edge) -> None:
    """Files written, cut short, renamed and removed as fast as can be: nothing else is touched, and in the end all is well."""
    server = edge.server
    server.apply("steady", route("steady", to("one")))
    done = threading.Event()

    def churn(name: str) -> None:
        path, elsewhere = server.folder / f"{name}.yaml", server.folder / f"{name}-moved.yaml"
        text = documents(route(name, to("two")))
        while not done.is_set():
            path.write_text(text[: len(text) // 2])
            path.write_text(text)
            path.rename(elsewhere)
            elsewhere.unlink()

    churning = [threading.Thread(target=churn, args=(f"churn-{number}",)) for number in range(2)]
    with Load(edge.port, "steady.test", kept=1, fresh=1) as load:
        for thread in churning:
            thread.start()
        time.sleep(2)
        done.set()
        for thread in churning:
            thread.join()
        server.sync_removals()
    assert {"200": load.total} == load.answers
    eventually(server.problems, lambda problems: not problems)
    assert [] == server.statuses("HTTPRoute", "churn-0")


def test_the_folder_is_deleted_and_made_again(edge: Edge) -> None:
    """A folder that goes takes its objects with it, and is watched again when it is back; so is one within it."""
    server = edge.server
    server.apply("sub/deep/inner", route("inner", to("one")))
    assert "one" == edge.chosen("inner.test")
    shutil.rmtree(server.folder / "sub")
    server.sync_removals()
    assert "404" == edge.chosen("inner.test")
    server.apply("sub/deep/inner", route("inner", to("two")))
    assert "two" == edge.chosen("inner.test")
    away = server.folder.with_name("away")
    server.folder.rename(away)
    eventually(lambda: ask_or_fail(edge.port, "inner.test"), lambda answer: answer != "two")
    assert any(str(server.folder) in each["file"] for each in eventually(server.problems, bool))
    away.rename(server.folder)
    server.sync()
    assert "two" == answers(lambda: ask(edge.port, "inner.test"), 200).backend
    assert [] == server.problems()


def ask_or_fail(port: int, host: str) -> str:
    """The backend or status, or the exception's name when nobody listens."""
    try:
        return ask(port, host).chosen
    except OSError as error:
        return type(error).__name__


def test_a_file_that_is_too_large(edge: Edge) -> None:
    """100 MB are refused without being read: no memory is taken, nothing waits, and status says why."""
    server = edge.server
    server.apply("steady", route("steady", to("one")))
    path = server.folder / "large.yaml"
    with Load(edge.port, "steady.test", kept=1, fresh=0) as load:
        with path.open("w") as file:
            text = documents("---", *(route(f"large-{number}", to("one")) for number in range(400)), "---")
            while file.tell() < 100 << 20:
                file.write(text)
        problem = eventually(server.problems, bool)[0]
        server.sync(5)
        assert server.process is not None
        resident = resident_bytes(server.process.pid)
    assert str(path) == problem["file"]
    assert "bytes" in problem["message"] or "MiB" in problem["message"]
    assert resident < 400 << 20
    assert {"200": load.total} == load.answers
    path.unlink()
    server.sync_removals()
    assert [] == server.problems()


def resident_bytes(pid: int) -> int:
    """Memory that a process has at most had at once."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def test_status_files_that_cannot_be_written(server: Serving) -> None:
    """With something in the way of --status-dir, traffic is served, the log says what is not written, and later it is."""
    port = free_port()
    folder = server.folder.with_name("statuses")
    folder.mkdir()
    (folder / "httproute").write_text("in the way")
    server.arguments = ("--status-dir", str(folder))
    server.put(
        "all",
        GATEWAY_CLASS,
        gateway("edge", f"- {{name: http, protocol: HTTP, port: {port}}}"),
        service("nobody"),
        route("kept", to("nobody")),
    )
    server.start()
    assert 503 == ask(port, "kept.test").status
    assert (folder / "gateway" / "default" / "edge.yaml").exists()
    eventually(server.logged, lambda lines: any("status files are not written" in str(each) for each in lines))
    (folder / "httproute").unlink()
    eventually((folder / "httproute" / "default" / "kept.yaml").exists, bool)
