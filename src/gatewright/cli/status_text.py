"""The text of `gatewright status`: what is wrong in sentences, then everything in a table.

Colour marks verdicts on a terminal and is gone in a pipe (`click.echo` sees to it).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple

import rich_click as click

from gatewright.cli.output import table
from gatewright.status.verdicts import Scope, judge, scopes

Json = Mapping[str, Any]

MAIN: Final = ("Accepted", "ResolvedRefs", "Programmed")
HEADER: Final = ("KIND", "NAMESPACE", "NAME", "PART", *(name.upper() for name in MAIN), "OTHER")
WIDE_HEADER: Final = (*HEADER, "ADDRESSES", "ROUTES", "GENERATION", "MESSAGE")
EXPLAINED: Final = frozenset({"Accepted", "ResolvedRefs", "PartiallyInvalid"})  # what the report on a route tells better
LEAVING: Final = frozenset({"Draining", "Stopped"})  # phases of proxies that nobody wants any more
COLOURS: Final = {"wrong": "red", "note": "yellow", "well": "green"}


class Report(NamedTuple):
    """All that the server said about what was asked for."""

    views: Sequence[Json]
    problems: Sequence[Json]
    proxies: Sequence[Json] = ()
    explained: Sequence[str] = ()  # lines that tell more of the views than their conditions do
    absent: str = ""  # that what was asked for by name is not there, where problems may be about it

    @property
    def ailing(self) -> list[Json]:
        """Proxies that do not run, or that do not have our configuration."""
        wanted = [proxy for proxy in self.proxies if proxy["phase"] not in LEAVING]
        return [proxy for proxy in wanted if proxy["phase"] != "Running" or not proxy["connected"]]

    @property
    def well(self) -> bool:
        """Whether nothing is wrong; notes do not count."""
        return all_well(self.views) and not self.problems and not self.ailing


def all_well(views: Sequence[Json]) -> bool:
    """Whether no condition of these objects is wrong."""
    return all(scope.verdict != "wrong" for view in views for scope in scopes(view))


def has_conditions(view: Json) -> bool:
    """Whether anything was said of the object at all."""
    return any(scope.conditions for scope in scopes(view))


def render(report: Report, *, wide: bool, summary: bool) -> list[str]:
    """The lines of a report; with `summary`, also how much of what there is."""
    parts = [list(_complaints(report)), list(report.explained)]
    if summary and report.well:
        parts.insert(0, [click.style(f"All is well: {_counts(report)}.", fg=COLOURS["well"])])
    rows = [_row(scope, wide=wide) for view in report.views for scope in scopes(view) if wide or _worth_a_row(scope)]
    if rows:
        parts.append(table(WIDE_HEADER if wide else HEADER, rows))
    lines: list[str] = []
    for part in filter(None, parts):
        lines += ["", *part] if lines else part
    return lines


def event_lines(event: Json, *, wide: bool) -> Iterator[str]:
    """The lines of one change."""
    view = event["object"]
    if event["type"] == "DELETED":
        yield f"{_object(view['kind'], view['metadata'])}   deleted"
        return
    for scope in scopes(view):
        if wide or _worth_a_row(scope):
            yield "   ".join(filter(None, _row(scope, wide=wide)))


def _complaints(report: Report) -> Iterator[str]:
    if report.absent:
        yield click.style(report.absent, fg=COLOURS["wrong"])
    yield from map(_problem, report.problems)
    for proxy in report.ailing:
        state = proxy["phase"] if proxy["connected"] else f"{proxy['phase']}, not connected"
        yield click.style(f"Envoy {proxy['proxy']}: {state}", fg=COLOURS["wrong"])
        if proxy["message"]:
            yield f"  {proxy['message']}"
    for view in report.views:
        for scope in scopes(view):
            yield from _complaint(scope, EXPLAINED if report.explained else frozenset())


def _complaint(scope: Scope, explained: AbstractSet[str]) -> Iterator[str]:
    told = [condition for condition in scope.conditions if judge(condition) != "well" and condition["type"] not in explained]
    if not scope.conditions and explained:
        return
    if told or not scope.conditions:
        title = _object(scope.kind, {"namespace": scope.namespace, "name": scope.name})
        yield click.style(f"{title}, {scope.what}" if scope.what else title, fg=COLOURS[scope.verdict])
    if not scope.conditions:
        yield "  has no status: it refers to nothing that this server is responsible for"
    for condition in told:
        yield f"  {condition['type']}={condition['status']} {condition.get('reason', '')}: {condition.get('message', '')}"


def _problem(problem: Json) -> str:
    """One line that editors can jump to, as `gatewright validate` writes it."""
    place = problem["file"] + (f":{problem['line']}" if problem.get("line") else "")
    nth = f"document {problem['document']}" if problem.get("document") else ""
    about = _object(problem["kind"], problem) if problem.get("name") else nth
    path = [problem["path"]] if problem.get("path") else []
    return (
        f"{click.style(': '.join(filter(None, (place, about))), fg=COLOURS['wrong'])}: {': '.join([*path, problem['message']])}"
    )


def _row(scope: Scope, *, wide: bool) -> list[str]:
    by_type = {condition["type"]: condition for condition in scope.conditions}
    others = ", ".join(
        f"{name}={condition['status']}" for name, condition in by_type.items() if name not in MAIN and judge(condition) != "well"
    )
    row = [scope.kind, scope.namespace, scope.name, scope.what, *(_cell(by_type.get(name)) for name in MAIN), others]
    if wide:
        message = "; ".join(condition.get("message", "") for condition in scope.conditions if judge(condition) != "well")
        routes = "" if scope.attached_routes is None else str(scope.attached_routes)
        row += [", ".join(scope.addresses), routes, str(scope.generation or ""), message]
    return row


def _cell(condition: Json | None) -> str:
    if condition is None:
        return ""
    return "True" if condition["status"] == "True" else f"{condition['status']}: {condition.get('reason', '')}"


def _worth_a_row(scope: Scope) -> bool:
    return not scope.what.startswith("listener ") or scope.verdict == "wrong"


def _object(kind: str, metadata: Json) -> str:
    namespace = metadata.get("namespace", "")
    return f"{kind} {namespace}/{metadata['name']}" if namespace else f"{kind} {metadata['name']}"


def _counts(report: Report) -> str:
    counts = Counter(view["kind"] for view in report.views)
    if report.proxies:
        counts["Envoy"] = len(report.proxies)
    return ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items()) or "there is nothing"
