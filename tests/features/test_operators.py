"""Envoy's command operators in texts that users write."""

import pytest

from gatewright.features.operators import escaped, present


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
        ("by %REQ(X-USER?:X-GUEST):20%!", "by %REQ(X-USER?:X-GUEST):20%!"),
        ("100%", "100%%"),
        ("50% of %HOSTNAME%", "50%% of %HOSTNAME%"),
        ("%FOO%", "%%FOO%%"),
        ("%REQ()%", "%%REQ()%%"),
        ("%PROTOCOL:3%", "%%PROTOCOL:3%%"),
        ("%ENVIRONMENT(HOME)%", "%%ENVIRONMENT(HOME)%%"),
    ],
)
def test_only_known_operators_are_passed_on(text: str, expected: str) -> None:
    """What Envoy would refuse, and what is not for route authors, is literal text."""
    assert expected == escaped(text)


def test_an_operator_is_told_from_text() -> None:
    """A percent sign alone is no operator."""
    assert present("a %ROUTE_NAME% b")
    assert not present("100 %")
