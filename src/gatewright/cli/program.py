"""The command group: one table of commands, imported when used.

Help needs names and one-line descriptions only, so it renders placeholders; the command that is invoked (or completed) replaces
its placeholder by what its module holds. A failure the user can act on is a `Failure`: one line, no traceback.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple, NoReturn

import rich_click as click

from gatewright.cli.version import print_version

PROBLEM_FOUND: Final = 1
CANNOT_RUN: Final = 3
INTERRUPTED: Final = 130


class Entry(NamedTuple):
    """A subcommand: `target` is `module:attribute`; `help` is the line that `gatewright --help` shows."""

    name: str
    target: str
    help: str


COMMANDS: Final = (
    Entry("serve", "gatewright.cli.serve:serve", "Watch folders of Gateway API YAML and run Envoy from them."),
    Entry("status", "gatewright.cli.status:status", "Ask the running server what became of each object, and why."),
    Entry("access", "gatewright.cli.access:access", "Show what each namespace may attach to, and who may refer to what."),
    Entry("validate", "gatewright.cli.validate:validate", "Check YAML as a cluster's API server would, offline."),
    Entry("translate", "gatewright.cli.translate:translate", "Show the statuses and Envoy configuration that YAML becomes."),
    Entry("quickstart", "gatewright.cli.quickstart:quickstart", "Serve a small example with a demo backend."),
    Entry("install", "gatewright.cli.install:install", "Print the manifests of an installation in a cluster."),
    Entry("certgen", "gatewright.cli.certgen:certgen", "Make the certificates of an installation (it does so by itself, too)."),
    Entry("envoy", "gatewright.cli.shutdown:envoy", "Run beside Envoy in its Pod (for Pods that the fleet makes)."),
    Entry("schema", "gatewright.cli.schema:schema", "Print JSON Schemas, for completion and checks in editors."),
    Entry("completion", "gatewright.cli.completion:completion", "Print the completion script of a shell."),
    Entry("version", "gatewright.cli.version:version", "Print the versions of Gatewright, Python and Envoy."),
)

EXAMPLES: Final = """\
[bold]Examples[/]

  gatewright serve ./routes             [dim]serve a folder[/]

  gatewright status                     [dim]what is wrong, then everything[/]

  gatewright status httproute/shop      [dim]why does this route not work?[/]

  gatewright access -n team-a           [dim]what may this namespace attach to?[/]

  gatewright validate ./routes          [dim]check before you deploy[/]

  gatewright translate -f shop.yaml     [dim]what Envoy would be told[/]
"""


class Failure(click.ClickException):
    """The command cannot do its work; shown as one line. Exit code 3."""

    exit_code = CANNOT_RUN


class LazyGroup(click.RichGroup):
    """A group of placeholders, which imports the command that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the method that click calls
        """The commands in the order of the table; click would sort them."""
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with and import it."""
        name, placeholder, rest = super().resolve_command(ctx, args)
        return name, load(name) if placeholder and name else placeholder, rest


def load(name: str) -> click.Command:
    """Import the command called `name`."""
    module, _, attribute = next(entry.target for entry in COMMANDS if entry.name == name).partition(":")
    command = getattr(importlib.import_module(module), attribute)
    if not isinstance(command, click.Command):
        message = f"{module}:{attribute} is not a command"
        raise TypeError(message)
    return command


@click.group(
    cls=LazyGroup,
    commands={entry.name: click.RichCommand(name=entry.name, help=entry.help) for entry in COMMANDS},
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.rich_config(help_config={"text_markup": "rich", "max_width": 120, "commands_before_options": True})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=print_version, help="Print the version and exit."
)
def group() -> None:
    """Gatewright: the Gateway API on real Envoy, from a folder of YAML, on one machine."""


def main() -> NoReturn:
    """Run the command line. Whatever the user can mend is one line on stderr; a traceback means a bug of ours."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        returned = group.main(list(arguments), prog_name="gatewright", standalone_mode=False)
    except click.ClickException as failure:
        click.echo(f"{click.style('error:', fg='red')} {_one_line(failure)}", err=True)
        return failure.exit_code
    except click.Abort:
        return INTERRUPTED
    return returned if isinstance(returned, int) else 0


def _one_line(failure: click.ClickException) -> str:
    text = " ".join(failure.format_message().split())
    context = failure.ctx if isinstance(failure, click.UsageError) else None
    return f"{text} (see: {context.command_path} --help)" if context else text
