"""Who may ask the console."""

import pytest

from gatewright.console.guard import host_name, objection


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST.:80", "localhost"),
        ("127.0.0.1:19000", "127.0.0.1"),
        ("[::1]:19000", "::1"),
        ("[::1]", "::1"),
        ("", ""),
    ],
)
def test_host_names(header: str, expected: str) -> None:
    """Without port, brackets and the dot of the root."""
    assert expected == host_name(header)


@pytest.mark.parametrize(
    ("host", "on_loopback", "elsewhere"),
    [
        ("localhost:1", True, True),
        ("127.0.0.1", True, True),
        ("127.8.8.8:80", True, True),
        ("[::1]:80", True, True),
        ("10.0.0.7:19000", False, True),
        ("rebound.example.com", False, False),
        ("localhost.example.com", False, False),
        ("", False, False),
    ],
)
def test_the_host_header(host: str, on_loopback: bool, elsewhere: bool) -> None:  # noqa: FBT001 - a row of the table
    """On the loopback it must name the loopback; a name that is no address could have been rebound, anywhere."""
    welcome = [objection("GET", {"Host": host}, loopback_only=loopback_only) is None for loopback_only in (True, False)]
    assert [on_loopback, elsewhere] == welcome


@pytest.mark.parametrize(("method", "status"), [("GET", None), ("HEAD", None), ("POST", 405), ("OPTIONS", 405), ("DELETE", 405)])
def test_nothing_is_changed_here(method: str, status: int | None) -> None:
    """Reading methods only; a CORS preflight is refused like any other."""
    refused = objection(method, {"Host": "localhost"}, loopback_only=True)
    assert status == (refused[0] if refused else None)


@pytest.mark.parametrize(
    ("site", "welcome"), [("none", True), ("same-origin", True), ("same-site", False), ("cross-site", False)]
)
def test_pages_of_other_sites(site: str, welcome: bool) -> None:  # noqa: FBT001 - a row of the table
    """What the browser says of the page that asks is believed."""
    headers = {"Host": "localhost", "Sec-Fetch-Site": site}
    assert welcome == (objection("GET", headers, loopback_only=True) is None)
