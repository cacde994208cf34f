"""Features at the edge, asked of real Envoy: fallback backends, TLS to backends, HTTPRouteFilters, CORS, redirects."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import indent

import pytest

from tests.e2e.edge import Edge, edge_with_backends
from tests.support.certificates import Certificate, self_signed
from tests.support.objects import route, service
from tests.support.ports import LOOPBACK


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with edge_with_backends() as made:
        yield made


def backend(name: str, spec: str) -> str:
    """A Backend with this spec (YAML)."""
    head = f"apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata: {{name: {name}}}\nspec:\n"
    return head + indent(spec.strip("\n"), "  ")


def filter_of(name: str, spec: str) -> str:
    """An HTTPRouteFilter with this spec (YAML flow)."""
    return f"apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: HTTPRouteFilter\nmetadata: {{name: {name}}}\nspec: {spec}"


def extended(name: str, filter_name: str) -> str:
    """A route to backend `one` through an HTTPRouteFilter."""
    reference = f"{{group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: {filter_name}}}"
    rule = f"- filters: [{{type: ExtensionRef, extensionRef: {reference}}}]\n  backendRefs: [{{name: one, port: 80}}]"
    return route(name, rule, hostnames=(f"{name}.test",))


def test_a_fallback_serves_only_while_the_others_have_no_endpoints(edge: Edge) -> None:
    """The fallback takes over when the endpoints of the first backend go, and gives back when they return."""
    port = edge.backends["two"].port
    spare = backend("spare", f"fallback: true\nendpoints: [{{ip: {{address: {LOOPBACK}, port: {port}}}}}]")
    rule = "- backendRefs: [{name: main, port: 80}, {group: gateway.envoyproxy.io, kind: Backend, name: spare, weight: 100}]"
    edge.server.put("failover", spare, route("failover", rule, hostnames=("failover.test",)))

    chosen = []
    for ports in ((edge.backends["one"].port,), (), (edge.backends["one"].port,)):
        edge.server.put("main", service("main", *ports))
        edge.server.sync()
        chosen.append({edge.chosen("failover.test") for _ in range(10)})

    assert [{"one"}, {"two"}, {"one"}] == chosen


def test_the_weights_divide_requests_among_backends_that_are_no_fallback(edge: Edge) -> None:
    """Of two backends one has lost its endpoints: the other takes all requests, and the fallback still none."""
    spare = backend("weighted-spare", f"fallback: true\nendpoints: [{{ip: {{address: {LOOPBACK}, port: 1}}}}]")
    rule = (
        "- backendRefs: [{name: one, port: 80, weight: 1}, {name: lost, port: 80, weight: 9}, "
        "{group: gateway.envoyproxy.io, kind: Backend, name: weighted-spare}]"
    )
    edge.server.apply("weighted", spare, service("lost"), route("weighted", rule, hostnames=("weighted.test",)))

    assert {"one"} == {edge.chosen("weighted.test") for _ in range(30)}


@contextmanager
def tls_backend(certificate: Certificate, folder: Path, client: Certificate | None = None) -> Iterator[int]:
    """The port of a backend that speaks TLS, and answers with the server name that it was asked for and the client it saw."""
    (folder / "server.pem").write_bytes(certificate.certificate + certificate.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.sni_callback = lambda sock, name, _: setattr(sock, "asked_for", name)
    if client is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client.certificate.decode())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            peer = self.connection.getpeercert()
            body = f"{getattr(self.connection, 'asked_for', None)} {bool(peer)}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Stay quiet: some handshakes are meant to fail."""

    server = Server((LOOPBACK, 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def authority(name: str, certificate: Certificate) -> str:
    text = indent(certificate.certificate.decode(), "    ")
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  ca.crt: |\n{text}"


def to_backend(name: str) -> str:
    rule = f"- backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: {name}}}]"
    return route(name, rule, hostnames=(f"{name}.test",))


def test_a_backend_is_verified_and_shown_a_certificate(edge: Edge, tmp_path: Path) -> None:
    good, client = self_signed("secure.example.com"), self_signed("gateway.example.com")
    with tls_backend(good, tmp_path, client) as port:
        spec = f"""
endpoints: [{{ip: {{address: {LOOPBACK}, port: {port}}}}}]
tls:
  caCertificateRefs: [{{group: "", kind: ConfigMap, name: secure}}]
  clientCertificateRef: {{name: client}}
  sni: secure.example.com
"""
        edge.server.apply(
            "secure", authority("secure", good), client.secret("client"), backend("secure", spec), to_backend("secure")
        )

        answer = edge.ask("secure.test")

    assert (200, b"secure.example.com True") == (answer.status, answer.body)


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("right", "{caCertificateRefs: [{group: '', kind: ConfigMap, name: names}], sni: a.example.com}", "a.example.com"),
        ("wrong-name", "{caCertificateRefs: [{group: '', kind: ConfigMap, name: names}], sni: b.example.com}", "503"),
        ("stranger", "{wellKnownCACertificates: System, sni: a.example.com}", "503"),
        ("unverified", "{insecureSkipVerify: true, sni: b.example.com}", "b.example.com"),
        ("by-host", "{insecureSkipVerify: true}", "by-host.test"),
        ("by-endpoint", "{insecureSkipVerify: true, autoSNIFromEndpointHostname: true}", "endpoint.example.com"),
    ],
)
def test_the_name_of_a_backend(edge: Edge, tmp_path: Path, name: str, settings: str, expected: str) -> None:
    """The server name is the one given, the endpoint's, or the request's host, and a verified certificate must be for it."""
    good = self_signed("a.example.com")
    with tls_backend(good, tmp_path) as port:
        endpoint = f"{{ip: {{address: {LOOPBACK}, port: {port}}}, hostname: endpoint.example.com}}"
        spec = f"endpoints: [{endpoint}]\ntls: {settings}"
        edge.server.put("names", authority("names", good))
        edge.server.put(name, backend(name, spec), to_backend(name))
        edge.server.sync()

        answer = edge.ask(f"{name}.test")

    assert expected == (answer.body.decode().split()[0] if answer.status == 200 else str(answer.status))


