"""The Helm chart: made of the manifests, with every value explained.

That `helm template` gives what `gatewright install` prints was tried with Helm itself for all combinations of its values; here
the templates are held against what they are made of.
"""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "gatewright"


@pytest.fixture(scope="module")
def chart() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chart", ROOT / "scripts" / "chart.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_templates_are_up_to_date(chart: ModuleType) -> None:
    """Whoever changes the manifests runs `python scripts/chart.py`."""
    written = {path.name: path.read_text() for path in (CHART / "templates").iterdir()}

    assert chart.templates() == written


def test_no_mark_is_left_in_a_template() -> None:
    """A mark that is no expression of Helm's would be applied as it is."""
    for path in (CHART / "templates").iterdir():
        assert "XX" not in path.read_text()


def test_every_value_that_is_used_is_in_the_file_of_values_and_explained() -> None:
    """And none is there that is not used."""
    text = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    used = set(re.findall(r"\.Values\.([A-Za-z]+)", text))
    lines = (CHART / "values.yaml").read_text().splitlines()
    values = yaml.safe_load("\n".join(lines))

    assert used == set(values)
    blocks = "\n".join(lines).split("\n\n")
    assert all(block.startswith("# ") for block in blocks)


def test_removing_the_chart_removes_no_object_of_users(chart: ModuleType) -> None:
    """With a definition all objects of its kind would go."""
    definitions = chart.crds()

    assert definitions.count("kind: CustomResourceDefinition") == definitions.count("helm.sh/resource-policy: keep")
