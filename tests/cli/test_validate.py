"""`gatewright validate` as a person or a script runs it, on real folders."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewright.cli import program

GOOD = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: eg}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
"""
BAD = """\
# a comment, and an empty document
---
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
  namespace: web
spec:
  hostname: shop.example.com
  rules:
  - matches:
    - path:
        type: Prefix
        value: /
    backendRefs:
    - name: shop
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: shop}
"""

Write = Callable[[str, str], Path]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file below the test's folder and returns the folder."""

    def write_file(name: str, text: str) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return tmp_path

    return write_file


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command as the program does; its exit code, output and error output."""

    def run_validate(*arguments: object) -> tuple[int, str, str]:
        code = program.run(["validate", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_validate


def test_a_good_folder(run: Run, write: Write) -> None:
    """Files of all three suffixes are found, also below; the exit code is 0 and nothing but a summary is said."""
    write("a.yaml", GOOD)
    write("below/b.yml", SERVICE)
    folder = write("below/deep/c.json", json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}))

    assert (0, "", "no problems in 3 files\n") == run(folder)


def test_each_problem_is_a_line(run: Run, write: Write) -> None:
    """File, line of the field, document, object, field, and what is wrong; the exit code is 1."""
    folder = write("bad.yaml", BAD)
    code, out, summary = run(folder)

    assert 1 == code
    fields = "known: hostnames, parentRefs, rules, useDefaultGateways"
    type_path = "spec.rules[0].matches[0].path.type"
    types, guess = '"Exact", "PathPrefix", "RegularExpression"', '; did you mean "PathPrefix"?'
    assert [
        f'10: document 1: HTTPRoute web/shop: spec.hostname: unknown field; did you mean "hostnames"? ({fields})',
        f'14: document 1: HTTPRoute web/shop: {type_path}: "Prefix" is not supported; one of {types}{guess}',
        "17: document 1: HTTPRoute web/shop: spec.rules[0].backendRefs[0]: Must have port for Service reference",
    ] == [line.removeprefix(f"{folder}/bad.yaml:") for line in out.splitlines()]
    assert "3 problems in 1 of 1 file\n" == summary


def test_json_output(run: Run, write: Write) -> None:
    """One list with an entry for each file that has problems, and nothing else on standard output."""
    write("good.yaml", GOOD)
    folder = write("bad.yaml", BAD)
    code, out, _ = run(folder, "-o", "json")
    report = json.loads(out)

    assert (1, [f"{folder}/bad.yaml"]) == (code, [entry["file"] for entry in report])
    assert {
        "line": 17,
        "document": 1,
        "kind": "HTTPRoute",
        "namespace": "web",
        "name": "shop",
        "path": "spec.rules[0].backendRefs[0]",
        "message": "Must have port for Service reference",
    } == report[0]["problems"][-1]


def test_json_output_without_problems(run: Run, write: Write) -> None:
    """The list is empty."""
    assert (0, "[]\n", "") == run(write("good.yaml", GOOD), "-o", "json")


def test_an_object_may_be_there_once(run: Run, write: Write) -> None:
    """The second declaration is the problem, in whatever file and version it stands."""
    write("a.yaml", SERVICE + "---\n" + GOOD)
    folder = write("b.yaml", GOOD.replace("/v1", "/v1beta1") + "---\n" + SERVICE.replace("shop}", "shop, namespace: other}"))
    code, out, _ = run(folder)

    assert 1 == code
    message = f"the same object is in {folder}/a.yaml:5 already; it may be there once"
    assert f"{folder}/b.yaml:1: document 1: GatewayClass eg: metadata.name: {message}\n" == out


def test_two_identical_documents_of_one_list(run: Run, write: Write) -> None:
    """Items of a list are objects like any others."""
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    folder = write("list.json", json.dumps({"apiVersion": "v1", "kind": "List", "items": [item, item]}))

    assert 1 == run(folder)[0]


def test_what_is_no_yaml_is_a_problem(run: Run, write: Write) -> None:
    """A document that cannot be read has a line, and hides none of its neighbours."""
    folder = write("a.yaml", "a: [\n---\n" + BAD)
    _, out, _ = run(folder)

    assert 4 == len(out.splitlines())
    assert out.startswith(f"{folder}/a.yaml:")


def test_channels(run: Run, write: Write) -> None:
    """Whose CRDs to judge by can be chosen."""
    text = GOOD.replace("GatewayClass", "Gateway").replace(
        "spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}",
        "spec: {gatewayClassName: eg, defaultScope: All, listeners: [{name: a, port: 80, protocol: HTTP}]}",
    )
    folder = write("a.yaml", text)

    assert 0 == run(folder)[0]
    assert 1 == run(folder, "--channel", "standard")[0]


def test_files_by_name(run: Run, write: Write) -> None:
    """A file that is named is read whatever it is called, and once; hidden files are not looked for."""
    folder = write("manifest.txt", BAD)
    write(".hidden.yaml", BAD)
    write(".git/a.yaml", BAD)
    write("good.yaml", GOOD)

    assert (0, "", "no problems in 1 file\n") == run(folder, folder / "good.yaml")
    assert 1 == run(folder / "manifest.txt")[0]


def test_configuration_files_can_be_checked(run: Run, write: Write) -> None:
    """An EnvoyGateway is no object of a folder, but its mistakes are found all the same."""
    text = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyGateway\nprovider: {type: Kubernets}\n"

    assert ':3: document 1: EnvoyGateway: provider.type: "Kubernets" is not supported; one of' in run(write("a.yaml", text))[1]


def test_an_empty_folder_is_a_failure(run: Run, tmp_path: Path) -> None:
    """A folder without a file is likelier a mistake than a wish."""
    code, out, error = run(tmp_path)

    assert (3, "") == (code, out)
    assert f"no *.yaml, *.yml or *.json in {tmp_path}" in error


def test_what_no_terminal_can_show_does_not_end_the_run(run: Run, write: Write) -> None:
    """Half a surrogate pair, which JSON can write, is shown as a question mark."""
    folder = write("a.json", '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "\\ud800"}}')
    code, out, _ = run(folder)

    assert (1, 1) == (code, len(out.splitlines()))


def test_the_command_starts_quickly(write: Write) -> None:
    """A whole run takes well under two seconds on a busy machine, and never loads Envoy's protobufs or grpc."""
    folder = write("bad.yaml", BAD)
    script = (
        "import sys; from gatewright.cli.program import run; code = run(sys.argv[1:]); "
        "print(code, sorted({'grpc', 'google.protobuf', 'asyncio', 'aiohttp'} & set(sys.modules)))"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script, "validate", str(folder)], capture_output=True, text=True, check=False, timeout=30
    )

    assert "1 []" == done.stdout.splitlines()[-1]
    assert time.monotonic() - start < 2
