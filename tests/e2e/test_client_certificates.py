"""Certificates of clients, as a Gateway asks for them: by default and of a port, in both modes, at real handshakes."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from tests.support.backends import http_backend
from tests.support.certificates import Certificate, issued, self_signed, shared
from tests.support.clients import Tls, answers, ask
from tests.support.load import Load
from tests.support.objects import GATEWAY_CLASS, gateway, https, route, service, to
from tests.support.ports import free_port
from tests.support.serving import Serving, serving, summary

AUTHORITY: Final = self_signed("clients.authority")
OTHER: Final = self_signed("other.authority")
ALICE: Final = issued(AUTHORITY, "alice", uris=["spiffe://people/alice"])
MALLORY: Final = issued(OTHER, "mallory")
NAMES: Final = {"none": None, "alice": ALICE, "mallory": MALLORY}
PORTS: Final = ("strict", "other", "lax", "open", "late")


class Site:
    """A Gateway whose ports ask for certificates in different ways."""

    def __init__(self, server: Serving, ports: dict[str, int]) -> None:
        self.server = server
        self.ports = ports

    def outcome(self, port: str, identity: Certificate | None) -> int | str:
        """The status of a request, or `refused` where the handshake fails."""
        try:
            return ask(self.ports[port], "shop.test", tls=Tls("shop.test", identity=identity)).status
        except (ssl.SSLError, ConnectionError):
            return "refused"

    def conditions(self) -> dict[str, str]:
        """What the Gateway says of itself."""
        return summary(self.server.status("Gateway", "edge", "default")["conditions"])


def asks(authority: str, mode: str = "AllowValidOnly") -> str:
    """What a Gateway asks of clients."""
    return f'{{validation: {{mode: {mode}, caCertificateRefs: [{{group: "", kind: ConfigMap, name: {authority}}}]}}}}'


def edge(ports: dict[str, int], lax: str = "AllowInsecureFallback") -> str:
    """The Gateway: `strict` asks by default, the other ports in their own ways."""
    own = {"other": asks("other"), "lax": asks("authority", lax), "open": "{}", "late": asks("late")}
    per_port = ", ".join(f"{{port: {ports[name]}, tls: {tls}}}" for name, tls in own.items())
    listeners = "".join(https(name, ports[name], "certificate") for name in PORTS)
    plain = f"- {{name: plain, protocol: HTTP, port: {ports['plain']}}}\n"
    return gateway("edge", listeners + plain, tls=f"{{frontend: {{default: {asks('authority')}, perPort: [{per_port}]}}}}")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        backend = stack.enter_context(http_backend("one"))
        server = stack.enter_context(serving())
        ports = {name: free_port() for name in (*PORTS, "plain")}
        server.put("edge", GATEWAY_CLASS, edge(ports), shared("shop.test").secret("certificate"))
        server.put("authority", AUTHORITY.config_map("authority"))
        server.put("other", OTHER.config_map("other"))
        server.put("shop", service("one", backend.port), route("shop", to("one")))
        server.start()
        yield Site(server, ports)


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ("strict", {"none": "refused", "alice": 200, "mallory": "refused"}),
        ("other", {"none": "refused", "alice": "refused", "mallory": 200}),
        ("lax", {"none": 200, "alice": 200, "mallory": 200}),
        ("open", {"none": 200, "alice": 200, "mallory": 200}),
        ("late", {"none": "refused", "alice": "refused", "mallory": "refused"}),
    ],
)
def test_who_is_let_in(site: Site, port: str, expected: dict[str, int | str]) -> None:
    """An entry for a port takes the place of the default, also when it asks for nothing; without authorities nobody gets in."""
    assert expected == {name: site.outcome(port, identity) for name, identity in NAMES.items()}
    assert 200 == ask(site.ports["plain"], "shop.test").status


def test_backends_are_told_who_a_client_is(site: Site) -> None:
    """Once that is certain; what a client says of itself, or shows without being vouched for, they are not told."""
    forged = {"X-Forwarded-Client-Cert": 'Subject="CN=root"'}

    def told(port: str, identity: Certificate | None) -> str:
        answer = ask(site.ports[port], "shop.test", tls=Tls("shop.test", identity=identity), headers=forged)
        return str(answer.seen["headers"].get("x-forwarded-client-cert", ""))

    alice = told("strict", ALICE)
    assert all(part in alice for part in ("Hash=", 'Subject="CN=alice"', "URI=spiffe://people/alice", "DNS=alice"))
    assert "root" not in alice
    assert ["", "", ""] == [told("lax", MALLORY), told("lax", ALICE), told("open", None)]


def test_the_status_says_what_is_insecure_and_what_is_broken(site: Site) -> None:
    """The condition for clients that are let in without being vouched for goes with the mode; a late authority mends its port."""
    assert "ConfigurationChanged" == site.conditions()["InsecureFrontendValidationMode"]
    assert "-ListenersNotResolved" == site.conditions()["ResolvedRefs"]
    broken = {"Accepted": "-NoValidCACertificate", "Programmed": "-Invalid", "ResolvedRefs": "-InvalidCACertificateRef"}
    assert broken == summary(site.server.listener("edge", "late")["conditions"])
    certificate = shared("shop.test").secret("certificate")
    site.server.put("late", AUTHORITY.config_map("late"))
    site.server.apply("edge", GATEWAY_CLASS, edge(site.ports, lax="AllowValidOnly"), certificate)
    assert "InsecureFrontendValidationMode" not in site.conditions()
    assert "ResolvedRefs" == site.conditions()["ResolvedRefs"]
    assert [200, 200, "refused"] == [
        site.outcome("late", ALICE),
        site.outcome("lax", ALICE),
        site.outcome("lax", MALLORY),
    ]
    site.server.apply("edge", GATEWAY_CLASS, edge(site.ports), certificate)
    site.server.remove("late")
    assert "refused" == site.outcome("late", ALICE)


def test_authorities_are_rotated_under_load(site: Site) -> None:
    """The next handshake needs the new authority; connections that are open stay, and no request is lost."""
    both = OTHER._replace(certificate=OTHER.certificate + AUTHORITY.certificate)
    with Load(site.ports["strict"], "shop.test", tls=Tls("shop.test", identity=ALICE)) as load:
        for authority, mallory in ((both, 200), (AUTHORITY, "refused"), (both, 200)):
            load.wait_for(40)
            site.server.apply("authority", authority.config_map("authority"))
            assert mallory == site.outcome("strict", MALLORY)
        load.wait_for(40)
    assert {"200": load.total} == load.answers
    site.server.apply("authority", OTHER.config_map("authority"))
    assert ["refused", 200] == [site.outcome("strict", ALICE), site.outcome("strict", MALLORY)]
    site.server.apply("authority", AUTHORITY.config_map("authority"))
    answers(lambda: ask(site.ports["strict"], "shop.test", tls=Tls("shop.test", identity=ALICE)), 200)
