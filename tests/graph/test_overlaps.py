"""Overlaps of listeners behind TLS, by hostname and by certificate, against the plain rule for every pair."""

from itertools import permutations

import pytest

from gatewright.api.gateway import Listener
from gatewright.api.meta import NamespacedName
from gatewright.graph import hostnames
from gatewright.graph.overlaps import overlaps
from gatewright.graph.specs import ListenerSpec, Rank
from gatewright.graph.tables import ListenerKey

GATEWAY = NamespacedName("default", "eg")
HOSTS = ("", "*.test", "*.shop.test", "a.shop.test", "b.shop.test", "a.b.shop.test", "test", "other")


def _spec(place: int, hostname: str, protocol: str = "HTTPS") -> ListenerSpec:
    listener = Listener(name=f"l{place}", port=443, protocol=protocol, hostname=hostname or None)
    return ListenerSpec(
        ListenerKey(GATEWAY, listener.name), Rank(added=False, created="", declared_by=GATEWAY, place=place), listener, ()
    )


@pytest.mark.parametrize(("one", "other"), list(permutations(HOSTS, 2)))
def test_hostnames_overlap_where_they_have_a_host_in_common(one: str, other: str) -> None:
    expected = set() if hostnames.intersect(one, other) is None else {"l0", "l1"}
    assert expected == {key.name for key in overlaps([_spec(0, one), _spec(1, other)], {})}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a.shop.test", "a.shop.test", True),
        ("*.shop.test", "a.shop.test", True),
        ("*.shop.test", "*.shop.test", True),
        ("a.shop.test", "b.shop.test", False),
        ("*.shop.test", "a.b.shop.test", False),  # in a certificate, a wildcard stands for one label
        ("*.shop.test", "shop.test", False),
        ("*.test", "*.shop.test", False),
        ("*", "a.test", False),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_certificates_overlap_as_clients_read_them(one: str, other: str, *, expected: bool, swapped: bool) -> None:
    first, second = _spec(0, "x.test"), _spec(1, "y.test")
    names = {first.key: ["own.elsewhere", other if swapped else one], second.key: [one if swapped else other]}
    found = overlaps([first, second], names)
    assert ({first.key, second.key} if expected else set()) == found.keys()
    assert {"OverlappingCertificates"} >= {finding.reason for finding in found.values()}


def test_certificates_are_told_of_before_hostnames_and_plain_listeners_not_at_all() -> None:
    first, second, plain = _spec(0, "*.test"), _spec(1, "a.test"), _spec(2, "b.test", "HTTP")
    both = overlaps([first, second, plain], {first.key: ["*.test"], second.key: ["a.test"]})
    assert {"l0": "OverlappingCertificates", "l1": "OverlappingCertificates"} == {
        key.name: each.reason for key, each in both.items()
    }
    assert {} == overlaps([first, plain], {first.key: ["a.test", "*.test"]})
