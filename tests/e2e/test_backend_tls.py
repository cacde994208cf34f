"""TLS to backends, by BackendTLSPolicies: who is let through, what a backend sees of the gateway, and what a rotation costs."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.backends import Backend, ServerTls, http_backend
from tests.support.certificates import issued, self_signed
from tests.support.clients import Answer, answers, ask
from tests.support.load import Load
from tests.support.objects import GATEWAY_CLASS, documents, gateway, route, service, to
from tests.support.ports import free_port
from tests.support.serving import Serving, serving, summary

AUTHORITY = self_signed("backends.authority")
OTHER = self_signed("other.authority")
CLIENTS = self_signed("clients.authority")
SPIFFE = "spiffe://internal/shop"


class Site:
    """A Gateway, and backends that speak TLS: `secure`, and `strict`, which asks for a client certificate; `plain` does not."""

    def __init__(self, server: Serving, port: int, backends: dict[str, Backend]) -> None:
        self.server = server
        self.port = port
        self.backends = backends

    def ask(self, host: str) -> Answer:
        """One request."""
        return ask(self.port, host)

    def policy(self, name: str, ancestor: str = "edge") -> dict[str, str]:
        """What a Gateway says of a policy."""
        found = self.server.status("BackendTLSPolicy", name, "default")["ancestors"]
        (conditions,) = (each["conditions"] for each in found if each["ancestorRef"]["name"] == ancestor)
        return summary(conditions)


def policy(
    name: str,
    hostname: str = "shop.internal",
    *,
    target: str = "",
    authority: str = "authority",
    names: str = "[]",
    created: str = "",
) -> str:
    """A policy for the Service of its own name, unless told otherwise: `<service>` or `<service>/<port name>`."""
    service_name, _, section = (target or name).partition("/")
    at = f", sectionName: {section}" if section else ""
    when = f", creationTimestamp: {created!r}" if created else ""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: {name}{when}}}
spec:
  targetRefs: [{{group: "", kind: Service, name: {service_name}{at}}}]
  validation:
    hostname: {hostname}
    caCertificateRefs: [{{group: "", kind: ConfigMap, name: {authority}}}]
    subjectAltNames: {names}
"""


def exposed(name: str, port: int) -> str:
    """A Service and the route that leads to it, for the host `<name>.test`."""
    return documents(service(name, port), route(name, to(name)))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        certificate = issued(AUTHORITY, "shop.internal", "alt.internal", uris=[SPIFFE])
        backends = {
            "secure": stack.enter_context(http_backend("secure", ServerTls(certificate))),
            "strict": stack.enter_context(http_backend("strict", ServerTls(certificate, CLIENTS))),
            "plain": stack.enter_context(http_backend("plain")),
        }
        server = stack.enter_context(serving())
        port = free_port()
        listener = f"- {{name: http, protocol: HTTP, port: {port}}}"
        shows = "{backend: {clientCertificateRef: {name: shown}}}"
        server.put("edge", GATEWAY_CLASS, gateway("edge", listener, tls=shows))
        server.put("authority", AUTHORITY.config_map("authority"))
        server.put("other", OTHER.config_map("other"))
        server.put("shown", issued(CLIENTS, "edge.gateway").secret("shown"))
        server.start()
        yield Site(server, port, backends)


