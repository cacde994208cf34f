"""The `gatewright` command.

`COMMANDS` is the whole surface: a name, where the command lives, and the line that help shows. Modules are imported only for the
command that runs, so help, `validate` and `status` start fast. Exit codes are alike everywhere: 0 done and well, 1 a problem was
found in what the user gave, 2 wrong usage, 3 the command could not do its work.
"""

from gatewright.cli.program import COMMANDS, main

__all__ = ["COMMANDS", "main"]
