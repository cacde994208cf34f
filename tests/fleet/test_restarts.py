"""How long to wait before the next start."""

from itertools import accumulate, repeat

from gatewright.fleet.restarts import Restarts


def test_the_first_fall_costs_no_time() -> None:
    """A proxy that was well is started again at once."""
    assert 0.0 == Restarts().fell(lived=3600.0).delay


def test_falling_again_and_again_takes_ever_longer() -> None:
    """Delays double from a quarter second to ten seconds."""
    falls = accumulate(repeat(0.1, 9), Restarts.fell, initial=Restarts())

    assert [0, 0, 0.25, 0.5, 1, 2, 4, 8, 10, 10] == [restarts.delay for restarts in falls]


def test_a_steady_life_is_forgiven() -> None:
    """Half a minute alive ends the series."""
    assert 0.0 == Restarts(falls=6).fell(lived=30.0).delay
