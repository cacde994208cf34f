"""Golden files: objects, then what becomes of them.

`<area>/<case>.yaml` holds documents, a line `# Status`, the statuses of the objects, a line `# Envoy`, and the resources of each
proxy. Its first lines may be `# Given: a b`, for objects of `given/a.yaml` and `given/b.yaml` that come in addition,
`# Settings: shared_host`, for what `GraphSettings` has off, and `# Show: route`, for some parts of the resources only. What is
the same everywhere (`constants.yaml`) is left out (but with `# Show: everything`), and so are the statuses of given objects, and
observedGeneration where it is right.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import yaml
from google.protobuf import json_format, message_factory

from gatewright.api.admission import Admitted, admit
from gatewright.api.meta import KubernetesObject
from gatewright.cli.config_dump import PREFIX, SECTIONS, descriptor, to_json
from gatewright.graph.settings import GraphSettings
from gatewright.status.document import StatusDocument
from gatewright.translation import Translation, translate
from gatewright.wire.resource import Resource
from tests.golden.text import written

ROOT: Final = Path(__file__).parent
NOW: Final = 1_780_000_000  # 2026-05-28T20:26:40Z
STATUS: Final = "\n# Status\n"
EVERYTHING: Final = "everything"
ENVOY: Final = "\n# Envoy\n"
CASES: Final = tuple(sorted(path for path in ROOT.glob("*/*.yaml") if path.parent.name != "given"))
_LONG: Final = 300
_DIRECTIVE: Final = re.compile(r"^# (Given|Show|Settings): (.*)$", re.MULTILINE)
_CONSTANTS: Final[dict[str, list[Any]]] = yaml.safe_load((ROOT / "constants.yaml").read_text())


class Golden(NamedTuple):
    """One file: its upper half, what must become of it, and the objects of its own and of those given."""

    path: Path
    objects_text: str
    expected: str
    own: tuple[Admitted, ...]
    given: tuple[Admitted, ...]
    show: frozenset[str]
    settings: GraphSettings

    @property
    def objects(self) -> tuple[Admitted, ...]:
        """All objects, each with a generation of its own."""
        return self.own + self.given


def load(path: Path) -> Golden:
    """Read a golden file; every document of it must be admitted."""
    text = path.read_text()
    objects_text, marker, expected = text.partition(STATUS)
    directives = dict(_DIRECTIVE.findall(objects_text))
    own = tuple(_admitted(objects_text, 1))
    given = tuple(
        each for name in directives.get("Given", "").split() for each in _admitted((ROOT / f"given/{name}.yaml").read_text(), 101)
    )
    show = frozenset(directives.get("Show", "").split())
    switched_on = dict.fromkeys(directives.get("Settings", "").split(), True)
    settings = msgspec.convert(switched_on, GraphSettings)
    return Golden(path, objects_text, marker + expected, own, given, show, settings)


def settle(golden: Golden, objects: Sequence[Admitted] | None = None) -> Translation:
    """Translate a golden's objects (in another order, if given)."""
    return translate(objects or golden.objects, golden.settings, NOW)


def render(golden: Golden, translation: Translation) -> str:
    """Write what has become of a golden's objects as its lower half."""
    generations = {
        (each.kind.name, each.key): each.object.metadata.generation
        for each in golden.objects
        if isinstance(each.object, KubernetesObject)
    }
    given = {(each.kind.name, each.key) for each in golden.given}
    shown = [each for each in translation.statuses if (each.kind, each.key) not in given]
    everything = EVERYTHING in golden.show
    statuses = "---\n".join(_status(each, generations[each.kind, each.key], everything=everything) for each in shown)
    proxies = "---\n".join(_proxy(name, each, golden) for name, each in translation.resources.items())
    return f"{STATUS}{statuses}{ENVOY}{proxies}"


def plain(resource: Resource) -> dict[str, Any]:
    """A resource as protobuf's JSON, private keys included, for Envoy to read."""
    to_json(resource.type_url, resource.body)  # imports what the body holds
    message = message_factory.GetMessageClass(descriptor(resource.type_url.removeprefix(PREFIX)))()
    message.ParseFromString(resource.body)
    decoded: dict[str, Any] = json_format.MessageToDict(message)
    return decoded


def _admitted(text: str, first: int) -> Iterable[Admitted]:
    documents = (document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document)
    for generation, document in enumerate(documents, first):
        verdict = admit(document)
        assert isinstance(verdict, Admitted), f"{document.get('kind')} {document.get('metadata')}: {verdict}"
        subject = verdict.object
        assert isinstance(subject, KubernetesObject)
        metadata = msgspec.structs.replace(subject.metadata, generation=generation)
        yield verdict._replace(object=msgspec.structs.replace(subject, metadata=metadata))


def _status(document: StatusDocument, generation: int, *, everything: bool) -> str:
    assert document.generation == generation
    body = _observed(document.body, generation)
    return written({f"{document.kind}/{document.key}": body if everything else _varying(body)})


def _observed(value: Any, generation: int) -> Any:  # noqa: ANN401 - JSON
    """Leave observedGeneration out where it is the object's."""
    if isinstance(value, list):
        return [_observed(each, generation) for each in value]
    if isinstance(value, dict):
        return {
            key: _observed(each, generation)
            for key, each in value.items()
            if (key, each) != ("observedGeneration", generation) and key != "supportedFeatures"
        }
    return value


def _proxy(name: str, resources: Iterable[Resource], golden: Golden) -> str:
    parts = {section.type_url: section.part for section in SECTIONS}
    shown: dict[str, Any] = {"proxy": name}
    for resource in resources:
        part = parts[resource.type_url]
        if not golden.show or golden.show & {part, EVERYTHING}:
            decoded = _shortened(to_json(resource.type_url, resource.body))
            shown.setdefault(part, []).append(decoded if EVERYTHING in golden.show else _varying(decoded))
    return written(shown)


def _shortened(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Put a hash in the place of a long text, as certificates are."""
    if isinstance(value, list):
        return [_shortened(each) for each in value]
    if isinstance(value, dict):
        return {key: _shortened(each) for key, each in value.items()}
    if isinstance(value, str) and len(value) > _LONG:
        return f"{len(value)} characters, {hashlib.sha256(value.encode()).hexdigest()[:8]}"
    return value


def _varying(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Leave out what is the same everywhere."""
    if isinstance(value, list):
        return [_varying(each) for each in value]
    if isinstance(value, dict):
        return {key: _varying(each) for key, each in value.items() if each not in _CONSTANTS.get(key, ()) and key != "@type"}
    return value
