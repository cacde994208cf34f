"""The size check, run on small trees that break one limit each."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_sizes.py"
STORY = '"""A module with a story."""\n'


def sized(root: Path, **modules: str) -> tuple[int, list[str]]:
    """The check's exit code and problem lines for a tree of `src` modules."""
    (root / "src").mkdir()
    for name, source in modules.items():
        (root / "src" / f"{name}.py").write_text(source)
    ran = subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True, check=False)
    return ran.returncode, [line for line in ran.stdout.splitlines() if not line.startswith("sizes of")]


def function(lines: int) -> str:
    """A function of so many lines."""
    return "def grown() -> None:\n" + "    pass\n" * (lines - 1)


def test_a_tree_within_the_limits_passes(tmp_path: Path) -> None:
    """Thirty lines a function are within every budget; an empty `__init__.py` needs no story."""
    assert (0, ["sizes: within the budget"]) == sized(tmp_path, small=STORY + function(30), __init__="")


def test_a_function_over_100_lines_fails(tmp_path: Path) -> None:
    """One long function among many short ones is named with its place; the shares are not touched by it."""
    short = "".join(function(2) for _ in range(150))
    expected = ["src/long.py:2: grown has 101 lines; a function has at most 100"]
    assert (1, expected) == sized(tmp_path, long=STORY + function(101), short=STORY + short)


def test_a_share_of_functions_over_the_budget_fails(tmp_path: Path) -> None:
    """Two functions in ten over 30 lines are too many, though none is over the limit."""
    source = STORY + "".join(function(2) for _ in range(8)) + function(31) * 2
    assert (1, ["src: p90 of function length is 31 lines; the budget is 30"]) == sized(tmp_path, shares=source)


def test_a_module_over_400_lines_fails(tmp_path: Path) -> None:
    """Comments and blank lines count: it is about what a reader has to scroll."""
    assert (1, ["src/long.py: 401 lines; a module has at most 400"]) == sized(tmp_path, long=STORY + "\n" * 400)


def test_a_module_without_a_story_fails(tmp_path: Path) -> None:
    """A module with code opens with a docstring."""
    assert (1, ["src/mute.py:1: a module opens with a docstring that tells its story"]) == sized(tmp_path, mute="x = 1\n")
