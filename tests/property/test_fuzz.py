"""Spoilt worlds and spoilt text: a clear error or a result, never an exception, never a hang. `fuzz.py` goes on for longer."""

import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatewright.api.admission import Admitted, admit
from tests.property.fuzz import TooSlow, attempt, deadline, judged, spoilt_text, spoilt_world, validated, world


def test_the_world_is_good() -> None:
    """What is spoilt is good to begin with: all of it is admitted, and its Gateway serves."""
    assert [] == [each for each in world() if not isinstance(admit(each), Admitted)]
    assert any(judged(list(world())).resources.values())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(random=st.randoms(use_true_random=False))
def test_spoilt_worlds(random: Random) -> None:
    """Objects with odd values are refused with reasons, or translated."""
    with deadline(5.0):
        judged(spoilt_world(random))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(random=st.randoms(use_true_random=False))
def test_spoilt_text(random: Random, tmp_path: Path) -> None:
    """Every problem of a text has a line and words; what is good in it is found."""
    with deadline(5.0):
        validated(spoilt_text(random), tmp_path)


@pytest.mark.parametrize("seed", range(10))
def test_seeds(seed: int, tmp_path: Path) -> None:
    """The long run's way, for a few."""
    attempt(seed, tmp_path)


def test_the_deadline_rings() -> None:
    """Who hangs is found."""
    with pytest.raises(TooSlow), deadline(0.05):
        time.sleep(10)
