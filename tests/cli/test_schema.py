"""`gatewright schema` as a person runs it."""

import json
from pathlib import Path

import pytest
import yaml

from gatewright.cli import program
from tests.api.samples import SAMPLES
from tests.support.json_schema import complaints


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, and what was printed."""
    code = program.run(["schema", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_all_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    """Without arguments one schema knows everything."""
    code, out, _ = run(capsys)
    schema = json.loads(out)

    assert 0 == code
    assert [] == [complaint for document in SAMPLES.values() for complaint in complaints(document, schema)]


def test_some_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    """Kinds go by the names that they have everywhere, short ones too."""
    assert "HTTPRoute" == json.loads(run(capsys, "hr")[1])["title"]
    assert {"HTTPRoute", "Gateway"} == set(json.loads(run(capsys, "httproutes", "gtw", "hr")[1])["definitions"])
    assert "EnvoyGateway" == yaml.safe_load(run(capsys, "envoygateway", "-o", "yaml")[1])["title"]


def test_unknown_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    """Who misspells a kind is told the right one; who asks for an experiment in the standard channel, that it is one."""
    code, _, err = run(capsys, "htproute")
    assert (3, True) == (code, "did you mean HTTPRoute?" in err)

    code, _, err = run(capsys, "xbackend", "--channel", "standard")
    assert (3, True) == (code, "belongs to the experimental channel" in err)


def test_a_folder_of_schemas(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Files that an editor can be pointed at."""
    code, out, err = run(capsys, "--output-dir", str(tmp_path / "schemas"))

    assert (0, "") == (code, out)
    assert "all.json knows all kinds" in err
    for name in ("all.json", "gateway.networking.k8s.io/httproute_v1.json"):
        schema = json.loads((tmp_path / "schemas" / name).read_text())
        assert [] == list(complaints(SAMPLES["HTTPRoute"], schema))


def test_a_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Is one line, not a traceback."""
    (tmp_path / "file").write_text("")
    code, _, err = run(capsys, "--output-dir", str(tmp_path / "file" / "below"))

    assert 3 == code
    assert 1 == len(err.splitlines())
