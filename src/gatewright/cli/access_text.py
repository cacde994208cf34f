"""The text of `gatewright access`: a table for each question, and for one route a line for each listener."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import rich_click as click

from gatewright.cli.output import table

Json = Any
Text = Callable[[Any], Iterator[str]]

LISTENERS: Final = ("DECLARED BY", "LISTENER", "PORT", "PROTOCOL", "HOSTNAME", "ROUTES", "FROM", "NAMESPACES", "ATTACHED", "")
GATEWAYS: Final = ("GATEWAY", "FROM", "NAMESPACES", "LISTENERSETS", "REFUSED")
GRANTS: Final = ("GRANT", "FROM", "TO", "USED BY")
REFUSED: Final = ("OBJECT", "FIELD", "REFERS TO")


def access(report: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the whole report."""
    yield from _section("Who may attach routes", LISTENERS, map(_listener, report["listeners"]), "no listener")
    yield ""
    yield from _section("Who may add listeners (ListenerSets)", GATEWAYS, map(_gateway, report["gateways"]), "no Gateway")
    yield ""
    grants = [row for each in report["grants"] for row in _grant(each)]
    yield from _section("Who may refer to other namespaces", GRANTS, grants, "no ReferenceGrant: nobody")
    if report["refused"]:
        yield ""
        refused = ((each["referrer"], each["path"], each["target"]) for each in report["refused"])
        title = click.style("References that no ReferenceGrant allows", fg="red")
        yield from _section(title, REFUSED, refused, "")


def attempts(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of one question: a listener each, and under it what is in the way."""
    for each in found:
        verdict = click.style("no ", fg="red") if each["obstacles"] else click.style("yes", fg="green")
        place = f"{each['declaredBy']}, listener {each['listener']} (port {each['port']}, {each['protocol']})"
        hosts = f" for {', '.join(host or '*' for host in each['hosts'])}" if not each["obstacles"] else ""
        yield f"{verdict} {place}{hosts}"
        for obstacle in each["obstacles"]:
            yield f"      {obstacle['object']} {obstacle['path']}: {obstacle['message']}"


def no_listener(to: str, known: Sequence[Mapping[str, Any]]) -> str:
    """That nothing is of the name that was asked about, and what could have been."""
    if not known:
        return "There is no listener yet."
    names = sorted({f"{kind.lower()}/{name}/{each['listener']}" for each in known for kind, name in [each["declaredBy"].split()]})
    return f"There is no listener {to!r}; --to may be one of {', '.join(names)}, or a name without the listener."


def _section(title: str, header: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]], none: str) -> list[str]:
    lines = list(rows)
    return [f"{title}:", *(table(header, lines) if lines else [none])]


def _listener(each: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        each["declaredBy"],
        each["listener"],
        str(each["port"]),
        each["protocol"],
        each["hostname"] or "*",
        ", ".join(each["kinds"]) or "none",
        each["chosen"],
        _names(each["namespaces"]),
        str(each["attachedRoutes"]),
        "" if each["serving"] else "not served",
    )


def _gateway(each: Mapping[str, Any]) -> tuple[str, ...]:
    return (each["gateway"], each["chosen"], _names(each["namespaces"]), *(", ".join(each[key]) for key in ("taken", "refused")))


def _grant(each: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The rows of a grant: one for each reference that uses it."""
    first = each["grant"], ", ".join(each["source"]), ", ".join(each["target"])
    uses = [f"{use['referrer']} {use['path']} → {use['target']}" for use in each["usedBy"]] or ["nobody"]
    yield (*first, uses[0])
    for use in uses[1:]:
        yield ("", "", "", use)


def _names(namespaces: Sequence[str]) -> str:
    most = 6
    more = f" and {len(namespaces) - most} more" if len(namespaces) > most else ""
    return (", ".join(namespaces[:most]) + more) or "none"
