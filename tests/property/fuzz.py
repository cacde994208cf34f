"""Spoilt worlds and spoilt text: whatever they hold, what comes out is a clear error or a result, and soon.

`python -m tests.property.fuzz --seconds 600` goes on for as long as you let it, and prints the seed of whatever it finds;
`--seed N --seconds 0` does that one again. `test_fuzz.py` is a short run of the same.
"""

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from gatewright.api.admission import Admitted, Refused, admit
from gatewright.api.crds import Schema, schema_of
from gatewright.api.kinds import by_gvk
from gatewright.cli.validate import findings, printable
from gatewright.graph.settings import GraphSettings
from gatewright.sources.documents import documents
from gatewright.sources.plain_yaml import PlainYaml
from gatewright.translation import Translation, translate
from tests.support.certificates import self_signed
from tests.support.mutations import Mutator

Document = dict[str, Any]

SECONDS: Final = 5.0  # within which one world or text is to be done with
SNIPPETS: Final = (
    *(
        b"---\n",
        b"...\n",
        b"- ",
        b": ",
        b"? ",
        b"&a ",
        b"*a",
        b"<<: *a\n",
        b"!!binary ",
        b"!!python/object:os.system ",
        b"|\n",
        b">-\n",
    ),
    *(
        b"\t",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\r\n",
        b"\xc3\xa9",
        b"\xe2\x80\xa8",
        b"\xf0\x9f\x98\x80",
        b"#",
        b"'",
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
    ),
    *(
        b"0x1F",
        b"0o17",
        b"1_000",
        b".inf",
        b".nan",
        b"2020-01-01",
        b"yes",
        b"~",
        b"1e400",
        b"9" * 400,
        b"%YAML 1.1\n",
        b'"\\ud800"',
    ),
    *(b"[" * 2000, b"{a: " * 500, b"a: &a [*a]\n", b"x" * 5000),
)


class TooSlow(Exception):  # noqa: N818 - what happened
    """A document was not done with in time."""


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise TooSlow within the block when it takes longer."""

    def ring(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@cache
def world() -> tuple[Document, ...]:
    """The good world, with certificates."""
    shop = self_signed("shop.example.com")
    secrets = shop.secret("cert") + "---" + shop.secret("cert", namespace="other")
    authorities = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ca"},
        "data": {"ca.crt": shop.certificate.decode()},
    }
    text = Path(__file__).with_name("fuzz.yaml").read_text()
    return (*yaml.safe_load_all(text), *yaml.safe_load_all(secrets), authorities)


@cache
def schema(api_version: str, kind: str) -> Schema:
    """The schema of a kind; of core kinds what is modelled of them."""
    found = by_gvk(api_version, kind)
    assert found is not None
    return schema_of(found.struct)


def spoilt_world(random: Random) -> list[Document]:
    """The world with changes to a few of its objects, of which most could be a person's."""
    mutator = Mutator(random)
    chosen = set(random.sample(range(len(world())), random.choice((1, 1, 2, 3, 6))))
    return [
        mutator.mutant(each, schema(each["apiVersion"], each["kind"])) if place in chosen else each
        for place, each in enumerate(world())
    ]


def spoilt_text(random: Random) -> bytes:
    """Some of the world as YAML or JSON, with bytes of it changed, lines moved, and snippets put in."""
    chosen = random.sample(world(), random.choice((1, 1, 1, 2, 4)))
    style = random.choice(("block", "flow", "json"))
    if style == "json":
        text = "\n".join(json.dumps(each, indent=random.choice((None, 2))) for each in chosen).encode()
    else:
        text = yaml.safe_dump_all(chosen, default_flow_style=style == "flow", sort_keys=False).encode()
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        text = random.choice(_SPOILERS)(text, random)
    return text


def _insert(text: bytes, random: Random) -> bytes:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(SNIPPETS) + text[at:]


def _replace(text: bytes, random: Random) -> bytes:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice((bytes([random.randrange(256)]), random.choice(SNIPPETS))) + text[at + random.randrange(4) :]


def _cut(text: bytes, random: Random) -> bytes:
    return text[: random.randrange(len(text) + 1)]


def _shift_line(text: bytes, random: Random) -> bytes:
    lines = text.split(b"\n")
    at = random.randrange(len(lines))
    lines[at] = random.choice((b"  " + lines[at], lines[at][2:], b"", lines[at] + b"\n" + lines[at], b"\t" + lines[at]))
    return b"\n".join(lines)


_SPOILERS: Final[tuple[Callable[[bytes, Random], bytes], ...]] = (_insert, _insert, _replace, _cut, _shift_line, _shift_line)


def judged(objects: list[Document]) -> Translation:
    """The translation of what is admitted; who is refused is told why, in words that can be printed."""
    admitted = {}
    for each in objects:
        verdict = admit(each)
        if isinstance(verdict, Refused):
            assert verdict.problems
            assert all(printable(str(problem)) for problem in verdict.problems)
        else:
            admitted[verdict.kind.name, verdict.key] = verdict
    return translate(admitted.values(), GraphSettings(), int(time.time()))


def validated(text: bytes, folder: Path) -> list[Admitted]:
    """What `gatewright validate` says of a text, and the good documents that it holds."""
    file = folder / "spoilt.yaml"
    file.write_bytes(text)
    for finding in findings([file], "experimental")[file]:
        assert finding.message
        assert finding.line >= 1
        assert printable(finding.text(str(file)))
    found = [admit(each.value) for each in documents(text, PlainYaml()) if each.value is not None]
    return [each for each in found if isinstance(each, Admitted)]


def attempt(seed: int, folder: Path) -> None:
    """One spoilt world and one spoilt text in the midst of the good world. Raises: whatever went wrong."""
    random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
    with deadline(SECONDS):
        judged(spoilt_world(random))
    with deadline(SECONDS):
        text = spoilt_text(random)
        good = {(each.kind.name, each.key): each for each in map(admit, world()) if isinstance(each, Admitted)}
        spoilt = {(each.kind.name, each.key): each for each in validated(text, folder)}
        translate((good | spoilt).values(), GraphSettings(), int(time.time()))


def main() -> int:
    """Try seeds one after the other; 1 when one of them found something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    found: Mapping[str, int] = _found(chosen.seed, chosen.seconds)
    for error, seed in found.items():
        sys.stdout.write(f"--seed {seed} --seconds 0\n{error}\n")
    return 1 if found else 0


def _found(first: int, seconds: float) -> dict[str, int]:
    """What went wrong, each once, with the seed that shows it."""
    end, seed, found, places = time.monotonic() + seconds, first, dict[str, int](), set[str]()
    with tempfile.TemporaryDirectory() as folder:
        while seed == first or time.monotonic() < end:
            try:
                attempt(seed, Path(folder))
            except Exception as error:  # noqa: BLE001 - all of them are what is looked for
                place = repr(traceback.extract_tb(error.__traceback__)[-1])
                if place not in places:
                    places.add(place)
                    found["".join(traceback.format_exception(error, limit=-6))] = seed
            seed += 1
    sys.stdout.write(f"{seed - first} seeds from {first}: {len(found)} places at which something went wrong\n")
    return found


if __name__ == "__main__":
    sys.exit(main())
