"""Real Envoy refuses something: only that is held back, in Envoy's words, and it recovers when it is mended."""

import asyncio
import datetime as dt
import ssl

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gatewright.wire.resource import Resource
from tests.ads.plane import Plane, plane
from tests.ads.proxies import backend, envoy, free_port
from tests.ads.resources import cluster, endpoints, gone, listener, routes, secret, set_to
from tests.ads.test_zero_loss import serves

UPPER = {"minimum_ring_size": 10, "maximum_ring_size": 5}
BAD_ADDRESS = [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "no-ip", "port_value": 1}}}}]}]
TWICE = [{"name": name, "domains": ["same"]} for name in ("one", "two")]


@pytest.mark.parametrize(
    ("good", "bad", "mended", "words"),
    [
        pytest.param(
            cluster("good"),
            cluster("bad", type="STATIC"),
            cluster("bad"),
            "eds_cluster_config set in a non-EDS cluster",
            id="a cluster that Envoy names",
        ),
        pytest.param(
            cluster("good"),
            cluster("bad", connect_timeout="0s"),
            cluster("bad"),
            "ConnectTimeout: value must be greater than 0s",
            id="a cluster with a value out of range",
        ),
        pytest.param(
            cluster("good"),
            cluster("bad", lb_policy="RING_HASH", ring_hash_lb_config=UPPER),
            cluster("bad"),
            "ring hash: minimum_ring_size (10) > maximum_ring_size (5)",
            id="a cluster that Envoy keeps half-made",
        ),
        pytest.param(
            endpoints("e1", 1),
            endpoints("e2", endpoints=BAD_ADDRESS),
            endpoints("e2", 1),
            "malformed IP address: no-ip",
            id="endpoints",
        ),
        pytest.param(
            routes("r1", {"x": "c"}),
            routes("r2", {}, virtual_hosts=TWICE),
            routes("r2", {"x": "c"}),
            "Duplicate entry of domain same in route r2",
            id="a route configuration",
        ),
    ],
)
def test_one_bad_resource(good: Resource, bad: Resource, mended: Resource, words: str) -> None:
    """The good one of the same batch is served; the bad one is reported; other batches go on; the mended one is taken."""
    asyncio.run(_one_bad(good, bad, mended, words))


async def _one_bad(good: Resource, bad: Resource, mended: Resource, words: str) -> None:
    port = free_port()
    async with plane() as control, backend("a") as one, envoy(control.socket, control.folder), aiohttp.ClientSession() as web:
        await control.begin(*_base(port, one))
        await control.deliver(set_to(good, bad))
        await control.until(lambda: control.accepted(good))
        fact = control.facts[bad.type_url, bad.name]
        assert bad.version == fact.refused
        assert words in fact.message

        await control.deliver(set_to(cluster("new"), endpoints("new", one), routes("http", {"x": "new"})))
        assert (200, "a") == await serves(web, port, "x")
        await control.deliver(set_to(mended))
        await control.until(lambda: control.accepted(mended))


def _base(port: int, upstream: int) -> list[Resource]:
    """A listener that serves, two more with the route configurations r1 and r2, and clusters for the endpoints e1 and e2.

    Envoy starts to serve only when each listener of the beginning has its routes.
    """
    served = [listener("http", port), routes("http", {"x": "c"}), cluster("c"), endpoints("c", upstream)]
    extra = [cluster("e1"), cluster("e2"), listener("l1", free_port(), routes="r1"), listener("l2", free_port(), routes="r2")]
    return [*served, *extra, routes("r1", {}), routes("r2", {})]


def test_updates_gone_wrong() -> None:
    """Bad updates of what serves, all at once: it goes on serving in its last good version, and other changes get through."""
    asyncio.run(_bad_updates())


async def _bad_updates() -> None:
    port = free_port()
    async with plane() as control, backend("a") as one, envoy(control.socket, control.folder), aiohttp.ClientSession() as web:
        await control.begin(*_base(port, one))
        half_made = cluster("c", lb_policy="RING_HASH", ring_hash_lb_config=UPPER)
        bad = (half_made, endpoints("c", endpoints=BAD_ADDRESS), routes("http", {}, virtual_hosts=TWICE))
        new = (cluster("new"), endpoints("new", one), listener("more", other := free_port()), routes("more", {"y": "new"}))
        await control.deliver(set_to(*bad, *new))
        assert (200, "a") == await serves(web, port, "x")
        assert (200, "a") == await serves(web, other, "y")
        await control.until(lambda: {each.version for each in bad} == {_refused(control, each) for each in bad})

        # What the last good routes point at stays, though nothing desired does.
        await control.deliver(gone(cluster("c"), endpoints("c", one)))
        assert (200, "a") == await serves(web, port, "x")


def _refused(control: Plane, resource: Resource) -> str | None:
    fact = control.facts.get((resource.type_url, resource.name))
    return fact.refused if fact is not None else None


def test_bad_listener() -> None:
    """A listener whose address is taken is refused in Envoy's words; it is tried again when the address is free."""
    asyncio.run(_bad_listener())


async def _bad_listener() -> None:
    port = free_port()
    async with plane() as control, backend("a") as one, envoy(control.socket, control.folder), aiohttp.ClientSession() as web:
        await control.begin(*_base(port, one))
        rival, other = listener("rival", port, routes="http"), listener("other", free_port(), routes="http")
        await control.deliver(set_to(rival, other))
        assert control.accepted(other)
        fact = control.facts[rival.type_url, "rival"]
        assert (None, rival.version) == (fact.accepted, fact.refused)
        assert f"duplicate address '127.0.0.1:{port}'" in fact.message

        await control.deliver(gone(listener("http", port)))
        await control.until(lambda: control.accepted(rival))
        assert (200, "a") == await serves(web, port, "x")


def test_bad_secret() -> None:
    """A listener with a broken certificate waits; its neighbour serves; with a good certificate it serves too."""
    asyncio.run(_bad_secret())


async def _bad_secret() -> None:
    good, broken = secret("s1", *certificate()), secret("s2", b"no certificate", b"no key")
    one_port, two_port = free_port(), free_port()
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    async with plane() as control, backend("a") as one, envoy(control.socket, control.folder), aiohttp.ClientSession() as web:
        await control.begin(
            listener("t1", one_port, routes="r", secret="s1"),
            listener("t2", two_port, routes="r", secret="s2"),
            *(routes("r", {"x": "c"}), cluster("c"), endpoints("c", one), good, broken),
        )
        await control.until(lambda: control.accepted(good))
        assert "Failed to load certificate chain" in control.facts[broken.type_url, "s2"].message
        async with web.get(f"https://127.0.0.1:{one_port}/", headers={"Host": "x"}, ssl=trust) as answer:
            assert 200 == answer.status

        mended = secret("s2", *certificate())
        await control.deliver(set_to(mended))
        assert control.accepted(mended)
        async with web.get(f"https://127.0.0.1:{two_port}/", headers={"Host": "x"}, ssl=trust) as answer:
            assert 200 == answer.status


def certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1))
    chain = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    return chain, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
