"""What end-to-end tests share: one server a module, with backends behind it, or one a test where it is stopped or killed."""

from collections.abc import Iterator

import pytest

from tests.e2e.edge import Edge, edge_with_backends
from tests.support.serving import Serving, serving


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    """One server for the tests of a module: each has a host of its own, and removes nothing that others use."""
    with edge_with_backends() as made:
        yield made


@pytest.fixture
def server() -> Iterator[Serving]:
    """A server of the test's own, not started yet."""
    with serving() as made:
        yield made
