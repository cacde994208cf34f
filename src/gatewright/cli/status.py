"""`gatewright status`: what became of each object, and why something does not work.

One command answers "why does my route not work?", on this machine or of a cluster: it shows conditions that are wrong, documents
that were not taken (a route with a typing error is not in the server's memory at all), and proxies that do not run. Exit code 1
when something that was asked for is wrong or does not exist, so that scripts can wait for a route to become well.
"""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import rich_click as click

from gatewright.cli import cluster, connection, status_text
from gatewright.cli.output import dump
from gatewright.cli.program import PROBLEM_FOUND, Failure
from gatewright.settings import state_root

EXAMPLES: Final = """\
[bold]Examples[/]

  gatewright status                           [dim]what is wrong, then everything[/]

  gatewright status httproute/shop -o wide    [dim]one route, with the messages of its conditions[/]

  gatewright status gtw -n shop               [dim]the Gateways of a namespace[/]

  gatewright status hr/shop -o yaml           [dim]the whole status[/]

  gatewright status --watch -o json           [dim]every change as a line of JSON[/]

  gatewright status -A --context production   [dim]a cluster, all namespaces[/]

[bold]Exit codes[/]: 0 all is well, 1 something selected is wrong or missing, 2 wrong usage, 3 nobody to ask.
"""


class Selected(NamedTuple):
    """What the user asked about; an empty field selects everything."""

    kind: str = ""
    namespace: str = ""
    name: str = ""

    def query(self) -> dict[str, str]:
        """The same, as the console's query."""
        return {"kind": self.kind, "namespace": self.namespace, "name": self.name}

    def of(self, problems: Sequence[Mapping[str, Any]], *, found: bool) -> list[Mapping[str, Any]]:
        """The problems that are about what is selected; what nobody could read may hold what was not `found`."""
        readable = [problem for problem in problems if problem.get("kind") and self._has(problem)]
        return readable + [problem for problem in problems if not problem.get("kind") and not (self.kind and found)]

    def _has(self, problem: Mapping[str, Any]) -> bool:
        mine = (problem.get(field, "") for field in self._fields)
        return all(wanted in ("", actual) for wanted, actual in zip(self, mine, strict=True))


def complete_object(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Kinds, for a shell's completion."""
    from gatewright.api.kinds import KINDS

    return [kind.name.lower() for kind in KINDS if kind.name.lower().startswith(incomplete.lower())]


@click.command(epilog=EXAMPLES)
@click.argument("target", metavar="[KIND[/NAME]]", default="", shell_complete=complete_object)
@click.option("-n", "--namespace", default="", help="Only objects of this namespace (default: all; of a cluster, the context's).")
@cluster.options
@click.option("-o", "--output", type=click.Choice(["text", "wide", "yaml", "json"]), default="text", show_default=True)
@click.option("-w", "--watch", is_flag=True, help="Go on with every change, until Ctrl-C.")
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), help="State folder of the server to ask.")
@click.pass_context
def status(
    ctx: click.Context,
    /,
    target: str,
    output: str,
    watch: bool,  # noqa: FBT001 - click's
    state_dir: Path | None,
    **place: Any,  # noqa: ANN401 - the options that name a cluster
) -> None:
    """Ask the running server, or a cluster, what became of each object, and why.

    KIND is any name of a kind, in any case: HTTPRoute, httproutes, hr. Without it: what is wrong, then everything.
    """
    chosen = cluster.Chosen(**place)
    selected = parse_target(target, chosen.namespace)
    asked = _of_cluster(chosen, selected) if chosen.named else _of_server(state_dir, selected)
    if watch:
        with contextlib.suppress(KeyboardInterrupt):
            asked.follow(partial(show, output=output))
        return
    views, problems = asked.views()
    problems = selected.of(problems, found=bool(views))
    if selected.name and not views and not problems:
        raise Missing(f"{asked.name} has no {selected.kind} {selected.name}, and no document of that name was refused")
    if output in ("yaml", "json"):
        click.echo(dump(as_document(selected, views, problems), "json" if output == "json" else "yaml"), nl=False)
        well = status_text.all_well(views) and not problems
    else:
        proxies = () if selected.kind else asked.proxies()
        explained = explanations(asked, views) if selected.name and output == "text" else []
        unread = bool(selected.name) and not views and not any(problem.get("kind") for problem in problems)
        absent = f"{asked.name} has no {selected.kind} {selected.name}, unless it is in what could not be read:" if unread else ""
        report = status_text.Report(views, problems, proxies, explained, absent)
        click.echo("\n".join(status_text.render(report, wide=output == "wide", summary=not selected.kind)))
        well = report.well
    unheard = bool(selected.name) and not any(map(status_text.has_conditions, views))
    ctx.exit(0 if well and not unheard else PROBLEM_FOUND)


