"""Folders that are large: thousands of files are read at once, and a change among them is as quick as ever."""

import time

from tests.support.backends import http_backend
from tests.support.clients import answers, ask
from tests.support.objects import GATEWAY_CLASS, documents, gateway, route, service, to
from tests.support.ports import free_port
from tests.support.serving import Serving

FILES = 10_000
START_SECONDS = 45  # generous: the machine may be shared; alone it takes a fraction of that
EDIT_SECONDS = 5


def test_ten_thousand_files(server: Serving) -> None:
    """A route a file, in folders of a hundred: all are served after one start, and one that is edited is served anew."""
    port = free_port()
    with http_backend("one") as backend:
        listener = gateway("edge", f"- {{name: http, protocol: HTTP, port: {port}}}")
        server.put("all", GATEWAY_CLASS, listener, service("one", backend.port))
        for number in range(FILES):
            folder = server.folder / f"{number // 100}"
            folder.mkdir(exist_ok=True)
            (folder / f"{number}.yaml").write_text(documents(route(f"route-{number}", to("one"))))
        server.start(seconds=START_SECONDS)
        assert [200] * 5 == [ask(port, f"route-{number}.test").status for number in (0, 1, 4_999, 9_998, 9_999)]
        assert FILES == server.listener("edge", "http")["attachedRoutes"]
        assert [] == server.problems()
        edited = route("route-5000", to("one"), hostnames=["edited.test"])
        began = time.monotonic()
        server.put("50/5000", edited)
        answers(lambda: ask(port, "edited.test"), 200, seconds=EDIT_SECONDS)
        assert time.monotonic() - began < EDIT_SECONDS
        assert 404 == ask(port, "route-5000.test").status
