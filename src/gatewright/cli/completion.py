"""`gatewright completion SHELL`: the script that teaches a shell to complete our commands.

Click writes the script and answers its questions; each answer is a run of `gatewright`, which is why start-up must be quick.
"""

from typing import Final

import rich_click as click
from click.shell_completion import get_completion_class

SHELLS: Final = ("bash", "zsh", "fish")
EXAMPLES: Final = """\
[bold]Examples[/]

  bash:  echo 'source <(gatewright completion bash)' >> ~/.bashrc

  zsh:   echo 'source <(gatewright completion zsh)' >> ~/.zshrc

  fish:  gatewright completion fish > ~/.config/fish/completions/gatewright.fish
"""


@click.command(epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    completer = get_completion_class(shell)
    if completer is None:
        message = f"click has no completion for {shell}"
        raise LookupError(message)
    click.echo(completer(ctx.find_root().command, {}, "gatewright", "_GATEWRIGHT_COMPLETE").source())
