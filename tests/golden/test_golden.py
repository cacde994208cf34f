"""Every golden file says what becomes of its objects, whatever their order."""

import random
from pathlib import Path

import pytest

from tests.golden import goldens


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", goldens.CASES, ids=_name)
def test_statuses_and_resources_are_those_written_down(path: Path, request: pytest.FixtureRequest) -> None:
    golden = goldens.load(path)

    actual = goldens.render(golden, goldens.settle(golden))

    if request.config.getoption("--regenerate"):
        path.write_text(golden.objects_text + actual)
        return
    assert golden.expected == actual


@pytest.mark.parametrize("path", goldens.CASES, ids=_name)
def test_the_order_of_the_input_changes_no_byte(path: Path) -> None:
    golden = goldens.load(path)
    expected = goldens.settle(golden)
    shuffled = list(golden.objects)
    random.Random(path.stem).shuffle(shuffled)  # noqa: S311 - nothing secret

    for order in (shuffled, golden.objects[::-1]):
        actual = goldens.settle(golden, order)

        assert expected.resources == actual.resources
        assert expected.statuses == actual.statuses
