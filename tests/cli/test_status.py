"""`gatewright status` as a process, against a real console on a Unix socket."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from gatewright.console.feed import StatusFeed
from gatewright.console.server import serving
from gatewright.console.source import About, ProblemView, ProxyView, Readiness, StatusEvent, StatusMetadata, StatusView
from gatewright.metrics import Metrics
from gatewright.reports.route import ListenerReport, ParentReport, RouteReport
from gatewright.reports.rules import RuleReport
from gatewright.settings import Settings

GROUP = "gateway.networking.k8s.io/v1"


def condition(kind: str, reason: str, status: str = "True", message: str = "") -> dict[str, object]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 1}


ACCEPTED, RESOLVED, PROGRAMMED = (condition(word, word) for word in ("Accepted", "ResolvedRefs", "Programmed"))


def gateway(name: str) -> StatusView:
    listener = {"name": "http", "attachedRoutes": 2, "supportedKinds": [], "conditions": [ACCEPTED, PROGRAMMED, RESOLVED]}
    status = {
        "addresses": [{"type": "IPAddress", "value": "127.0.0.1"}],
        "conditions": [ACCEPTED, PROGRAMMED],
        "listeners": [listener],
    }
    return StatusView("Gateway", GROUP, StatusMetadata(name, "default", 1), status)


def route(name: str, *conditions: dict[str, object], namespace: str = "default") -> StatusView:
    parent = {"parentRef": {"name": "web", "sectionName": "http"}, "controllerName": "x/y", "conditions": list(conditions)}
    return StatusView("HTTPRoute", GROUP, StatusMetadata(name, namespace, 1), {"parents": [parent]})


LOST = route(
    "lost", condition("Accepted", "NoMatchingParent", "False", "spec.parentRefs[0]: no listener is called htp"), RESOLVED
)
REFUSED = ProblemView(
    "/routes/cart.yaml", "must start with '/'", 2, 14, "spec.rules[0].matches[0].path.value", "HTTPRoute", "default", "cart"
)


class World:
    """What a server would remember."""

    def __init__(self, views: Iterable[StatusView], problems: Iterable[ProblemView] = ()) -> None:
        self.feed = StatusFeed()
        self.feed.publish(views)
        self._problems = list(problems)
        self.reports: dict[str, object] = {}

    def statuses(self) -> Iterable[StatusView]:
        return self.feed.views()

    def problems(self) -> Iterable[ProblemView]:
        return self._problems

    def proxies(self) -> Iterable[ProxyView]:
        return [ProxyView("default/web", "Running", pid=4712, connected=True)]

    def ready(self) -> Readiness:
        return Readiness(ready=True)

    def report(self, name: str, query: Mapping[str, str]) -> object:
        return self.reports.get(f"{name} {query['kind']} {query['namespace']}/{query['name']}")

    def watch(self) -> AsyncGenerator[StatusEvent, None]:
        return self.feed.watch()


class Running:
    """A console in a thread of its own."""

    def __init__(self, world: World, state_dir: Path) -> None:
        state_dir.mkdir(parents=True, exist_ok=True)
        self.world = world
        self._settings = Settings(
            paths=(), state_dir=state_dir, socket_dir=state_dir, admin_address=None, metrics_address=None, health_address=None
        )
        self._loop = asyncio.new_event_loop()
        self._up, self._down = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(10)
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._down.set)

    def publish(self, *views: StatusView) -> None:
        self._loop.call_soon_threadsafe(self.world.feed.publish, views)

    async def _serve(self) -> None:
        about = About("0.1.0", os.getpid(), ("/routes",), str(self._settings.state_dir), "2026-01-01T00:00:00Z")
        async with serving(self._settings, self.world, Metrics(), about):
            self._up.set()
            await self._down.wait()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def well(home: Path) -> Iterator[Running]:
    with Running(World([gateway("web"), route("shop", ACCEPTED, RESOLVED)]), home / "gatewright" / "one") as running:
        yield running


@pytest.fixture
def ill(home: Path) -> Iterator[Running]:
    views = [gateway("web"), route("shop", ACCEPTED, RESOLVED), LOST]
    with Running(World(views, [REFUSED]), home / "gatewright" / "one") as running:
        yield running


def status(home: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gatewright", "status", *arguments],
        env={**os.environ, "XDG_STATE_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.usefixtures("well")
def test_all_is_well(home: Path) -> None:
    """A healthy server is one sentence and a table, with exit code 0."""
    code, out, err = status(home)
    assert (0, "") == (code, err)
    assert out == (
        "All is well: 1 Gateway, 1 HTTPRoute, 1 Envoy.\n"
        "\n"
        "KIND        NAMESPACE   NAME   PART                       ACCEPTED   RESOLVEDREFS   PROGRAMMED\n"
        "Gateway     default     web                               True                      True\n"
        "HTTPRoute   default     shop   Gateway default/web/http   True       True\n"
    )


@pytest.mark.usefixtures("ill")
def test_what_is_wrong_comes_first(home: Path) -> None:
    """Refused documents and failing conditions stand on top in full, then everything; exit code 1."""
    code, out, _ = status(home)
    assert 1 == code
    assert out.startswith(
        "/routes/cart.yaml:14: HTTPRoute default/cart: spec.rules[0].matches[0].path.value: must start with '/'\n"
        "HTTPRoute default/lost, Gateway default/web/http\n"
        "  Accepted=False NoMatchingParent: spec.parentRefs[0]: no listener is called htp\n"
        "\n"
        "KIND "
    )
    assert "HTTPRoute   default     lost   Gateway default/web/http   False: NoMatchingParent   True" in out


@pytest.mark.usefixtures("ill")
def test_a_route_whose_document_was_refused_is_found(home: Path) -> None:
    """Why does my route not work? Because line 14 is wrong, though the server does not know the route."""
    code, out, err = status(home, "hr/cart")
    assert (1, "") == (code, err)
    assert out == ("/routes/cart.yaml:14: HTTPRoute default/cart: spec.rules[0].matches[0].path.value: must start with '/'\n")


@pytest.mark.usefixtures("ill")
def test_one_healthy_object_is_exit_code_0(home: Path) -> None:
    """Other objects' troubles do not concern one that was asked for by name."""
    code, out, _ = status(home, "HttpRoutes/shop", "-n", "default")
    assert (0, 2) == (code, len(out.splitlines()))