def explanations(asked: "Asked", views: Sequence[Mapping[str, Any]]) -> list[str]:
    """What there is to say of routes beyond their conditions, where the server has them."""
    from gatewright.cli import route_text
    from gatewright.graph.tables import ROUTE_KINDS

    lines: list[str] = []
    for view in (each for each in views if each["kind"] in ROUTE_KINDS):
        metadata = view["metadata"]
        about = {"kind": view["kind"], "namespace": metadata.get("namespace", ""), "name": metadata["name"]}
        if found := asked.route(about):
            lines += ["", *route_text.lines(found)] if lines else route_text.lines(found)
    return lines


class Asked(Protocol):
    """Whoever knows about statuses: a running server, or a cluster. Views are as `console.source.StatusView` in JSON."""

    @property
    def name(self) -> str:
        """What people call it."""

    def views(self) -> tuple[Sequence[Any], Sequence[Mapping[str, Any]]]:
        """Objects with their statuses, and problems of what was not taken."""

    def proxies(self) -> Sequence[Mapping[str, Any]]:
        """Proxies and how they are, as far as that is known here."""

    def route(self, about: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        """The report on a route (`reports.route`); None when there is none."""

    def follow(self, tell: Callable[[Any], None]) -> None:
        """Tell every object, then every change. Raises: Failure when there are no more."""


class AskedServer(NamedTuple):
    """The running server of this machine."""

    server: connection.Server
    selected: Selected

    @property
    def name(self) -> str:
        """What people call it."""
        return "the server"

    def views(self) -> tuple[Sequence[Any], Sequence[Mapping[str, Any]]]:
        """As it has published them."""
        return connection.get(self.server, "/api/status", **self.selected.query()), connection.get(self.server, "/api/problems")

    def proxies(self) -> Sequence[Mapping[str, Any]]:
        """The Envoys that it runs."""
        found: Sequence[Mapping[str, Any]] = connection.get(self.server, "/api/proxies")
        return found

    def route(self, about: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        """As the server finds it."""
        return connection.get(self.server, "/api/reports/route", **about)

    def follow(self, tell: Callable[[Any], None]) -> None:
        """As they come, until the server ends."""
        for event in connection.stream(self.server, "/api/status/watch", **self.selected.query()):
            tell(event)
        raise Failure(f"the server in {self.server.state_dir} has stopped")


def _of_server(state_dir: Path | None, selected: Selected) -> Asked:
    return AskedServer(connection.find(state_dir, state_root(os.environ)), selected)


def _of_cluster(chosen: cluster.Chosen, selected: Selected) -> Asked:
    from gatewright.cli.cluster_statuses import AskedCluster

    return AskedCluster(chosen, selected.kind, selected.name)


class Missing(Failure):
    """What was asked for by name does not exist."""

    exit_code = PROBLEM_FOUND


def parse_target(target: str, namespace: str) -> Selected:
    """What `KIND[/NAME]` and `--namespace` select.

    Raises: click.UsageError when there is no such kind, with those that look alike.
    """
    from gatewright.console import kinds

    text, _, name = target.partition("/")
    if not text:
        return Selected("", namespace, name)
    if kind := kinds.resolve(text):
        return Selected(kind, namespace, name)
    alike = kinds.suggestions(text)
    hint = f" Did you mean {' or '.join(alike)}?" if alike else ""
    raise click.UsageError(f"There is no kind {text!r}.{hint}")


def as_document(selected: Selected, views: Sequence[Any], problems: Sequence[Any]) -> Any:  # noqa: ANN401 - JSON
    """One named object as itself; anything else as a Kubernetes List with the problems beside it."""
    if selected.name and len(views) == 1 and not problems:
        return views[0]
    return {"apiVersion": "v1", "kind": "List", "items": views, "problems": problems}


def show(event: Any, *, output: str) -> None:  # noqa: ANN401 - JSON
    """Print a change."""
    if output == "json":
        import json

        click.echo(json.dumps(event))
    elif output == "yaml":
        click.echo("---\n" + dump(event, "yaml"), nl=False)
    else:
        click.echo("\n".join(status_text.event_lines(event, wide=output == "wide")))
