"""`gatewright access`: what each namespace may attach to, and who may refer to what.

For platform teams, who hand out listeners and grants, and for the teams that use them. With `--route` it answers one question:
could this route attach there, and if not, which field stops it?
"""

from pathlib import Path
from typing import Final

import rich_click as click

from gatewright.cli import access_text, reports
from gatewright.cli.output import dump
from gatewright.cli.program import PROBLEM_FOUND
from gatewright.cli.status import Missing

EXAMPLES: Final = """\
[bold]Examples[/]

  gatewright access                                            [dim]everything, of the running server[/]

  gatewright access ./routes -n team-a                         [dim]what one namespace may do, of a folder[/]

  gatewright access --kind GRPCRoute -o json                   [dim]one kind, for programs[/]

  gatewright access --route httproute/shop -n team-a           [dim]which listeners could take this route?[/]

  gatewright access --route hr -n team-a --hostname a.example.com --to infra/shared/https
                                                               [dim]and if it were a new one, this listener?[/]

[bold]Exit codes[/]: 0 shown, 1 the route could attach to none of the listeners asked about, 2 wrong usage, 3 no server to ask,
or a file cannot be read.
"""


@click.command(epilog=EXAMPLES)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(exists=True, path_type=Path))
@click.option("-n", "--namespace", default="", help="Only what concerns this namespace; with --route, the route's.")
@click.option("--kind", default="", help="Only what concerns this kind.")
@click.option("--route", default="", metavar="KIND[/NAME]", help="Ask which listeners could take this route.")
@click.option("--hostname", "hostnames", multiple=True, help="With --route: a hostname that it would have; may be repeated.")
@click.option("--to", default="", metavar="[KIND/]NAMESPACE/NAME[/LISTENER]", help="With --route: only these listeners.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), help="State folder of the server to ask.")
@click.pass_context
def access(  # noqa: PLR0913, PLR0917 - click passes every option
    ctx: click.Context,
    paths: tuple[Path, ...],
    namespace: str,
    kind: str,
    route: str,
    hostnames: tuple[str, ...],
    to: str,
    output: str,
    state_dir: Path | None,
) -> None:
    """Show what each namespace may attach to, and who may refer to what.

    A PATH is a file or folder of objects; without one the running server is asked.
    """
    if not route and (hostnames or to):
        raise click.UsageError("--hostname and --to are about a --route.")
    if not route:
        concerned = {"namespace": namespace, "kind": _kind(kind) if kind else ""}
        found = reports.asked(paths, state_dir)("access", concerned)
        _show(found, output, access_text.access)
        return
    asked, _, name = route.partition("/")
    about = {"kind": _route_kind(asked), "namespace": namespace or "default", "name": name}
    ask = reports.asked(paths, state_dir)
    if name and not ask("route", about):
        whose = f"with the hostnames {', '.join(hostnames)}" if hostnames else "without hostnames"
        click.echo(f"There is no {about['kind']} {about['namespace']}/{name}; this is about a new one {whose}.", err=True)
    question = about | {"to": _target(to), "hostnames": ",".join(hostnames)}
    attempts = ask("attachable", question)
    if not attempts and output == "text":
        raise Missing(access_text.no_listener(to, ask("attachable", question | {"to": ""})))
    _show(attempts, output, access_text.attempts)
    ctx.exit(0 if any(not each["obstacles"] for each in attempts) else PROBLEM_FOUND)


def _show(found: access_text.Json, output: str, text: access_text.Text) -> None:
    click.echo(dump(found, "json") if output == "json" else "\n".join(text(found)), nl=output != "json")


def _kind(text: str) -> str:
    """The kind that a user names.

    Raises: click.UsageError when there is none.
    """
    from gatewright.cli.status import parse_target

    return parse_target(text, "").kind


def _route_kind(text: str) -> str:
    from gatewright.graph.tables import ROUTE_KINDS

    kind = _kind(text)
    if kind not in ROUTE_KINDS:
        raise click.UsageError(f"{kind} is no kind of routes; use one of {', '.join(ROUTE_KINDS)}.")
    return kind


def _target(to: str) -> str:
    """The target with its kind, if it has one, as reports name it."""
    from gatewright.console import kinds

    first, slash, rest = to.partition("/")
    resolved = kinds.resolve(first)
    return f"{resolved.lower()}/{rest}" if slash and resolved in {"Gateway", "ListenerSet"} and rest.count("/") else to
