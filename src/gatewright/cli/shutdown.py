"""`gatewright envoy shutdown-manager` and `gatewright envoy shutdown`: what runs beside Envoy in its Pod.

Not for people: the fleet writes these into the Pods that it makes. Options are Envoy Gateway's, durations are the Gateway API's.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

import rich_click as click

from gatewright.api.durations import milliseconds
from gatewright.cli.program import Failure
from gatewright.fleet.admin import AdminClient
from gatewright.fleet.shutdown import PORT, READY_FILE, READY_SECONDS, Drain, drain, serve
from gatewright.fleet.spec import HostPort

ADMIN: Final = HostPort("localhost", 19000)
CONTAINER_LOG: Final = Path("/proc/1/fd/1")
EXAMPLES: Final = """\
[bold]Examples[/]

  gatewright envoy shutdown-manager               [dim]the container beside Envoy[/]

  gatewright envoy shutdown --drain-timeout 2m    [dim]its preStop hook[/]
"""


class Seconds(click.ParamType[float]):
    """A duration of the Gateway API (10s, 1m30s), as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401 - click's
        """Read what was given."""
        if not isinstance(value, str):
            return float(value)
        try:
            return milliseconds(value) / 1000
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group(epilog=EXAMPLES)
def envoy() -> None:
    """Run beside Envoy in its Pod, and end its connections (for Pods that the fleet makes)."""


@envoy.command("shutdown-manager")
@click.option("--ready-timeout", type=Seconds(), default=f"{READY_SECONDS:.0f}s", show_default=True, help="Then Envoy must end.")
@click.option("--ready-file", type=click.Path(path_type=Path), default=READY_FILE, hidden=True)
@click.option("--port", type=int, default=PORT, hidden=True)
@click.option("--host", default=None, hidden=True)
def shutdown_manager(ready_timeout: float, ready_file: Path, port: int, host: str | None) -> None:
    """Serve /healthz, and /shutdown/ready: it is answered when Envoy may end."""
    try:
        asyncio.run(serve(ready_timeout, ready_file, port=port, host=host))
    except OSError as error:
        raise Failure(f"cannot serve on port {port}: {error}") from error


@envoy.command("shutdown")
@click.option("--health-check-failure-delay", type=Seconds(), default="0s", show_default=True, help="Before health checks fail.")
@click.option("--drain-timeout", type=Seconds(), default="60s", show_default=True, help="Connections may take so long.")
@click.option("--min-drain-duration", type=Seconds(), default="10s", show_default=True, help="Time for load balancers to notice.")
@click.option("--exit-at-connections", type=int, default=0, show_default=True, help="So few need not be waited for.")
@click.option("--ready-file", type=click.Path(path_type=Path), default=READY_FILE, hidden=True)
@click.option("--admin-port", type=int, default=ADMIN.port, hidden=True)
def shutdown(
    health_check_failure_delay: float,
    drain_timeout: float,
    min_drain_duration: float,
    exit_at_connections: int,
    ready_file: Path,
    admin_port: int,
) -> None:
    """Drain the Envoy of this Pod, then tell the shutdown manager."""
    wanted = Drain(health_check_failure_delay, drain_timeout, min_drain_duration, exit_at_connections)
    admin = AdminClient(HostPort(ADMIN.address, admin_port))
    asyncio.run(drain(admin, wanted, ready_file, _log()))


def _log() -> Callable[[str], None]:
    """A hook's output is shown by nobody, so it goes where the container's main process writes."""
    log: TextIO = sys.stdout
    if "KUBERNETES_SERVICE_HOST" in os.environ and os.getpid() != 1:
        with suppress(OSError):
            log = CONTAINER_LOG.open("a", buffering=1)
    return lambda text: print(text, file=log, flush=True)
