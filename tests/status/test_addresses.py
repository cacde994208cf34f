"""The addresses of a Gateway in a cluster: asked for, assigned, not to be had."""

import pytest

from gatewright.status.addresses import Address, hold
from gatewright.status.tables import ProxyHealth

BALANCED: tuple[Address, ...] = (("IPAddress", "203.0.113.1"), ("Hostname", "lb.example.com"))
NONE_YET = ProxyHealth(running=True)
HEALTH = ProxyHealth(running=True, addresses=BALANCED, static=("192.0.2.1", "2001:db8::1"), exposed=True)


def test_a_gateway_that_asks_for_none() -> None:
    """It has what the cluster gives its Service, and not what another Gateway of the same Service asked for."""
    assert (BALANCED, None) == hold((), HEALTH)


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        ([("IPAddress", "192.0.2.1")], [("IPAddress", "192.0.2.1")]),
        ([("IPAddress", "203.0.113.1")], [("IPAddress", "203.0.113.1")]),
        ([("IPAddress", "2001:0db8:0::1")], [("IPAddress", "2001:0db8:0::1")]),
        ([("Hostname", "LB.example.com")], [("Hostname", "LB.example.com")]),
        ([("IPAddress", "")], [BALANCED[0]]),
        ([("Hostname", "")], [BALANCED[1]]),
        ([("IPAddress", "192.0.2.1"), ("IPAddress", "")], [("IPAddress", "192.0.2.1"), BALANCED[0]]),
        ([("IPAddress", "203.0.113.1"), ("IPAddress", "")], [BALANCED[0]]),
    ],
)
def test_what_is_asked_for_is_had(requested: list[Address], expected: list[Address]) -> None:
    """Exactly that and no more; without a value, whatever there is of the type."""
    assert (tuple(expected), None) == hold(requested, HEALTH)


@pytest.mark.parametrize("wanted", [("IPAddress", "127.0.0.1"), ("Hostname", "other.example.com")])
def test_what_cannot_be_had(wanted: Address) -> None:
    """It is said as soon as there is a Service; the others are had all the same."""
    held = hold([wanted, ("IPAddress", "192.0.2.1")], HEALTH)

    assert (("IPAddress", "192.0.2.1"),) == held.addresses
    assert held.finding is not None
    assert ("AddressNotUsable", f"these addresses cannot be had: {wanted[1]}") == (held.finding.reason, held.finding.message)


def test_what_the_api_server_refuses() -> None:
    """A Service that cannot be as it was asked for is not there at all: its words stand in the status."""
    held = hold([("IPAddress", "10.0.0.1")], ProxyHealth(running=True, refused="provided IP is not in the valid range"))

    assert held.finding is not None
    assert "these addresses cannot be had: 10.0.0.1: provided IP is not in the valid range" == held.finding.message


@pytest.mark.parametrize(
    ("requested", "health", "message"),
    [
        ((), NONE_YET, "no address has been assigned to the Gateway's Service yet"),
        ([("IPAddress", "192.0.2.1")], NONE_YET, "no address has been assigned to the Gateway's Service yet"),
        (
            [("Hostname", "")],
            ProxyHealth(running=True, exposed=True),
            "no Hostname has been assigned to the Gateway's Service yet",
        ),
    ],
)
def test_what_is_not_there_yet(requested: list[Address], health: ProxyHealth, message: str) -> None:
    """Nothing is unusable before somebody has tried."""
    held = hold(requested, health)

    assert held.finding is not None
    assert ((), "AddressNotAssigned", message) == (held.addresses, held.finding.reason, held.finding.message)