@pytest.mark.usefixtures("ill")
def test_wide_shows_listeners_addresses_and_messages(home: Path) -> None:
    """-o wide adds what the narrow table leaves out."""
    _, out, _ = status(home, "-o", "wide")
    assert "listener http" in out
    header = next(line for line in out.splitlines() if line.startswith("KIND"))
    assert ["ADDRESSES", "ROUTES", "GENERATION", "MESSAGE"] == header.split()[-4:]


@pytest.mark.usefixtures("ill")
def test_yaml_and_json_hold_the_same(home: Path) -> None:
    """A List of the objects as the API shapes them, with the problems beside it; one named object is itself."""
    listed = json.loads(status(home, "-o", "json")[1])
    assert listed == yaml.safe_load(status(home, "-o", "yaml")[1])
    assert ["List", 3, 1] == [listed["kind"], len(listed["items"]), len(listed["problems"])]
    code, out, _ = status(home, "httproute/lost", "-o", "json")
    assert (1, "NoMatchingParent") == (code, json.loads(out)["status"]["parents"][0]["conditions"][0]["reason"])


def test_one_route_is_explained(home: Path) -> None:
    """Its report comes before the table, in place of what conditions say of the same; other conditions are shown."""
    listener = ListenerReport("Gateway default/web", "http", 80, "HTTP", ("a.test",), ("b.test belongs to listener b",), ())
    parents = (
        ParentReport("spec.parentRefs[0]", "Gateway default/web, listener http", "", (listener,)),
        ParentReport("spec.parentRefs[1]", "Gateway default/wbe", "spec.parentRefs[1].name: there is no Gateway default/wbe", ()),
    )
    rule = RuleReport("spec.rules[0]", ("any path",), ("500",), ("BackendNotFound: Service default/gone not found",))
    report = RouteReport("HTTPRoute", "default", "lost", ("a.test", "b.test"), parents, (rule,), works=False, advice=("Do so.",))
    world = World(
        [route("lost", condition("Accepted", "NoMatchingParent", "False"), condition("Programmed", "Invalid", "False"))]
    )
    world.reports["route HTTPRoute default/lost"] = report
    with Running(world, home / "gatewright" / "one"):
        code, out, _ = status(home, "hr/lost")
    assert 1 == code
    assert out.splitlines()[:14] == [
        "HTTPRoute default/lost, Gateway default/web/http",
        "  Programmed=False Invalid: ",
        "",
        "HTTPRoute default/lost for a.test, b.test",
        "  ok  spec.parentRefs[0]: Gateway default/web, listener http",
        "      ok  listener http (port 80, HTTP) serves it for a.test",
        "            b.test belongs to listener b",
        "  bad spec.parentRefs[1]: Gateway default/wbe",
        "        spec.parentRefs[1].name: there is no Gateway default/wbe",
        "  bad spec.rules[0]: any path -> 500",
        "        BackendNotFound: Service default/gone not found",
        "  -> Do so.",
        "",
        "KIND        NAMESPACE   NAME   PART                       ACCEPTED                  PROGRAMMED",
    ]


