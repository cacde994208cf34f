"""Every folder of examples, served as it is but for its ports, and asked for what its comments promise."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.support.backends import Backend, http_backend
from tests.support.certificates import Certificate, self_signed
from tests.support.clients import Answer, Tls, answers, ask
from tests.support.ports import free_port, listens
from tests.support.serving import Serving, serving
from tests.support.streams import StreamBackend, datagram, reached
from tests.support.waiting import eventually

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
GATEWAY_PORTS: Final = (8888, 8889, 8443, 8881)
BACKENDS: Final = {3000: "three", 3001: "one", 3002: "two"}  # ports of the demo backends in examples; who stands in for them


TLS_BACKEND: Final = 3443
CALL_BACKENDS: Final = {50051: "orders", 50052: "orders-next"}
STREAM_BACKENDS: Final = {5001: "one", 5002: "two"}
PASSED_BACKEND: Final = 5003


class Asked(NamedTuple):
    """A request, and what must be true of its answer: the backend that gives it, else the status or where it redirects to."""

    expected: str
    host: str
    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = {}
    port: int = 8888


TOPICS: Final[Mapping[str, tuple[Asked, ...]]] = {
    "quickstart": (Asked("three", "www.example.com", "/get"), Asked("404", "www.example.org")),
    "http-routing": (
        Asked("one", "paths.example.com", "/anything"),
        Asked("two", "paths.example.com", "/login"),
        Asked("one", "paths.example.com", "/login/again"),
        Asked("two", "paths.example.com", "/shop/cart"),
        Asked("one", "paths.example.com", "/shopping"),
        Asked("two", "paths.example.com", "/items/12"),
        Asked("one", "paths.example.com", "/items/x"),
        Asked("one", "conditions.example.com"),
        Asked("two", "conditions.example.com", headers={"version": "two"}),
        Asked("two", "conditions.example.com", "/?version=two"),
        Asked("two", "conditions.example.com", "/orders/1", method="POST"),
        Asked("one", "conditions.example.com", "/orders/1"),
    ),
    "hosts-and-listeners": (
        Asked("one", "toys.shop.example.com"),
        Asked("404", "shoes.shop.example.com"),
        Asked("two", "www.example.com"),
        Asked("one", "localhost", "/admin/users", port=8889),
        Asked("404", "localhost", "/", port=8889),
    ),
    "traffic-splitting": (
        Asked("two", "canary.example.com", headers={"x-canary": "yes"}),
        Asked("one", "canary.example.com"),
    ),
    "redirects-and-rewrites": (
        Asked("301 http://new.example.com:80/page", "old.example.com", "/page"),
        Asked("302 http://old.example.com:8888/manual/page", "old.example.com", "/docs/page"),
        Asked("308 https://old.example.com:443/account", "old.example.com", "/account"),
        Asked("one", "rewrites.example.com", "/api/v1/users"),
        Asked("two", "rewrites.example.com", "/status/now"),
    ),
    "headers-and-timeouts": (Asked("one", "headers.example.com"), Asked("504", "timeouts.example.com", "/slow/3")),
    "sessions-and-retries": (Asked("one", "retries.example.com", "/fails/3/cut/any"),),
    "external-auth": (Asked("one", "guarded.example.com", "/page"), Asked("403", "guarded.example.com", "/closed")),
    "credentials": (Asked("one", "credentials.example.com"),),
    "services": (Asked("404", "www.example.com"),),
    "https": (Asked("301 https://www.example.com:8443/page", "www.example.com", "/page"),),
    "streams": (),
    "grpc": (Asked("one", "shop.example.com"), Asked("one", "shop.example.com", "/shop.Orders/Get", method="POST")),
    "mutual-tls": (Asked("secure", "www.example.com"),),
    "cross-namespace": (Asked("one", "shop.example.com"),),
    "teams": (
        Asked("one", "red.example.com"),
        Asked("one", "localhost", port=8889),
        Asked("two", "blue.apps.example.com"),
        Asked("404", "blue.example.com"),
    ),
}


class Host:
    """A server with nothing to serve yet, and the backends of the examples by name."""

    def __init__(self, server: Serving, backends: Mapping[str, Backend]) -> None:
        self.server = server
        self.backends = backends


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with ExitStack() as stack:
        backends = {name: stack.enter_context(http_backend(name)) for name in BACKENDS.values()}
        server = stack.enter_context(serving())
        server.start()
        yield Host(server, backends)


class Example:
    """An example that is being served."""

    def __init__(self, ports: Mapping[int, int], made: Path) -> None:
        self.ports = ports
        self.made = made  # a folder for what scripts of the example make

    def ask(self, asked: Asked) -> str:
        """What a request comes to, in the words of `Asked.expected`."""
        answer = ask(self.ports[asked.port], asked.host, asked.path, method=asked.method, headers=asked.headers)
        if location := answer.headers.get("location"):
            return f"{answer.status} {self.in_the_example(location)}"
        return answer.chosen

    def in_the_example(self, location: str) -> str:
        """A URL with the ports of the example; a well-known port is named."""
        for example, real in self.ports.items():
            location = location.replace(f":{real}/", f":{example}/")
        scheme, _, rest = location.partition("://")
        authority, slash, path = rest.partition("/")
        port = "" if ":" in authority else {"http": ":80", "https": ":443"}[scheme]
        return f"{scheme}://{authority}{port}{slash}{path}"

    def get(self, host: str, path: str = "/", headers: Mapping[str, str] | None = None) -> Answer:
        """One request to port 8888 of the example."""
        return ask(self.ports[8888], host, path, headers=headers)


@contextmanager
def served(host: Host, topic: str) -> Iterator[Example]:
    """Serve an example with ports that are free, for the duration of the block."""
    ports = {port: free_port() for port in (*GATEWAY_PORTS, *CALL_BACKENDS, TLS_BACKEND, *STREAM_BACKENDS, PASSED_BACKEND)}
    made = host.server.state / "made"
    backends = {port: host.backends[name].port for port, name in BACKENDS.items()}
    folder = EXAMPLES / topic
    for path in folder.glob("*.yaml"):
        text = re.sub(r"(?<=port: )\d+", lambda port: str((ports | backends).get(int(port[0]), port[0])), path.read_text())
        host.server.put(path.stem, text)
    own = (folder / "certificates.py").exists()
    if not own and any("name: www-example-com" in path.read_text() for path in folder.glob("*.yaml")):
        host.server.put("secret", printed(EXAMPLES / "https" / "certificate.py", "www.example.com"))
    demo = None
    if own:
        host.server.put("secrets", printed(folder / "certificates.py", str(made)))
        given = ("--certificate", str(made / "backend.pem"), "--clients", str(made / "authority.pem"))
        demo = subprocess.Popen(
            [sys.executable, "-m", "gatewright.demo", "--port", str(ports[TLS_BACKEND]), "--name", "secure", *given]
        )
        eventually(lambda: listens(ports[TLS_BACKEND]), bool)
    try:
        host.server.sync()
        eventually(host.server.is_ready, bool)
        yield Example(ports, made)
    finally:
        if demo is not None:
            demo.terminate()
            demo.wait(10)
        host.server.tidy()
        eventually(host.server.envoys, lambda left: not left)


def printed(script: Path, *arguments: str) -> str:
    """What a script of the examples prints."""
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=30).stdout


@pytest.mark.parametrize("topic", TOPICS)
def test_an_example_does_what_it_says(host: Host, topic: str) -> None:
    """Its documents are good, nothing in its status is wrong, and its requests are answered as its comments say."""
    with served(host, topic) as example:
        assert [asked.expected for asked in TOPICS[topic]] == [example.ask(asked) for asked in TOPICS[topic]]
        told = host.server.command("status")
        assert 0 == told.returncode, told.stdout


def test_every_example_is_tested_and_explained() -> None:
    """No folder is forgotten, every file begins by saying what it is for, and the pages for users refer to each."""
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert {*TOPICS, "configuration"} == folders
    assert [] == [path for path in EXAMPLES.rglob("*.yaml") if not path.read_text().startswith("# ")]
    pages = "".join(path.read_text() for path in (EXAMPLES.parent / "docs").glob("*.md"))
    assert [] == [folder for folder in folders if f"(../examples/{folder}" not in pages]


def test_traffic_is_split_as_weighted(host: Host) -> None:
    """One request in ten goes to the lighter backend, give or take; mirrored requests reach the canary as copies."""
    with served(host, "traffic-splitting") as example:
        to_two = sum(example.get("split.example.com").backend == "two" for _ in range(300))
        assert 10 < to_two < 60
        example.get("canary.example.com", "/copied")
        eventually(lambda: {seen.path for seen in host.backends["two"].seen}, lambda paths: "/copied" in paths)


def test_requests_are_rewritten(host: Host) -> None:
    """The backend is asked for what the rewrite says."""
    with served(host, "redirects-and-rewrites") as example:
        users, status = (
            example.get("rewrites.example.com", "/api/v1/users").seen,
            example.get("rewrites.example.com", "/status").seen,
        )
        assert [("/users", "rewrites.example.com"), ("/health", "inner.example.com")] == [
            (seen["path"], seen["host"]) for seen in (users, status)
        ]


def test_headers_are_changed(host: Host) -> None:
    """Both ways, as the example says."""
    with served(host, "headers-and-timeouts") as example:
        answer = example.get("headers.example.com", headers={"x-internal": "secret", "x-from": "client"})
        seen = answer.seen["headers"]
        assert ("gateway", None, "no-store") == (seen["x-from"], seen.get("x-internal"), answer.headers["cache-control"])


def test_a_credential_is_sent(host: Host) -> None:
    """In place of what the client says."""
    with served(host, "credentials") as example:
        answer = example.get("credentials.example.com", headers={"authorization": "mine"})
        assert "Basic dXNlcjpwYXNzd29yZA==" == answer.seen["headers"]["authorization"]


def test_calls_of_grpc(host: Host) -> None:
    """The script's servers answer the script's calls, each those that the example says."""
    script = str(EXAMPLES / "grpc" / "echo.py")
    with ExitStack() as stack, served(host, "grpc") as example:
        for port, name in CALL_BACKENDS.items():
            server = subprocess.Popen([sys.executable, script, "serve", str(example.ports[port]), name])
            stack.callback(server.wait, 10)
            stack.callback(server.terminate)

        def called(method: str, *metadata: str, to: str = "shop.example.com") -> str:
            address = f"localhost:{example.ports[8888]}"
            return printed(Path(script), "call", address, to, method, "hello", *metadata).strip()

        eventually(lambda: called("/shop.Orders/Get"), lambda answer: answer == "orders: hello", 20)
        eventually(lambda: called("/shop.Orders/Preview"), lambda answer: answer == "orders-next: hello", 20)
        assert "orders-next: hello" == called("/shop.Orders/Get", "version=next")
        assert "UNIMPLEMENTED" == called("/shop.Orders/Get", to="www.example.com")


def test_streams_and_datagrams(host: Host) -> None:
    """The script answers connections and datagrams; server names choose between what passes through and what ends here."""
    with ExitStack() as stack, served(host, "streams") as example:
        script = str(EXAMPLES / "streams" / "echo.py")
        for port, name in STREAM_BACKENDS.items():
            server = subprocess.Popen([sys.executable, script, str(example.ports[port]), name])
            stack.callback(server.wait, 10)
            stack.callback(server.terminate)
            eventually(partial(listens, example.ports[port]), bool)
        stack.enter_context(StreamBackend("vault", self_signed("vault.example.com"), example.ports[PASSED_BACKEND]))

        found = Counter(reached(example.ports[8881]) for _ in range(100))
        assert {"one", "two"} == set(found)
        assert found["one"] > 3 * found["two"]
        assert "one" == eventually(lambda: datagram(example.ports[8881]), "dropped".__ne__)
        hosts = {"vault.example.com": "vault", "www.example.com": "two", "www.example.org": "closed"}
        assert hosts == {name: reached(example.ports[8443], Tls(name).context(), name) for name in hosts}


def test_all_endpoints_of_a_service_are_used(host: Host) -> None:
    """Both slices' endpoints get requests."""
    with served(host, "services") as example:
        assert {"one", "two"} == {example.get("app.example.com").backend for _ in range(40)}


