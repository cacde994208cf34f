"""The text about one route of `gatewright status`: does it work, through which listeners, and if not, what to do."""

from collections.abc import Iterator, Mapping
from typing import Any

import rich_click as click

Json = Mapping[str, Any]

GOOD, BAD = click.style("ok ", fg="green"), click.style("bad", fg="red")


def lines(report: Json) -> Iterator[str]:
    """The report as lines."""
    hosts = f" for {', '.join(report['hostnames'])}" if report["hostnames"] else ""
    yield click.style(f"{report['kind']} {report['namespace']}/{report['name']}", bold=True) + hosts
    for parent in report["parents"]:
        yield from _parent(parent)
    for rule in report["rules"]:
        yield from _rule(rule)
    for advice in report["advice"]:
        yield f"  -> {advice}"


def _parent(parent: Json) -> Iterator[str]:
    works = any(each["hosts"] for each in parent["listeners"])
    yield f"  {GOOD if works and not parent['problem'] else BAD} {parent['path']}: {parent['parent']}"
    if parent["problem"]:
        yield f"        {parent['problem']}"
    for each in parent["listeners"]:
        yield from _listener(each, needed=not works)


def _listener(each: Json, *, needed: bool) -> Iterator[str]:
    """A listener that serves the route, or does not; where another one does, that is no news and takes a line."""
    place = f"listener {each['listener']} (port {each['port']}, {each['protocol']})"
    obstacles = [f"{obstacle['object']} {obstacle['path']}: {obstacle['message']}" for obstacle in each["obstacles"]]
    if each["hosts"]:
        hosts = f" for {', '.join(each['hosts'])}" if each["protocol"] in {"HTTP", "HTTPS", "TLS"} else ""
        yield f"      {GOOD} {place} serves it{hosts}"
    elif needed:
        yield f"      {BAD} {place} does not serve it"
    else:
        yield f"      -   {place} does not: {each['obstacles'][0]['message'] if obstacles else 'others have its hosts'}"
        return
    for line in (*each["taken"], *obstacles):
        yield f"            {line}"


def _rule(rule: Json) -> Iterator[str]:
    matches = " or ".join(rule["matches"]) or "nothing"
    yield f"  {BAD if rule['problems'] else GOOD} {rule['path']}: {matches} -> {', '.join(rule['leadsTo'])}"
    for problem in rule["problems"]:
        yield f"        {problem}"