def test_a_direct_response_is_answered_without_a_backend(edge: Edge) -> None:
    page = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: page}\ndata: {response.body: '100% of %REQ(:PATH)%'}"
    body = "{type: ValueRef, valueRef: {group: '', kind: ConfigMap, name: page}}"
    spec = f"{{directResponse: {{statusCode: 503, contentType: text/plain, body: {body}}}}}"
    edge.server.apply("direct", page, filter_of("direct", spec), extended("direct", "direct"))

    answer = edge.ask("direct.test", "/some/path")

    assert (503, "text/plain", b"100% of /some/path") == (answer.status, answer.headers["content-type"], answer.body)


def test_a_path_is_rewritten_by_regular_expression(edge: Edge) -> None:
    replaced = r"{pattern: '^/item/([0-9]+)(.*)$', substitution: '\2/of/\1'}"
    spec = f"{{urlRewrite: {{path: {{type: ReplaceRegexMatch, replaceRegexMatch: {replaced}}}}}}}"
    edge.server.apply("regex", filter_of("regex", spec), extended("regex", "regex"))

    assert "/parts/of/42" == edge.ask("regex.test", "/item/42/parts").seen["path"]


def test_a_host_is_taken_from_a_header(edge: Edge) -> None:
    spec = "{urlRewrite: {hostname: {type: Header, header: x-wanted}, appendXForwardedHost: true}}"
    edge.server.apply("header", filter_of("header", spec), extended("header", "header"))

    seen = edge.ask("header.test", headers={"x-wanted": "inner.example.com"}).seen

    assert ("inner.example.com", "header.test") == (seen["host"], seen["headers"]["x-forwarded-host"])


ORIGIN = "https://shop.example.com"


def cors(name: str, spec: str) -> str:
    """A route that takes only PUT, to backend `one`, with this CORS filter (YAML flow)."""
    rule = f"- matches: [{{method: PUT}}]\n  filters: [{{type: CORS, cors: {spec}}}]\n  backendRefs: [{{name: one, port: 80}}]"
    return route(name, rule, hostnames=(f"{name}.test",))


def crossing(edge: Edge, host: str, method: str, origin: str) -> tuple[int, dict[str, str]]:
    """The status and CORS headers of a request, or of its preflight, from another origin."""
    asked = {"access-control-request-method": "PUT", "access-control-request-headers": "x-a, x-b"} if method == "OPTIONS" else {}
    answer = edge.ask(host, method=method, headers={"origin": origin, **asked})
    start = "access-control-"
    return answer.status, {name.removeprefix(start): value for name, value in answer.headers.items() if name.startswith(start)}


def test_preflights_are_answered_even_where_a_rule_takes_another_method_only(edge: Edge) -> None:
    edge.server.apply("cors", cors("cors", "{allowOrigins: ['https://*.example.com'], allowMethods: [PUT], allowHeaders: [x-a]}"))

    status, headers = crossing(edge, "cors.test", "OPTIONS", ORIGIN)

    assert (200, {"allow-origin": ORIGIN, "allow-methods": "PUT", "allow-headers": "x-a", "max-age": "5"}) == (status, headers)
    assert 404 == edge.ask("cors.test", method="OPTIONS").status


def test_answers_name_the_origin_only_if_it_is_allowed(edge: Edge) -> None:
    spec = "{allowOrigins: ['https://*.example.com'], allowCredentials: true, exposeHeaders: [x-b]}"
    edge.server.apply("named", cors("named", spec))

    allowed = crossing(edge, "named.test", "PUT", ORIGIN)
    others = [
        crossing(edge, "named.test", "PUT", origin) for origin in ("https://example.com", "http://shop.example.com", "null")
    ]

    assert (200, {"allow-origin": ORIGIN, "allow-credentials": "true", "expose-headers": "x-b"}) == allowed
    assert [(200, {})] * 3 == others


def test_with_credentials_a_wildcard_is_never_said_but_meant(edge: Edge) -> None:
    """A browser would take it literally: what was asked for is echoed."""
    everything = "allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], exposeHeaders: ['*']"
    edge.server.apply("wild", cors("wild", f"{{{everything}, allowCredentials: true}}"))

    _, before = crossing(edge, "wild.test", "OPTIONS", ORIGIN)
    _, after = crossing(edge, "wild.test", "PUT", ORIGIN)

    assert (ORIGIN, "PUT", "x-a, x-b") == (before["allow-origin"], before["allow-methods"], before["allow-headers"])
    assert {"allow-origin": ORIGIN, "allow-credentials": "true"} == after


def test_a_redirect_to_https_never_keeps_the_port_of_http(edge: Edge) -> None:
    """The listener's port is none that is well known, so clients name it in the Host; the redirect must not repeat it."""
    rule = "- filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]"
    edge.server.apply("to-https", route("to-https", rule, hostnames=("to-https.test",)))

    location = edge.ask(f"to-https.test:{edge.port}", "/path?query").headers["location"]

    assert "https://to-https.test:443/path?query" == location
