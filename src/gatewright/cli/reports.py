"""Getting a report: of files, made here and now, or of the running server, by asking it."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from gatewright.cli import connection
from gatewright.settings import state_root


def get(report: str, paths: Sequence[Path], state_dir: Path | None, query: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    """A report of `gatewright.reports` as JSON; without paths, of the running server.

    Raises: Failure when a file cannot be read, or no server answers.
    """
    if not paths:
        return connection.get(connection.find(state_dir, state_root(os.environ)), f"/api/reports/{report}", **query)
    from gatewright.cli.translate import read
    from gatewright.graph.settings import GraphSettings
    from gatewright.reports import REPORTS
    from gatewright.translation import settled

    given = read(paths)
    for line in (*given.problems, *given.notes):
        click.echo(line, err=True)
    world = settled((admitted for admitted, _ in given.objects.values()), GraphSettings(), int(time.time()))
    return msgspec.to_builtins(REPORTS[report](world, query))
