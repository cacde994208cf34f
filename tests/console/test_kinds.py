"""The names by which people call a kind."""

import pytest

from gatewright.api.kinds import KINDS
from gatewright.console.kinds import resolve, suggestions


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_kind_answers_to_its_names(kind: str) -> None:
    """Singular and plural, in any case, with its group or without."""
    record = next(each for each in KINDS if each.name == kind)
    spellings = (kind, kind.lower(), kind.upper(), record.plural, f"{record.plural}.{record.group}", f"{kind}.{record.group}")
    assert {kind} == {resolve(spelling) for spelling in spellings}


@pytest.mark.parametrize(("short", "kind"), [("gc", "GatewayClass"), ("gtw", "Gateway"), ("hr", "HTTPRoute"), ("svc", "Service")])
def test_short_names(short: str, kind: str) -> None:
    """Those of the CRDs, and some that people type anyway."""
    assert kind == resolve(short)


@pytest.mark.parametrize(
    ("typed", "first"),
    [("htproute", "HTTPRoute"), ("gatwayclass", "GatewayClass"), ("refrencegrants", "ReferenceGrant"), ("xyzzy", None)],
)
def test_suggestions(typed: str, first: str | None) -> None:
    """The likeliest kind first; nothing for what looks like nothing."""
    assert resolve(typed) is None
    assert first == next(iter(suggestions(typed)), None)
