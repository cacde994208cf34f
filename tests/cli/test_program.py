"""The command line as a whole: what is imported when, exit codes, one-line errors."""

import os
import subprocess
import sys
import time

import pytest

from gatewright.cli.program import COMMANDS, load


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gatewright", *arguments], capture_output=True, text=True, timeout=30, check=False
    )


def test_help_lists_every_command_in_the_order_of_the_table() -> None:
    """What is in the table is what users see."""
    done = run("--help")
    places = [done.stdout.find(f" {entry.name} ") for entry in COMMANDS]
    assert (0, sorted(places), False) == (done.returncode, places, -1 in places)


@pytest.mark.parametrize("name", [entry.name for entry in COMMANDS])
def test_each_command_loads_and_has_help_with_examples(name: str) -> None:
    """An entry whose module is missing would be found only by the user who needs it."""
    command = load(name)
    assert name == command.name
    assert command.help


def test_help_imports_no_command() -> None:
    """Start-up stays quick: neither grpc nor aiohttp nor structlog nor Envoy's protobufs are touched."""
    program = (
        "import sys; from gatewright.cli.program import run; run(['--help']); "
        "print(sorted({'grpc', 'aiohttp', 'structlog', 'google.protobuf', 'msgspec', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["serv"], 2, "error: No such command 'serv'. Did you mean 'serve'? (see: gatewright --help)"),
        (["serve"], 2, "error: Name a folder to serve, or a configuration file with --config. (see: gatewright serve --help)"),
        (
            ["serve", "/nope"],
            2,
            "error: Invalid value for '[DIR]...': Path '/nope' does not exist. (see: gatewright serve --help)",
        ),
        (["serve", "--config", "/nope.yaml"], 3, "error: cannot read /nope.yaml: No such file or directory"),
        (
            ["serve", ".", "--admin-address", "here"],
            2,
            "error: Invalid value for '--admin-address': 'here' is not HOST:PORT, PORT or 'off' (see: gatewright serve --help)",
        ),
    ],
)
def test_errors_are_one_line(arguments: list[str], code: int, error: str) -> None:
    """No traceback for what the user can mend; the exit code says whose turn it is."""
    done = run(*arguments)
    assert (code, "", f"{error}\n") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    """Each supported shell has a script that calls us back."""
    done = run("completion", shell)
    assert (0, True) == (done.returncode, f"_GATEWRIGHT_COMPLETE={shell}_complete" in done.stdout)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("gatewright sta", "plain,status"),
        ("gatewright status httpr", "plain,httproute"),
        ("gatewright completion z", "plain,zsh"),
    ],
)
def test_completion_knows_commands_kinds_and_choices(words: str, expected: str) -> None:
    """What the script asks is answered."""
    environ = {"_GATEWRIGHT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "gatewright"], env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    assert expected in done.stdout.splitlines()


def test_start_up_is_quick() -> None:
    """A generous bound, the best of three on a busy machine: help takes about 0.15 s."""
    took = []
    for _ in range(3):
        start = time.perf_counter()
        run("--help")
        took.append(time.perf_counter() - start)
    assert min(took) < 0.6
