"""Admission judges as a real API server does: the same thousands of nearly good documents are put to both.

The CRDs are the official ones of a channel, and those of the extension kinds that are made from our models. MUTANTS and SEED in
the environment make more documents, or others: `MUTANTS=50000 SEED=7 pytest tests/kubernetes/test_admission.py`.
"""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from gatewright.api.admission import Admitted, admit
from gatewright.api.crds import extension_crds
from gatewright.api.rules import Channel
from gatewright.sources.kube.client import Client
from gatewright.sources.kube.credentials import Credentials
from tests.api.samples import SAMPLES, Document
from tests.kubernetes.bed import TESTBED, Bed
from tests.kubernetes.cluster import in_parallel, measured
from tests.kubernetes.conftest import missing
from tests.support.mutations import Mutator

MUTANTS = int(os.environ.get("MUTANTS", "4000"))
SEED = os.environ.get("SEED", "1")
WIDTH = 12
EXAMPLES = Path(__file__).parents[2] / "examples"
STRICT = {"dryRun": "All", "fieldValidation": "Strict"}


class Judged(NamedTuple):
    """A document, and what the API server said of it; nothing when it took it."""

    document: Document
    refusal: str


@pytest.mark.parametrize("channel", ["experimental", "standard"])
@pytest.mark.timeout(120 + MUTANTS // 50)
def test_the_same_verdicts(channel: Channel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No document is admitted here and refused there, or the other way round."""
    if reason := missing():
        pytest.skip(reason)
    folder = tmp_path / "crds"
    shutil.copytree(TESTBED / "bin/crds" / channel, folder)
    (folder / "extensions.yaml").write_text(yaml.safe_dump_all(extension_crds()))
    definitions = dict(_definitions(folder))
    documents = list(mutants(definitions))
    with Bed.up(tmp_path, folder, f"admission-{channel}") as bed:
        began = time.perf_counter()
        judged = asyncio.run(_judged(bed, documents, definitions))
        there = time.perf_counter() - began
    began = time.perf_counter()
    verdicts = [isinstance(admit(each.document, channel), Admitted) for each in judged]
    here = time.perf_counter() - began

    taken = sum(not each.refusal for each in judged)
    line = f"{channel}: {taken} taken and {len(judged) - taken} refused in {there:.1f} s there, {here:.1f} s here"
    measured(capsys, line)
    assert taken > len(judged) / 4, "the documents are too bad to tell much"
    assert len(judged) - taken > len(judged) / 4, "the documents are too good to tell much"
    differing = [each for each, ours in zip(judged, verdicts, strict=True) if ours is bool(each.refusal)]
    assert not differing, "\n".join(f"{json.dumps(each.document)}\n    {each.refusal or 'taken'}" for each in differing[:20])


def _definitions(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The CRDs by their kinds, of those kinds that there are samples of."""
    for file in sorted(folder.glob("*.yaml")):
        for each in yaml.load_all(file.read_text(), yaml.CSafeLoader):
            if each.get("kind") == "CustomResourceDefinition" and (kind := each["spec"]["names"]["kind"]) in SAMPLES:
                yield kind, each["spec"]


def mutants(definitions: Mapping[str, Mapping[str, Any]]) -> Iterator[Document]:
    """Documents of all the kinds and versions, made from the samples and the examples."""
    mutator = Mutator(SEED)
    good = {kind: [SAMPLES[kind], SAMPLES[kind], *of_kind] for kind, of_kind in _examples(definitions).items()}
    for number in range(MUTANTS):
        kind = list(definitions)[number % len(definitions)]
        version = mutator.choice(definitions[kind]["versions"])
        document = {**mutator.choice(good[kind]), "apiVersion": f"{definitions[kind]['group']}/{version['name']}"}
        yield mutator.mutant(document, version["schema"]["openAPIV3Schema"])


def _examples(kinds: Mapping[str, object]) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {kind: [] for kind in kinds}
    for file in sorted(EXAMPLES.rglob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            if document and document.get("kind") in found and document["metadata"].keys() == {"name"}:
                found[document["kind"]].append(document)
    return found


async def _judged(bed: Bed, documents: list[Document], definitions: Mapping[str, Mapping[str, Any]]) -> list[Judged]:
    """What the API server says of each, without keeping any."""
    judged: list[Judged] = []
    async with Client(Credentials({}, str(bed.kubeconfig))) as client:
        for namespace in {each["metadata"].get("namespace", "default") for each in documents} - {"default"}:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            await client.request("POST", "/api/v1/namespaces", body=json.dumps(body).encode())

        async def put(document: Document) -> None:
            of = definitions[document["kind"]]
            within = f"/namespaces/{document['metadata'].get('namespace', 'default')}" if of["scope"] == "Namespaced" else ""
            path = f"/apis/{document['apiVersion']}{within}/{of['names']['plural']}"
            status, answer, _ = await client.request("POST", path, query=STRICT, body=json.dumps(document).encode())
            assert status in {201, 400, 404, 422}, (status, answer)  # 404: a version that is not served
            judged.append(Judged(document, "" if status == 201 else answer.decode()))

        await in_parallel(map(put, documents), WIDTH)
    return judged
