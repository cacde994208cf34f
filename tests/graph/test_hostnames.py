"""Hostname algebra: what a listener and a route have in common, and which listener a host belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.graph import hostnames

LABELS = st.sampled_from(("a", "b", "ab", "example"))
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
HOSTNAMES = st.one_of(st.just(""), NAMES, NAMES.map(lambda name: f"*.{name}"))


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("", "", ""),
        ("", "a.example.com", "a.example.com"),
        ("", "*.example.com", "*.example.com"),
        ("a.example.com", "a.example.com", "a.example.com"),
        ("a.example.com", "b.example.com", None),
        ("*.example.com", "a.example.com", "a.example.com"),
        ("*.example.com", "a.b.example.com", "a.b.example.com"),
        ("*.example.com", "example.com", None),
        ("*.example.com", "aexample.com", None),
        ("*.example.com", "*.example.com", "*.example.com"),
        ("*.example.com", "*.a.example.com", "*.a.example.com"),
        ("*.com", "*.example.com", "*.example.com"),
        ("*.a.example.com", "*.b.example.com", None),
        ("*.example.com", "*.example.org", None),
    ],
)
def test_the_intersection_is_the_more_specific_of_two_that_overlap(one: str, other: str, common: str | None) -> None:
    assert common == hostnames.intersect(one, other)
    assert common == hostnames.intersect(other, one)


def test_a_wildcard_stands_for_one_or_more_labels_but_never_for_none() -> None:
    assert hostnames.covers("*.example.com", "a.example.com")
    assert hostnames.covers("*.example.com", "a.b.c.example.com")
    assert not hostnames.covers("*.example.com", "example.com")
    assert not hostnames.covers("*.example.com", "")


def test_a_route_without_hostnames_takes_the_listeners() -> None:
    assert ("*.example.com",) == hostnames.intersections("*.example.com", ())
    assert ("",) == hostnames.intersections("", ())


def test_hosts_come_once_in_the_routes_order_and_those_without_a_match_are_ignored() -> None:
    route = ("b.example.com", "example.org", "*.com", "*.example.com", "a.example.com")

    assert ("b.example.com", "*.example.com", "a.example.com") == hostnames.intersections("*.example.com", route)


def test_the_most_specific_listener_owns_a_host() -> None:
    listeners = ("", "*.com", "*.example.com", "a.example.com")

    owners = [
        hostnames.owner(host, listeners) for host in ("a.example.com", "b.example.com", "*.example.com", "x.com", "x.org", "")
    ]

    assert ["a.example.com", "*.example.com", "*.example.com", "*.com", "", ""] == owners


def test_a_host_that_no_listener_takes_has_no_owner() -> None:
    assert hostnames.owner("a.test", ("*.com", "a.example.com")) is None


@given(HOSTNAMES, HOSTNAMES)
def test_the_intersection_is_covered_by_both(one: str, other: str) -> None:
    common = hostnames.intersect(one, other)

    assert common is None or (hostnames.covers(one, common) and hostnames.covers(other, common))


@given(HOSTNAMES, HOSTNAMES, NAMES)
def test_a_host_is_of_the_intersection_just_if_it_is_of_both(one: str, other: str, host: str) -> None:
    common = hostnames.intersect(one, other)

    assert (hostnames.covers(one, host) and hostnames.covers(other, host)) == (
        common is not None and hostnames.covers(common, host)
    )


@given(NAMES, st.lists(HOSTNAMES, unique=True))
def test_the_owner_covers_the_host_and_no_other_that_does_is_more_specific(host: str, listeners: list[str]) -> None:
    owner = hostnames.owner(host, tuple(listeners))
    takers = [each for each in listeners if hostnames.covers(each, host)]

    assert (owner is None) == (not takers)
    assert owner is None or all(hostnames.covers(each, owner) for each in takers)


@given(own=HOSTNAMES, others=st.sets(HOSTNAMES, min_size=1), host=NAMES, most=st.sampled_from((0, 100)))
def test_hosts_that_are_summed_up_take_nothing_from_their_neighbour(own: str, others: set[str], host: str, most: int) -> None:
    """Whatever is the neighbour's stays so, and whatever is another's is that of one that stands for others."""
    others.discard(own)
    plain = hostnames.owner(host, (own, *others))
    summed = hostnames.owner(host, (own, *hostnames.summed(others, own, most)))
    assert own not in hostnames.summed(others, own, most)
    if plain is not None:
        assert (plain == own) == (summed == own)
