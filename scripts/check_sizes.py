"""Measures functions and modules against the sizes that keep this code readable, and fails when one is over.

The budget is the one that the admired Python libraries keep and no control plane does: nine functions in ten within 30 lines,
99 in a hundred within 70, none over 100, no module over 400, and every module opens by telling its story. Shares are judged over
`src` alone, where they describe the product; the limits hold everywhere.
"""

from __future__ import annotations

import ast
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LONGEST_FUNCTION = 100
LONGEST_MODULE = 400
SHARES = {50: 100, 90: 30, 99: 70}  # this percentage of functions is no longer than so many lines
FOLDERS = ("src", "scripts", "tests", "bench")
JUDGED_BY_SHARE = "src"


class Function(NamedTuple):
    """A function or method and its length in lines, decorators and docstring included."""

    path: Path
    line: int
    name: str
    lines: int


def main(root: Path) -> int:
    """Report the sizes under `root`; 1 when a limit is broken."""
    problems: list[str] = []
    for folder in FOLDERS:
        modules = sorted((root / folder).rglob("*.py"))
        functions: list[Function] = []
        for path in modules:
            source = path.read_text()
            tree = ast.parse(source, str(path))
            problems += module_problems(path.relative_to(root), source, tree)
            functions += functions_of(path.relative_to(root), tree)
        problems += [too_long(function) for function in functions if function.lines > LONGEST_FUNCTION]
        lengths = sorted(function.lines for function in functions)
        if folder == JUDGED_BY_SHARE:
            problems += share_problems(lengths)
        print(summary(folder, len(modules), lengths))
    print("\n".join(problems) or "sizes: within the budget")
    return 1 if problems else 0


def module_problems(path: Path, source: str, tree: ast.Module) -> Iterator[str]:
    """What is wrong with a module as a whole; an empty `__init__.py` has no story to tell."""
    lines = source.count("\n")
    if lines > LONGEST_MODULE:
        yield f"{path}: {lines} lines; a module has at most {LONGEST_MODULE}"
    if tree.body and not ast.get_docstring(tree):
        yield f"{path}:1: a module opens with a docstring that tells its story"


def functions_of(path: Path, tree: ast.Module) -> Iterator[Function]:
    """Every function and method of a module, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield Function(path, node.lineno, node.name, (node.end_lineno or node.lineno) - first + 1)


def too_long(function: Function) -> str:
    """The problem line of a function over the limit."""
    where = f"{function.path}:{function.line}"
    return f"{where}: {function.name} has {function.lines} lines; a function has at most {LONGEST_FUNCTION}"


def share_problems(lengths: Sequence[int]) -> Iterator[str]:
    """Which shares of the product's functions are longer than the budget."""
    for percent, limit in SHARES.items():
        if lengths and percentile(lengths, percent) > limit:
            found = percentile(lengths, percent)
            yield f"{JUDGED_BY_SHARE}: p{percent} of function length is {found} lines; the budget is {limit}"


def summary(folder: str, modules: int, lengths: Sequence[int]) -> str:
    """One line of figures for a folder."""
    shares = "  ".join(f"p{percent} {percentile(lengths, percent)}" for percent in SHARES) if lengths else ""
    longest = lengths[-1] if lengths else 0
    return f"sizes of {folder:<8} {modules:>4} modules {len(lengths):>5} functions  {shares}  longest {longest}"


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The nearest-rank percentile of ascending values."""
    return ordered[math.ceil(percent / 100 * len(ordered)) - 1]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent))
