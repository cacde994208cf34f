"""Any change to a good document ends in a verdict, and both ways to one agree."""

import copy
import json
from typing import Any, Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.api.admission import Admitted, Refused, admit
from gatewright.api.checks import Terms, struct_type
from gatewright.api.diagnosis import encodable, forgiven, problems_of
from gatewright.api.kinds import ALL_KINDS, Kind
from gatewright.api.meta import KubernetesObject
from gatewright.api.rules import Channel
from tests.api.samples import SAMPLES, Document

ODD_SCALARS: Final = (None, True, 0, 1, -1, 80, 65536, 2**31, 2**70, 1.0, 0.5, float("inf"))
ODD_TEXTS: Final = ("", "a", "a.b", "A b", "*", "*.a", "10.0.0.1", "é\n", "1s", "99h", "/a//b", "x" * 300, "\ud800")
ENUMS: Final = ("Exact", "RegularExpression", "Service", "HTTP", "TLS", "TCP", "Terminate", "CORS", "URLRewrite")
ODD_LISTS: Final[tuple[list[Any], ...]] = ([], [None], [[]], [{}])
ODD_OBJECTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"a": None},
    {"name": "a"},
    {"type": "Exact"},
    {"group": "", "kind": "Service", "name": "a"},
    {"\ud800": ""},
)
ODD_VALUES: Final[st.SearchStrategy[Any]] = st.sampled_from((*ODD_SCALARS, *ODD_TEXTS, *ENUMS, *ODD_LISTS, *ODD_OBJECTS))


def _places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for step, inner in steps for place in _places(inner, (*path, step)))]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A good document of any kind with up to three odd changes: a field replaced, taken out, added, or an item repeated."""
    document = copy.deepcopy(SAMPLES[draw(st.sampled_from(sorted(SAMPLES)))])
    for _ in range(draw(st.integers(0, 3))):
        places = [place for place in _places(document) if len(place) > 1 or place in {("spec",), ("metadata",)}]
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        at: Any = document
        for step in way:
            at = at[step]
        match draw(st.sampled_from(["replace", "remove", "add", "repeat"])):
            case "replace":
                at[last] = copy.deepcopy(draw(ODD_VALUES))
            case "remove":
                del at[last]
            case "add" if isinstance(at[last], dict):
                at[last][draw(st.sampled_from(["unknown", "name", "type", "tls", "port"]))] = copy.deepcopy(draw(ODD_VALUES))
            case "repeat" if isinstance(at[last], list) and at[last]:
                at[last].extend(copy.deepcopy(at[last]) * draw(st.sampled_from([1, 16, 130])))
    return document


CHANNELS = st.sampled_from(["experimental", "standard"])


@settings(max_examples=400, deadline=None)
@given(document=documents(), channel=CHANNELS)
def test_a_verdict_is_always_given(document: Document, channel: Channel) -> None:
    """Admission never raises; who is refused is told why."""
    verdict = admit(document, channel, ALL_KINDS)

    assert isinstance(verdict, Admitted) or len(verdict.problems) > 0


@settings(max_examples=400, deadline=None)
@given(document=documents(), channel=CHANNELS)
def test_the_walk_agrees_with_the_fast_path(document: Document, channel: Channel) -> None:
    """The walk finds nothing in what is admitted, and by itself finds why the rest is refused."""
    verdict = admit(document, channel, ALL_KINDS)
    kind = _kind(document, channel)
    if kind is None:
        assert isinstance(verdict, Refused)
        return
    described = struct_type(kind.struct)
    value = encodable({name: item for name, item in document.items() if name != "status"})
    walked = list(
        problems_of(described, forgiven(described, value), "", Terms(channel, document["apiVersion"].rpartition("/")[2]))
    )
    about_metadata = isinstance(verdict, Refused) and any(problem.path.startswith("metadata") for problem in verdict.problems)

    assert isinstance(verdict, Refused) == bool(walked or about_metadata)


def _kind(document: Document, channel: Channel) -> Kind | None:
    version = document["apiVersion"].rpartition("/")[2]
    kind = next(kind for kind in ALL_KINDS if kind.name == document["kind"])
    return None if channel == "standard" and version in kind.experimental_versions else kind


@settings(max_examples=300, deadline=None)
@given(document=documents(), channel=CHANNELS)
def test_json_and_dictionaries_are_judged_alike(document: Document, channel: Channel) -> None:
    """It does not matter how a document comes, as long as JSON can say it."""
    try:
        encoded = msgspec.json.encode(json.loads(json.dumps(document, allow_nan=False)))
    except (ValueError, OverflowError):
        return
    decoded = msgspec.json.decode(encoded)

    assert admit(decoded, channel, ALL_KINDS) == admit(encoded, channel, ALL_KINDS)


def _unicode(document: Document) -> Document:
    clean = encodable(document)
    assert isinstance(clean, dict)
    return clean


@settings(max_examples=200, deadline=None)
@given(document=documents())
def test_what_is_admitted_can_be_written_and_admitted_again(document: Document) -> None:
    """An object's JSON is a good document, of the same object."""
    verdict = admit(_unicode(document), "experimental", ALL_KINDS)
    if isinstance(verdict, Admitted) and isinstance(verdict.object, KubernetesObject):
        again = admit(msgspec.json.encode(verdict.object), "experimental", ALL_KINDS)

        assert verdict == again
