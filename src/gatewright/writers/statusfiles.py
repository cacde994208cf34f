"""Statuses as files: `<kind>/<namespace>/<name>.yaml`, each replaced in one step, and only when it changed.

`write` takes documents and returns; `run` brings the folder to what was taken last, in a thread, and tries again what the disk
would not take. Every file begins with a mark, so that a later run knows what an earlier one has left behind, and touches
nothing else.
"""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote

import yaml_rs

from gatewright import log
from gatewright.api.meta import NamespacedName
from gatewright.status.document import StatusDocument

StatusKey: TypeAlias = tuple[str, NamespacedName]
Observer: TypeAlias = Callable[[str, float, bool], None]
"""Told of each file written: the kind, the seconds that it took, and whether it failed."""

MARK: Final = b"# Written by gatewright serve, which replaces and removes this file.\n"
LONGEST_NAME: Final = 200  # bytes; file systems allow 255
SLICE: Final = 200  # files a thread writes before it reports back
TAKEOVER_SECONDS: Final = 10.0  # how long files of an earlier run may wait for their objects

_log: Final = log.logger(__name__)

# Plain words that yaml-rs leaves unquoted, and that are no strings to Kubernetes.
_AMBIGUOUS: Final = re.compile(r"^(?:.* )?(?:[yYnN]|[-+]?0[oO][0-7]+|[-+.]?[0-9][0-9.]*_[0-9_.]*)(?:: .*|:)?$", re.MULTILINE)
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")  # YAML wants these escaped


class _Failure(NamedTuple):
    """A file that could not be written or removed."""

    key: StatusKey
    document: StatusDocument | None
    error: OSError


class StatusFiles:
    """A folder that shows the status of every object."""

    def __init__(self, folder: Path, *, retry_seconds: float = 5.0, observe: Observer = lambda *_: None) -> None:
        """Write below `folder`, made when it is missing; what fails is tried again every `retry_seconds`."""
        self._folder = folder
        self._retry_seconds = retry_seconds
        self._observe = observe
        self._pending: dict[StatusKey, StatusDocument | None] = {}
        self._digests: dict[Path, bytes] = {}
        self._wake = asyncio.Event()

    async def write(self, documents: Mapping[StatusKey, StatusDocument | None]) -> None:
        """Take the newest status of each object, None for an object that has none any more."""
        self._pending.update(documents)
        self._wake.set()

    async def run(self) -> None:
        """Keep the folder up to date, until cancelled."""
        left_behind = await asyncio.to_thread(self._find)
        takeover = time.monotonic() + TAKEOVER_SECONDS
        failures: list[_Failure] = []
        while True:
            patience = self._retry_seconds if failures else max(0.0, takeover - time.monotonic()) if left_behind else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), patience)
            self._wake.clear()
            pending = {failure.key: failure.document for failure in failures} | self._pending
            self._pending = {}
            still = await self._apply(pending)
            if left_behind and (pending or time.monotonic() >= takeover):
                await asyncio.to_thread(self._remove_all, left_behind - {self._path(key) for key in pending})
                left_behind = set()
            _report(failures, still)
            failures = still

    async def _apply(self, documents: Mapping[StatusKey, StatusDocument | None]) -> list[_Failure]:
        """Write or remove the files of `documents`; what failed comes back."""
        failures: list[_Failure] = []
        items = list(documents.items())
        for start in range(0, len(items), SLICE):
            failures += await asyncio.to_thread(self._put_all, items[start : start + SLICE])
        return failures

    def _put_all(self, documents: Iterable[tuple[StatusKey, StatusDocument | None]]) -> list[_Failure]:
        failures = []
        for key, document in documents:
            before = time.perf_counter()
            failed = False
            try:
                self._put(self._path(key), document)
            except OSError as error:
                failed = True
                failures.append(_Failure(key, document, error))
            self._observe(key[0], time.perf_counter() - before, failed)
        return failures

    def _put(self, path: Path, document: StatusDocument | None) -> None:
        if document is None:
            self._remove(path)
            return
        content = MARK + rendered(document).encode()
        digest = blake2b(content, digest_size=16).digest()
        if self._digests.get(path) == digest:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._folder / ".writing"
        try:
            beside.unlink(missing_ok=True)  # never follow a link that someone put there
            beside.write_bytes(content)
            beside.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise
        self._digests[path] = digest

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._digests.pop(path, None)
        with contextlib.suppress(OSError):  # not empty, or gone
            for folder in path.relative_to(self._folder).parents[:-1]:
                (self._folder / folder).rmdir()

    def _remove_all(self, paths: Iterable[Path]) -> None:
        for path in paths:
            try:
                self._remove(path)
            except OSError as error:
                _log.warning("a status file of an earlier run stays", file=str(path), error=str(error))

    def _find(self) -> set[Path]:
        """The files that an earlier run wrote; what is in them is not written again."""
        found = set()
        for path in self._folder.glob("*/**/*.yaml"):
            with contextlib.suppress(OSError):
                content = path.read_bytes()
                if content.startswith(MARK):
                    found.add(path)
                    self._digests[path] = blake2b(content, digest_size=16).digest()
        return found

    def _path(self, key: StatusKey) -> Path:
        kind, (namespace, name) = key
        parts = [_safe(part) for part in (kind.lower(), namespace, name) if part]
        return self._folder.joinpath(*parts[:-1], f"{parts[-1]}.yaml")


def rendered(document: StatusDocument) -> str:
    """The document as YAML: an object with nothing in it but its identity and its status."""
    namespace = {"namespace": document.key.namespace} if document.key.namespace else {}
    metadata = {"name": document.key.name, **namespace, "generation": document.generation}
    whole = {"apiVersion": document.api_version, "kind": document.kind, "metadata": metadata, "status": document.body}
    text = yaml_rs.dumps(whole).removeprefix("---\n") + "\n"
    if _AMBIGUOUS.search(text) is None and _UNPRINTABLE.search(text) is None:
        return text
    quoted = json.dumps(whole, indent=2, ensure_ascii=False)  # JSON is YAML, with all strings quoted
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted) + "\n"


def _safe(part: str) -> str:
    """`part` as a file name: API names are already safe; others are escaped, and long ones cut short and told apart by a hash."""
    name = quote(part, safe="")
    name = f"%2E{name[1:]}" if name.startswith(".") else name
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:LONGEST_NAME]}%{blake2b(part.encode(), digest_size=8).hexdigest()}"


def _report(before: list[_Failure], now: list[_Failure]) -> None:
    """Say when files begin to fail, or fail for another reason, and when all of them are written again."""
    if now and {failure.error.errno for failure in now} != {failure.error.errno for failure in before}:
        _log.error("status files are not written; trying again", files=len(now), error=str(now[0].error))
    elif before and not now:
        _log.info("status files are written again", files=len(before))