def test_https_with_a_certificate_of_ones_own(host: Host) -> None:
    """The certificate that the script printed is the one that clients are shown."""
    with served(host, "https") as example:
        answer = answers(lambda: ask(example.ports[8443], "www.example.com", tls=Tls("www.example.com")), 200)
        assert "one" == answer.backend


def test_tls_in_both_directions(host: Host) -> None:
    """A client is let in with a certificate of the authority only, and the backend is shown the gateway's."""
    with served(host, "mutual-tls") as example:
        alice = Certificate((example.made / "alice.pem").read_bytes(), b"", b"")
        answer = ask(example.ports[8443], "www.example.com", tls=Tls("www.example.com", identity=alice))
        assert ("secure", "gateway.internal") == (answer.backend, answer.seen["client"])
        assert 'Subject="CN=alice"' in answer.seen["headers"]["x-forwarded-client-cert"]
        with pytest.raises(OSError, match=r"(?i)alert|reset|EOF"):
            ask(example.ports[8443], "www.example.com", tls=Tls("www.example.com"))


def test_the_configuration_file(server: Serving) -> None:
    """`serve --config` serves the folders that the file names."""
    port = free_port()
    for path in (EXAMPLES / "quickstart").glob("*.yaml"):
        (server.folder / path.name).write_text(path.read_text().replace("8888", str(port)))
    config = server.folder.with_name("envoy-gateway.yaml")
    text = (EXAMPLES / "configuration" / "envoy-gateway.yaml").read_text()
    assert 1 == text.count("- examples/quickstart ")
    config.write_text(text.replace("- examples/quickstart ", f"- {server.folder} "))
    server.serves = ("--config", str(config))
    server.start()
    assert [503, 404] == [ask(port, host).status for host in ("www.example.com", "www.example.org")]


def test_sessions_and_backends_of_their_own(host: Host) -> None:
    """A session stays with its backend; each version of the orders has paths of its own."""
    with served(host, "sessions-and-retries") as example:
        port = example.ports[8888]
        first = answers(lambda: ask(port, "sessions.example.com"), 200)
        cookie = {"cookie": first.headers["set-cookie"].partition(";")[0]}
        assert {first.backend} == {ask(port, "sessions.example.com", headers=cookie).backend for _ in range(10)}

        seen = [ask(port, "versions.example.com", "/orders/1").seen for _ in range(60)]
        assert {("one", "/v1/orders/1"), ("two", "/v2/orders/1")} == {(each["backend"], each["path"]) for each in seen}
