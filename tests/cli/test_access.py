"""`gatewright access` on a folder, as a process; reports themselves are tested in tests/reports."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

TEAMS: Final = Path(__file__).resolve().parents[2] / "examples" / "teams"


def access(*arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "gatewright", "access", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_tables() -> None:
    """A table for each question; columns in which there is nothing are left out."""
    code, out, err = access(str(TEAMS), "-n", "blue")
    assert (0, "") == (code, err)
    lines = [line.split("   ") for line in out.splitlines()]
    assert [[cell.strip() for cell in line if cell.strip()] for line in lines] == [
        ["Who may attach routes:"],
        ["DECLARED BY", "LISTENER", "PORT", "PROTOCOL", "HOSTNAME", "ROUTES", "FROM", "NAMESPACES", "ATTACHED"],
        [
            *("Gateway infra/shared", "apps", "8888", "HTTP", "*.apps.example.com", "HTTPRoute"),
            *("Selector gateway=shared", "blue, red", "1"),
        ],
        [],
        ["Who may add listeners (ListenerSets):"],
        ["GATEWAY", "FROM", "NAMESPACES", "LISTENERSETS"],
        ["infra/shared", "Selector gateway=shared", "blue, red", "red/red"],
        [],
        ["Who may refer to other namespaces:"],
        ["no ReferenceGrant: nobody"],
    ]


def test_json_holds_the_report() -> None:
    """For programs, whole."""
    code, out, _ = access(str(TEAMS), "-o", "json", "--kind", "grpcroutes")
    assert (0, ["http", "internal"]) == (code, [each["listener"] for each in json.loads(out)["listeners"]])


def test_could_a_route_attach() -> None:
    """Yes or no for each listener, and what is in the way; exit code 1 when none takes it."""
    question = ("--route", "hr/blue", "-n", "blue")
    code, out, _ = access(str(TEAMS), *question, "--to", "gw/infra/shared")
    assert (0, "yes Gateway infra/shared, listener apps (port 8888, HTTP) for blue.apps.example.com\n") == (code, out)
    code, out, _ = access(str(TEAMS), *question, "--to", "lset/red/red/internal")
    refused = (
        "no  ListenerSet red/red, listener internal (port 8889, HTTP)\n"
        "      ListenerSet red/red spec.listeners[1].allowedRoutes.namespaces: "
        "listener internal takes routes from its own namespace, red, and not from blue\n"
    )
    assert (1, refused) == (code, out)


def test_a_listener_that_does_not_exist() -> None:
    """Those that exist are named, as --to takes them."""
    question = ("--route", "hr/blue", "-n", "blue")
    expected = (
        "error: There is no listener 'infra/none'; --to may be one of gateway/infra/shared/apps, listenerset/red/red/http, "
        "listenerset/red/red/internal, or a name without the listener.\n"
    )
    assert (1, "", expected) == access(str(TEAMS), *question, "--to", "infra/none")
    for named in ("gateway/infra/shared/apps", "listenerset/red/red"):
        assert "There is no listener" not in "".join(map(str, access(str(TEAMS), *question, "--to", named)))


def test_a_route_that_does_not_exist() -> None:
    """A name that is misspelt is told from a route that somebody thinks of."""
    code, out, err = access(str(TEAMS), "--route", "hr/bleu", "-n", "blue", "--to", "infra/shared")
    assert (0, "yes", "There is no HTTPRoute blue/bleu; this is about a new one without hostnames.\n") == (code, out[:3], err)
    assert "" == access(str(TEAMS), "--route", "hr", "-n", "blue", "--to", "infra/shared")[2]


def test_wrong_usage() -> None:
    """What makes no sense is said in a line."""
    for arguments, expected in {
        ("--to", "infra/shared"): "--hostname and --to are about a --route.",
        ("--route", "gateway/shared"): "Gateway is no kind of routes",
        ("--kind", "htproute"): "Did you mean HTTPRoute",
    }.items():
        code, _, err = access(str(TEAMS), *arguments)
        assert (2, True) == (code, expected in err), err
