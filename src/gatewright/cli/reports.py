"""Getting a report: of files, made here and now, or of the running server, by asking it."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import rich_click as click

from gatewright.cli import connection
from gatewright.settings import state_root

Ask: TypeAlias = Callable[[str, Mapping[str, str]], Any]  # a report of `gatewright.reports` by name and query, as JSON


def asked(paths: Sequence[Path], state_dir: Path | None) -> Ask:
    """Whom to ask for reports: these files, which are read and complained of once, or without any the running server.

    Raises: Failure when a file cannot be read, or there is no server.
    """
    if paths:
        return _of_files(paths)
    server = connection.find(state_dir, state_root(os.environ))
    return lambda report, query: connection.get(server, f"/api/reports/{report}", **query)


def _of_files(paths: Sequence[Path]) -> Ask:
    from gatewright.cli.translate import read
    from gatewright.graph.settings import GraphSettings
    from gatewright.reports import REPORTS
    from gatewright.translation import settled

    given = read(paths)
    for line in (*given.problems, *given.notes):
        click.echo(line, err=True)
    world = settled((admitted for admitted, _ in given.objects.values()), GraphSettings(), int(time.time()))
    return lambda report, query: msgspec.to_builtins(REPORTS[report](world, query))