def test_a_policy_turns_tls_on(site: Site) -> None:
    """The backend is asked for the policy's host name, and the first answer is right: there is no moment between."""
    site.server.apply("new", exposed("new", site.backends["secure"].port), policy("new"))
    answer = site.ask("new.test")
    assert (200, "secure", "shop.internal") == (answer.status, answer.backend, answer.seen["server_name"])
    assert {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"} == site.policy("new")
    site.server.remove("new")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (policy("checked"), 200),
        (policy("checked", "alt.internal"), 200),
        (policy("checked", "wrong.internal"), 503),
        (policy("checked", authority="other"), 503),
        (policy("checked", "sni.only", names="[{type: Hostname, hostname: alt.internal}]"), 200),
        (policy("checked", "sni.only", names=f"[{{type: Hostname, hostname: x.internal}}, {{type: URI, uri: {SPIFFE!r}}}]"), 200),
        (policy("checked", names="[{type: Hostname, hostname: wrong.internal}]"), 503),
        (policy("checked", names="[{type: URI, uri: 'spiffe://internal/other'}]"), 503),
    ],
    ids=["name", "other-name", "wrong-name", "wrong-authority", "listed-name", "listed-uri", "not-listed", "other-uri"],
)
def test_whom_the_gateway_trusts(site: Site, text: str, expected: int) -> None:
    """Names that are listed go before the host name, which is then only asked for. A policy that fails nobody is accepted."""
    site.server.apply("checked", exposed("checked", site.backends["secure"].port), text)
    answer = answers(lambda: site.ask("checked.test"), expected)
    if expected == 200:
        assert ("sni.only" if "sni.only" in text else answer.seen["server_name"]) == answer.seen["server_name"]
    assert {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"} == site.policy("checked")


@pytest.mark.parametrize("backend", ["plain", "secure"])
def test_a_policy_that_cannot_be_honoured_lets_nobody_pass(site: Site, backend: str) -> None:
    """Neither plain text nor an unverified connection; a ConfigMap that comes, goes bad and is mended counts at once."""
    name = f"gone-{backend}"
    seen = site.backends[backend].seen
    seen.clear()
    site.server.apply("gone", exposed(name, site.backends[backend].port), policy(name, authority="late"))
    refused = {"Accepted": "-NoValidCACertificate", "ResolvedRefs": "-InvalidCACertificateRef"}
    assert (503, [], refused) == (site.ask(f"{name}.test").status, seen, site.policy(name))
    site.server.apply("late", AUTHORITY.config_map("late"))
    assert {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"} == site.policy(name)
    assert (200 if backend == "secure" else 503) == site.ask(f"{name}.test").status
    seen.clear()
    site.server.apply("late", "{apiVersion: v1, kind: ConfigMap, metadata: {name: late}, data: {ca.crt: ''}}")
    assert (503, [], refused) == (site.ask(f"{name}.test").status, seen, site.policy(name))
    site.server.remove("late", "gone")


def test_the_oldest_policy_holds_and_one_for_a_port_goes_first(site: Site) -> None:
    port = site.backends["secure"].port
    site.server.apply(
        "rivals",
        exposed("rivals", port),
        policy("younger", "wrong.internal", target="rivals", created="2026-02-01T00:00:00Z"),
        policy("older", "alt.internal", target="rivals", created="2026-01-01T00:00:00Z"),
    )
    assert "alt.internal" == site.ask("rivals.test").seen["server_name"]
    assert ["Accepted", "-Conflicted"] == [site.policy(name)["Accepted"] for name in ("older", "younger")]
    site.server.apply("of-port", policy("of-port", target="rivals/http"))
    assert "shop.internal" == site.ask("rivals.test").seen["server_name"]
    assert ["Accepted", "Accepted"] == [site.policy(name)["Accepted"] for name in ("older", "of-port")]
    site.server.apply("of-port", policy("of-port", target="rivals/none-such"))
    assert ("alt.internal", "-TargetNotFound") == (
        site.ask("rivals.test").seen["server_name"],
        site.policy("of-port")["Accepted"],
    )
    site.server.remove("rivals", "of-port")


def test_the_gateway_shows_its_certificate(site: Site) -> None:
    """A backend that asks for one gets the Gateway's; without a usable one its handshake fails, and the Gateway says why."""
    site.server.apply("strict", exposed("strict", site.backends["strict"].port), policy("strict"))
    assert "edge.gateway" == site.ask("strict.test").seen["client"]
    site.server.apply("shown", issued(OTHER, "stranger.gateway").secret("shown"))
    answers(lambda: site.ask("strict.test"), 503)
    site.server.remove("shown")
    answers(lambda: site.ask("strict.test"), 503)
    told = summary(site.server.status("Gateway", "edge", "default")["conditions"])
    assert ("Accepted", "-InvalidClientCertificateRef") == (told["Accepted"], told["ResolvedRefs"])
    site.server.apply("shown", issued(CLIENTS, "new.gateway").secret("shown"))
    assert "new.gateway" == answers(lambda: site.ask("strict.test"), 200).seen["client"]
    assert "ResolvedRefs" == summary(site.server.status("Gateway", "edge", "default")["conditions"])["ResolvedRefs"]


def test_rotations_under_load(site: Site) -> None:
    """New authorities and a new client certificate lose no request and close no connection: the cluster stays as it is."""
    site.server.apply(
        "rotated",
        exposed("rotated", site.backends["strict"].port),
        policy("rotated", authority="rotated"),
        AUTHORITY.config_map("rotated"),
    )
    site.server.apply("shown", issued(CLIENTS, "first.gateway").secret("shown"))
    answers(lambda: site.ask("rotated.test"), 200)
    both = OTHER._replace(certificate=OTHER.certificate + AUTHORITY.certificate)
    with Load(site.port, "rotated.test", kept=4, fresh=0) as load:
        load.wait_for(40)
        before = site.backends["strict"].connections
        for number, authority in enumerate((both, AUTHORITY, both, AUTHORITY)):
            site.server.put("shown", issued(CLIENTS, f"{number}.gateway").secret("shown"))
            site.server.apply(
                "rotated",
                exposed("rotated", site.backends["strict"].port),
                authority.config_map("rotated"),
                policy("rotated", authority="rotated"),
            )
            load.wait_for(40)
        after = site.backends["strict"].connections
    assert {"200": load.total} == load.answers
    assert before == after
    site.server.remove("rotated")
