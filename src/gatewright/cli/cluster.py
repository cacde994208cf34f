"""Which cluster a command is about, and which of its namespaces: the options that commands share, as kubectl has them.

What is in the cluster, `cluster_objects` reads; a command that is about files must not wait for what that imports.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import rich_click as click

Function = TypeVar("Function", bound=Callable[..., Any])


class Chosen(NamedTuple):
    """Which cluster, and which of its namespaces; without one, that of the context, and with `everywhere`, all."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    everywhere: bool = False

    @property
    def named(self) -> bool:
        """Whether a cluster is meant at all; a namespace alone does not say so."""
        return bool(self.kubeconfig or self.context or self.everywhere)


def options(command: Function) -> Function:
    """The options that name a cluster, as kubectl has them; `-n` is each command's own."""
    for option in (
        click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Objects of all namespaces of the cluster."),
        click.option("--context", default="", help="Context of the kubeconfig."),
        click.option("--kubeconfig", default="", help="Ask a cluster (default: as kubectl does, with --context or -A)."),
    ):
        command = option(command)
    return command
