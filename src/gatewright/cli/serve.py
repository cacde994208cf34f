"""`gatewright serve`: watch folders of Gateway API YAML and run real Envoys from them, until told to stop.

This module turns the command line into `Settings`, takes hold of the state folder and hands over to `control.serve`. A start that
cannot succeed (an address in use, a folder of someone else, a configuration for another world) ends here, with one line.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import rich_click as click

from gatewright.cli import folders
from gatewright.cli.configuration import OFF, Configured, Options, configure
from gatewright.cli.program import INTERRUPTED, Failure
from gatewright.settings import ListenAddress, LogFormat, LogLevel

EXAMPLES: Final = """\
[bold]Examples[/]

  gatewright serve ./routes                             [dim]a folder, watched with all its subfolders[/]

  gatewright serve ./routes --status-dir ./status       [dim]statuses as files, too[/]

  gatewright serve --config envoy-gateway.yaml          [dim]the configuration file of Envoy Gateway[/]

  gatewright serve ./routes --log-format json --admin-address 127.0.0.1:0 --metrics-address off

With folders alone, the Backend kind is on; a configuration file says for itself ([bold]extensionApis.enableBackend[/]).
Ports of ours that nobody asked for give way when they are busy. Ctrl-C lets Envoys drain, a second one does not wait.
"""


class Address(click.ParamType[ListenAddress]):
    """`HOST:PORT`, `PORT` (on 127.0.0.1), or `off`."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ListenAddress:  # noqa: ANN401 - click's
        """Parse the text; an address on the command line was asked for, so it does not give way."""
        if isinstance(value, ListenAddress):
            return value
        text = str(value)
        if text == "off":
            return OFF
        host, _, port = text.rpartition(":")
        if not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - the largest port
            self.fail(f"{text!r} is not HOST:PORT, PORT or 'off'", param, ctx)
        return ListenAddress(host.strip("[]") or "127.0.0.1", int(port), asked_for=int(port) != 0)


FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(epilog=EXAMPLES)
@click.argument("directories", metavar="[DIR]...", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="An EnvoyGateway file (for folders, or for a cluster)."
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="How a cluster is reached (default: as kubectl does, or from within a Pod).",
)
@click.option("--context", help="Context of the kubeconfig.")
@click.option("--controller-name", help="controllerName of the GatewayClasses that are ours.")
@click.option("--state-dir", type=FOLDER, help="Folder for state and sockets (default: one of its own in the XDG state folder).")
@click.option("--status-dir", type=FOLDER, help="Also write every status to a file in this folder.")
@click.option("--log-level", type=click.Choice(get_args(LogLevel)), help="How much is logged (default: info).")
@click.option("--log-format", type=click.Choice(get_args(LogFormat)), help="How it is written (default: console).")
@click.option("--admin-address", type=Address(), help="Statuses as JSON (default: 127.0.0.1:19000).")
@click.option("--metrics-address", type=Address(), help="Prometheus metrics (default: 127.0.0.1:19001).")
@click.option("--health-address", type=Address(), help="/healthz and /readyz (default: 127.0.0.1:8081).")
@click.option(
    "--envoy", "envoy_path", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Envoy binary (default: bundled)."
)
@click.option(
    "--drain-seconds", type=click.FloatRange(0, 3600), help="How long a stopping Envoy waits for its connections (default: 10)."
)
@click.option("--from-scratch", is_flag=True, help="Compute everything anew at every change; slow, to look for errors of ours.")
@click.pass_context
def serve(ctx: click.RichContext, /, **given: Any) -> None:  # noqa: ANN401 - one keyword for each option, named as in Options
    """Watch folders of Gateway API YAML and run Envoy from them.

    Every *.yaml, *.yml and *.json below each DIR is read; changes take effect at once. Each Gateway gets an Envoy of its own.
    With a configuration file whose provider is Kubernetes, a cluster is watched instead, and Envoys are Pods of it.
    """
    options = Options(**given)
    if not options.directories and options.config is None:
        raise click.UsageError("Name a folder to serve, or a configuration file with --config.", ctx)
    ctx.exit(run(configure(options, os.environ, os.getuid())))


def run(configured: Configured) -> int:
    """Serve until stopped; returns the exit code.

    Raises: Failure when the server cannot start.
    """
    from gatewright import log

    settings = configured.settings
    log.configure(settings.log_level, settings.log_format)
    for warning in configured.warnings:
        log.logger(__name__).warning("configuration is not acted upon", field=warning)
    folders.prepare(settings)
    from gatewright import control
    from gatewright.console.listening import AddressError
    from gatewright.fleet.files import StateDirectoryError

    try:
        return asyncio.run(control.serve(settings))
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        known = [cause for cause in causes(error) if isinstance(cause, (AddressError, StateDirectoryError))]
        if not known:
            raise
        raise Failure(str(known[0])) from error
    finally:
        folders.tidy(settings)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The exceptions that a task group's exception is made of, or the exception itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from causes(inner)
    else:
        yield error