@pytest.mark.usefixtures("well")
def test_an_object_that_does_not_exist(home: Path) -> None:
    """One line on stderr and exit code 1."""
    code, out, err = status(home, "httproute/nope")
    assert (1, "", "error: the server has no HTTPRoute nope, and no document of that name was refused\n") == (code, out, err)


@pytest.mark.parametrize(("typed", "meant"), [("htproute", "HTTPRoute"), ("gatway", "Gateway"), ("secretes", "Secret")])
def test_typing_errors_get_a_suggestion(home: Path, typed: str, meant: str) -> None:
    """A kind that does not exist is wrong usage, before any server is asked."""
    code, _, err = status(home, typed)
    assert (2, True) == (code, f"There is no kind '{typed}'. Did you mean {meant}" in err)


def test_no_server(home: Path) -> None:
    """Exit code 3 and what to do about it."""
    code, out, err = status(home)
    assert (3, "", True) == (code, out, "start one with 'gatewright serve DIR'" in err)


@pytest.mark.usefixtures("well")
def test_of_several_servers_the_user_chooses(home: Path) -> None:
    """Candidates are listed with what they serve; --state-dir takes one of them; a dead server's folder is none."""
    (home / "gatewright" / "dead").mkdir()
    (home / "gatewright" / "dead" / "admin.sock").touch()
    other = home / "gatewright" / "two"
    with Running(World([]), other):
        code, _, err = status(home)
        assert (3, True) == (code, f"--state-dir {other} (serves /routes)" in err)
        assert (0, "All is well: 1 Envoy.\n", "") == status(home, "--state-dir", str(other))


def test_watch_tells_each_change(home: Path, well: Running) -> None:
    """What is there, then what happens, a line of JSON each; the server's end is said."""
    with subprocess.Popen(
        [sys.executable, "-m", "gatewright", "status", "httproute", "--watch", "-o", "json"],
        env={**os.environ, "XDG_STATE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stderr
            assert ("ADDED", "shop") == _told(process.stdout.readline())
            well.publish(LOST)
            assert ("ADDED", "lost") == _told(process.stdout.readline())
            well.stop()
            assert "has stopped" in process.stderr.read()
            assert 3 == process.wait(10)
        finally:
            process.kill()


def _told(line: str) -> tuple[str, str]:
    event: dict[str, Any] = json.loads(line)
    return event["type"], event["object"]["metadata"]["name"]


def test_an_unreadable_file_may_hold_what_is_missing(home: Path) -> None:
    """It is shown for an object that is not there, and does not spoil one that is."""
    unreadable = ProblemView("/routes/torn.yaml", "did not find expected node content", 1, 3)
    with Running(World([route("shop", ACCEPTED, RESOLVED)], [unreadable]), home / "gatewright" / "one"):
        assert 0 == status(home, "hr/shop")[0]
        code, out, _ = status(home, "hr/cart")
        expected = (
            "the server has no HTTPRoute cart, unless it is in what could not be read:\n"
            "/routes/torn.yaml:3: document 1: did not find expected node content\n"
        )
        assert (1, expected) == (code, out)


def test_an_object_that_concerns_no_one_here(home: Path) -> None:
    """A route of another controller's Gateway is a note in the whole picture; asked for by name it is not well, either."""
    stray = StatusView("HTTPRoute", GROUP, StatusMetadata("stray", "default", 1), {})
    with Running(World([route("shop", ACCEPTED, RESOLVED), stray]), home / "gatewright" / "one"):
        note = "HTTPRoute default/stray\n  has no status: it refers to nothing that this server is responsible for\n"
        code, out, _ = status(home)
        assert (0, True) == (code, note in out)
        code, out, _ = status(home, "hr/stray")
        assert (1, True) == (code, out.startswith(note))
