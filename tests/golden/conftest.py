"""`--regenerate` writes the expected half of every golden file anew; what is written is then read by a person."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="write the expected half of the golden files anew")
