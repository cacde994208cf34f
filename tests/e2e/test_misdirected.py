"""Requests on a connection that was made for another listener, over HTTP/1.1 and HTTP/2: 421, and what is next to it.

The server name of a TLS handshake selects a listener; a client that then asks for a host of another listener of the port is told
to make a connection of that host's own. Source: Gateway API Listener.hostname (GEP-3567), as its conformance test has it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from tests.support.backends import http_backend
from tests.support.certificates import shared
from tests.support.clients import Tls
from tests.support.objects import GATEWAY_CLASS, documents, gateway, https, route, service, to
from tests.support.ports import LOOPBACK, free_port
from tests.support.serving import Serving, serving

LISTENERS = {
    "any": ("", "example.org"),
    "exact": ("second.org", None),
    "wild": ("*.wild.org", None),
    "within": ("fourth.wild.org", None),
    "idle": ("idle.org", "nothing.elsewhere.org"),
}
"""The hostname of each listener, and the one of its route (the same, where there is none)."""
STRAY = "stray.wild.org"


class Site(NamedTuple):
    """A Gateway whose listeners share a port."""

    server: Serving
    port: int

    def asked(self, server_name: str, host: str, *, http2: bool) -> str:
        """The backend that answers a client which shook hands for `server_name` and asks for `host`; else the status."""
        url, headers = f"https://{LOOPBACK}:{self.port}/", {"Host": host}
        with httpx.Client(http1=not http2, http2=http2, verify=Tls(None).context()) as client:
            answer = client.get(url, headers=headers, extensions={"sni_hostname": server_name})
        assert ("HTTP/2" if http2 else "HTTP/1.1") == answer.http_version
        return answer.headers.get("x-backend") or str(answer.status_code)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving() as server:
        port = free_port()
        with (
            http_backend("any") as one,
            http_backend("exact") as two,
            http_backend("wild") as three,
            http_backend("within") as four,
        ):
            backends = {each.name: each for each in (one, two, three, four)}
            server.put(
                "gateway",
                GATEWAY_CLASS,
                shared("*.org").secret("certificate"),
                gateway(
                    "edge", "".join(https(name, port, "certificate", hostname=host) for name, (host, _) in LISTENERS.items())
                ),
                documents(*(service(name, backend.port) for name, backend in backends.items())),
                *(
                    route(name, to(name), hostnames=[host] if host else [], parents=f"- {{name: edge, sectionName: {name}}}")
                    for name, (_, host) in LISTENERS.items()
                ),
            )
            server.start()
            yield Site(server, port)


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize(
    ("server_name", "answers"),
    [
        (
            "example.org",
            {"example.org": "any", "second.org": "421", "unknown.org": "404", "x.wild.org": "421", "idle.org": "421"},
        ),
        ("second.org", {"second.org": "exact", "SECOND.org:443": "exact", "example.org": "421", "unknown.org": "421"}),
        ("third.wild.org", {"third.wild.org": "wild", "fifth.wild.org": "wild", "fourth.wild.org": "421", "second.org": "421"}),
        ("third.wild.org", {"unknown.org": "421", "wild.org": "421"}),
        ("fourth.wild.org", {"fourth.wild.org": "within", "fifth.wild.org": "421"}),
        ("unknown.org", {"example.org": "any", "unknown.org": "404"}),
        ("idle.org", {"idle.org": "404", "example.org": "421"}),
    ],
)
def test_the_server_name_and_the_host_must_mean_one_listener(
    site: Site, server_name: str, answers: dict[str, str], *, http2: bool
) -> None:
    assert answers == {host: site.asked(server_name, host, http2=http2) for host in answers}


def test_a_route_for_a_host_of_another_listener_is_not_reached(site: Site) -> None:
    """A route of the listener for all hosts that names a host of a more specific one serves nothing there, and nobody else."""
    site.server.apply("stray", route("stray", to("any"), hostnames=[STRAY], parents="- {name: edge, sectionName: any}"))
    assert ["421", "wild"] == [site.asked(name, STRAY, http2=True) for name in ("example.org", STRAY)]
