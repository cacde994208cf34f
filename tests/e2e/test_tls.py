"""HTTPS listeners at the edge: which certificate a client is shown, and what becomes of one that cannot be used."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.support.backends import http_backend
from tests.support.certificates import Certificate, names, self_signed, shared
from tests.support.clients import Tls, answers, ask, served_certificate
from tests.support.load import Load
from tests.support.objects import GATEWAY_CLASS, gateway, https, route, service, to
from tests.support.ports import free_port, listens
from tests.support.serving import Serving, serving, summary
from tests.support.waiting import eventually

RULE = to("one")
GRANT = """
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: gateways, namespace: vault}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]
  to: [{group: "", kind: Secret}]
"""


class Secured:
    """A Gateway with listeners for several hosts on one port, and one for any host on another."""

    def __init__(self, server: Serving, port: int, other: int) -> None:
        self.server = server
        self.port = port
        self.other = other

    def served(self, host: str) -> str:
        """The first name of the certificate that is shown for a host."""
        return names(served_certificate(self.port, host))[0]

    def listener(self, name: str) -> dict[str, str]:
        """The conditions of a listener."""
        return summary(self.server.listener("secured", name)["conditions"])


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    with ExitStack() as stack:
        backend = stack.enter_context(http_backend("one"))
        server = stack.enter_context(serving())
        port, other = free_port(), free_port()
        server.put(
            "gateway",
            GATEWAY_CLASS,
            gateway(
                "secured",
                https("shop", port, "shop", hostname="shop.test")
                + https("wild", port, "wild", hostname="*.wild.test")
                + https("several", port, "first", "second", hostname="*.several.test")
                + https("later", port, "later", hostname="later.test")
                + https("any", other, "shop"),
            ),
            service("one", backend.port),
            route("all", RULE, hostnames=[], parents="- name: secured"),
        )
        server.put("shop", shared("shop.test").secret("shop"))
        server.put("wild", shared("*.wild.test").secret("wild"))
        server.put(
            "several", shared("a.several.test").secret("first"), shared("b.several.test", "*.several.test").secret("second")
        )
        server.start()
        yield Secured(server, port, other)


def test_the_server_name_selects_the_listener(secured: Secured) -> None:
    """A client is shown the certificate of the listener for the name that it asks for; without one, a handshake has no answer."""
    expected = {"shop.test": "shop.test", "x.wild.test": "*.wild.test"}
    assert expected == {host: secured.served(host) for host in expected}
    answer = ask(secured.port, "shop.test", tls=Tls("shop.test", shared("shop.test").certificate))
    assert (200, "one") == (answer.status, answer.backend)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        served_certificate(secured.port, "nowhere.test")


def test_several_certificates_of_a_listener(secured: Secured) -> None:
    """Among the certificates of one listener, too, the name decides: an exact one before a wildcard."""
    expected = {"a.several.test": "a.several.test", "b.several.test": "b.several.test", "c.several.test": "b.several.test"}
    assert expected == {host: secured.served(host) for host in expected}


def test_a_certificate_for_each_kind_of_client(secured: Secured) -> None:
    """A listener with an ECDSA and an RSA certificate for one name shows each client one that it can verify."""
    modern, old = self_signed("kinds.test"), self_signed("kinds.test", rsa_key=True)
    port = free_port()
    secured.server.apply(
        "kinds",
        modern.secret("modern"),
        old.secret("old"),
        gateway("kinds", https("https", port, "modern", "old", hostname="kinds.test")),
    )

    def shown(ciphers: str) -> bytes | None:
        context = Tls("kinds.test").context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="kinds.test") as connection,
        ):
            return connection.getpeercert(binary_form=True)

    eventually(lambda: listens(port), bool)
    assert [modern.der, old.der] == [shown("ECDHE-ECDSA-AES128-GCM-SHA256"), shown("ECDHE-RSA-AES128-GCM-SHA256")]
    secured.server.remove("kinds")


def test_a_listener_for_any_host(secured: Secured) -> None:
    """Without a hostname, a listener answers whatever name is asked for, and clients that ask for none."""
    for server_name in ("x.test", None):
        assert ["shop.test"] == names(served_certificate(secured.other, server_name))
    assert 200 == ask(secured.other, "x.test", tls=Tls("x.test")).status


def test_http2_by_alpn(secured: Secured) -> None:
    """Clients that offer HTTP/2 get it; many requests share a connection."""

    async def asked() -> list[tuple[str, int]]:
        async with httpx.AsyncClient(http2=True, verify=Tls(None).context()) as client:
            url, headers = f"https://127.0.0.1:{secured.port}/", {"Host": "shop.test"}
            extensions = {"sni_hostname": "shop.test"}
            answers = await asyncio.gather(*(client.get(url, headers=headers, extensions=extensions) for _ in range(5)))
            return [(answer.http_version, answer.status_code) for answer in answers]

    assert [("HTTP/2", 200)] * 5 == asyncio.run(asked())


def test_a_certificate_is_rotated_under_load(secured: Secured) -> None:
    """A Secret that changes is shown to the next handshake; no request is lost, and connections that are open stay."""
    old, new = self_signed("rotated.test"), self_signed("rotated.test")
    port = free_port()
    secured.server.put("rotated-secret", old.secret("rotated"))
    secured.server.apply(
        "rotated",
        gateway("rotated", https("https", port, "rotated", hostname="rotated.test")),
        route("rotated", RULE, parents="- name: rotated"),
    )
    answers(lambda: ask(port, "rotated.test", tls=Tls("rotated.test")), 200)
    shown = []
    with Load(port, "rotated.test", tls=Tls("rotated.test")) as load:
        for certificate in (new, old, new):
            load.wait_for(60)
            secured.server.apply("rotated-secret", certificate.secret("rotated"))
            shown.append(served_certificate(port, "rotated.test"))
        load.wait_for(60)
    assert [new.der, old.der, new.der] == shown
    assert {"200": load.total} == load.answers
    secured.server.remove("rotated", "rotated-secret")


def broken(how: str) -> str:
    """The Secret `later` with something wrong; empty for none at all."""
    certificate = shared("later.test")
    texts = {
        "expired": self_signed("later.test", days=(-10, -1)).secret("later"),
        "not yet valid": self_signed("later.test", days=(1, 10)).secret("later"),
        "another key": certificate.secret("later", key=shared("shop.test").key),
        "no PEM": Certificate(b"nonsense", certificate.key, b"").secret("later"),
        "another type": certificate.secret("later").replace("kubernetes.io/tls", "Opaque"),
    }
    return texts.get(how, "")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("missing", "Secret default/later not found"),
        ("expired", "expired"),
        ("not yet valid", "not valid before"),
        ("another key", "does not belong to the certificate"),
        ("no PEM", "PEM"),
        ("another type", "kubernetes.io/tls"),
    ],
)
def test_a_certificate_that_cannot_be_used(secured: Secured, how: str, words: str) -> None:
    """Its listener alone is not served, and says why in its status; a good Secret in its place mends it."""
    text = broken(how)
    if text:
        secured.server.apply("later", text)
    assert {"ResolvedRefs": "-InvalidCertificateRef", "Programmed": "-Invalid"}.items() <= secured.listener("later").items()
    conditions = secured.server.listener("secured", "later")["conditions"]
    (message,) = (each["message"] for each in conditions if each["type"] == "ResolvedRefs")
    assert "certificateRefs[0]" in message
    assert words in message
    with pytest.raises((ssl.SSLError, ConnectionError)):
        secured.served("later.test")
    assert "shop.test" == secured.served("shop.test")
    secured.server.apply("later", shared("later.test").secret("later"))
    well = {"Accepted": "Accepted", "Programmed": "Programmed", "ResolvedRefs": "ResolvedRefs"}
    assert ("later.test", well) == (secured.served("later.test"), secured.listener("later"))
    secured.server.remove("later")


def test_a_certificate_of_another_namespace(secured: Secured) -> None:
    """It takes a ReferenceGrant there; revoked, the listener is not served any more."""
    port = free_port()
    secured.server.apply(
        "abroad",
        shared("abroad.test").secret("abroad", namespace="vault"),
        gateway(
            "abroad",
            https("https", port, "abroad").replace("{name: abroad}", "{name: abroad, namespace: vault}")
            + f"- {{name: http, protocol: HTTP, port: {free_port()}}}",
        ),
        route("abroad", RULE, parents="- name: abroad"),
    )

    def conditions() -> dict[str, str]:
        return summary(secured.server.listener("abroad", "https")["conditions"])

    assert "-RefNotPermitted" == conditions()["ResolvedRefs"]
    secured.server.apply("vault", GRANT)
    answer = answers(lambda: ask(port, "abroad.test", tls=Tls("abroad.test", shared("abroad.test").certificate)), 200)
    assert ("one", "ResolvedRefs") == (answer.backend, conditions()["ResolvedRefs"])
    secured.server.remove("vault")
    assert "-RefNotPermitted" == conditions()["ResolvedRefs"]
    with pytest.raises(OSError, match=r"refused|EOF|reset"):
        served_certificate(port, "abroad.test")
    secured.server.remove("abroad")
