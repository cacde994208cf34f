"""The word of a proxy that runs as several Envoys."""

from gatewright.ads.ledger import Ledger
from gatewright.ads.messages import Delivery


def said(accepted: str | None, refused: str | None = None) -> Delivery:
    return Delivery("p", "t", "n", accepted, refused, "no" if refused else "")


def test_one_stream_is_believed() -> None:
    """What the only Envoy says is what the proxy says, once."""
    ledger = Ledger()
    ledger.arrive("one", [])

    assert [said("1")] == ledger.note("one", [said("1")])
    assert [] == ledger.note("one", [said("1")])


def test_accepted_when_all_have_it() -> None:
    """The version of the one that lags behind counts, until it has caught up."""
    ledger = Ledger()
    for stream in ("one", "two"):
        ledger.arrive(stream, ["one"])
        ledger.note(stream, [said("1")])

    assert [] == ledger.note("two", [said("2")])
    assert [said("2")] == ledger.note("one", [said("2")])


def test_refused_by_any() -> None:
    """One refusal is enough, and it ends when that Envoy takes the version or leaves."""
    ledger = Ledger()
    for stream in ("one", "two"):
        ledger.arrive(stream, ["one"])
        ledger.note(stream, [said("1")])

    assert [said("1", "2")] == ledger.note("one", [said("1", "2")])
    assert [] == ledger.note("two", [said("2")])
    assert [said("2")] == ledger.leave("one")


def test_last_word_stays() -> None:
    """An Envoy whose stream ended goes on with what it holds; when it is back, only news is told."""
    ledger = Ledger()
    ledger.arrive("one", [])
    ledger.note("one", [said("1")])

    assert [] == ledger.leave("one")
    ledger.arrive("again", [])
    assert [] == ledger.note("again", [said("1")])
    assert [said("2")] == ledger.note("again", [said("2")])
