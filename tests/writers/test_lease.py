"""Who leads, decided without clocks or servers."""

import pytest

from gatewright.writers.lease import Decision, Lease, LeaseSpec, Metadata, Observed, Timing, claimed, decide, observed

TIMING = Timing()


def lease(holder: str | None, renewed: str = "t1", duration: int | None = 15, version: str = "1") -> Lease:
    spec = LeaseSpec(holder_identity=holder, lease_duration_seconds=duration, acquire_time="t0", renew_time=renewed)
    return Lease(Metadata("l", "ns", version), spec)


@pytest.mark.parametrize(
    ("seen", "now", "decision"),
    [
        (None, 0.0, "create"),
        (lease("me"), 0.0, "renew"),
        (lease("me"), 100.0, "renew"),
        (lease("other"), 14.9, "wait"),
        (lease("other"), 15.0, "claim"),
        (lease("other", duration=60), 59.0, "wait"),
        (lease(""), 0.0, "claim"),
        (lease(None), 0.0, "claim"),
    ],
)
def test_decisions(seen: Lease | None, now: float, decision: Decision) -> None:
    """Ours is kept, another's is left for as long as it lasts, a free one is taken."""
    assert decision == decide(Observed(seen, 0.0), "me", now, TIMING)


def test_a_lease_lasts_as_long_as_it_is_seen_to_change() -> None:
    """By our clock: the times in it come from another machine's."""
    first = observed(None, lease("other"), 0.0)
    same = observed(first, lease("other", version="2"), 10.0)
    assert 0.0 == same.since
    assert 12.0 == observed(same, lease("other", renewed="t2"), 12.0).since
    assert 13.0 == observed(same, None, 13.0).since


def test_a_claim_counts_transitions() -> None:
    """A renewal does not, and keeps the time of acquisition; a Lease that is given back has no holder."""
    taken = claimed(lease("other"), "me", "t9", TIMING)
    assert ("me", 15, "t9", "t9", 1) == tuple(getattr(taken, name) for name in LeaseSpec.__struct_fields__)
    kept = claimed(Lease(Metadata(), taken), "me", "t10", TIMING)
    assert ("t9", "t10", 1) == (kept.acquire_time, kept.renew_time, kept.lease_transitions)
    given = claimed(Lease(Metadata(), kept), "", "t11", TIMING)
    assert ("", 1, 1) == (given.holder_identity, given.lease_duration_seconds, given.lease_transitions)
    assert 0 == claimed(None, "me", "t1", TIMING).lease_transitions
