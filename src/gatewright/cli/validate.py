"""`gatewright validate`: would a cluster's API server take these files?

Every document is judged by itself, by the same admission that `serve` uses, and then the folder as a whole: an object may stand
in it once. All problems are shown, each with its file, line, object and field. Exit code 1 when there is one.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import rich_click as click

from gatewright.api.admission import Admitted, Channel, Refused, admit
from gatewright.api.kinds import ALL_KINDS, CONFIGURATION_KINDS
from gatewright.api.meta import NamespacedName
from gatewright.cli import cluster
from gatewright.cli.output import dump
from gatewright.cli.program import PROBLEM_FOUND, Failure
from gatewright.sources.documents import Document, documents
from gatewright.sources.plain_yaml import PlainYaml

SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
EXAMPLES: Final = """\
[bold]Examples[/]

  gatewright validate ./routes                      [dim]every *.yaml, *.yml and *.json in the folder and below[/]

  gatewright validate shop.yaml --channel standard  [dim]as a cluster with the standard channel's CRDs would[/]

  gatewright validate -A                            [dim]the objects of a cluster[/]

  gatewright validate -o json ./routes              [dim]for scripts[/]

[bold]Exit codes[/]: 0 no problems, 1 problems, 2 wrong usage, 3 a file cannot be read.
"""


class Finding(NamedTuple):
    """One problem of one document; `kind`, `namespace` and `name` are as it says, and empty where it does not."""

    line: int
    document: int
    kind: str
    namespace: str
    name: str
    path: str
    message: str

    def text(self, file: str) -> str:
        """One line for people, which editors can jump to."""
        named = f"{self.kind} {NamespacedName(self.namespace, self.name)}".strip()
        if not self.document:  # of a cluster: there is no file
            return ": ".join(part for part in (named, self.path, self.message) if part)
        return ": ".join(
            part for part in (f"{file}:{self.line}", f"document {self.document}", named, self.path, self.message) if part
        )


@click.command(epilog=EXAMPLES)
@click.argument("paths", nargs=-1, metavar="[PATH...]", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--channel",
    type=click.Choice(["experimental", "standard"]),
    default="experimental",
    show_default=True,
    help="Whose CRDs to judge by.",
)
@click.option("-n", "--namespace", default="", help="Of a cluster, only objects of this namespace (default: the context's).")
@cluster.options
@click.pass_context
def validate(
    ctx: click.Context,
    /,
    paths: tuple[Path, ...],
    output: str,
    channel: Channel,
    **place: Any,  # noqa: ANN401 - the options that name a cluster
) -> None:
    """Check YAML and JSON files as a cluster's API server would, offline, or what a cluster holds.

    A PATH is a file, or a folder that is searched with those below it. A cluster's objects are checked by the rules of this
    version, which may be newer than the CRDs that they were admitted by.
    """
    chosen = cluster.Chosen(**place)
    if bool(paths) == bool(chosen.named or chosen.namespace):
        raise click.UsageError("name files or folders, or a cluster with --kubeconfig, --context, -n or -A")
    files = list(files_in(paths))
    if paths and not files:
        raise Failure(f"no *.yaml, *.yml or *.json in {', '.join(map(str, paths))}")
    found = findings(files, channel) if files else of_cluster(chosen, channel)
    if output == "json":
        click.echo(printable(dump(report(found), "json")), nl=False)
    else:
        for file, of_file in found.items():
            for finding in of_file:
                click.echo(printable(finding.text(str(file))))
        click.echo(summary(found, "file" if files else "object"), err=True)
    if any(found.values()):
        ctx.exit(PROBLEM_FOUND)


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that `paths` name or hold, in order and once; hidden ones only when they are named."""
    seen: set[Path] = set()
    for path in paths:
        below = sorted(each for each in path.rglob("*") if _is_manifest(each, path)) if path.is_dir() else [path]
        for file in below:
            if (whole := file.resolve()) not in seen:
                seen.add(whole)
                yield file


def _is_manifest(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return file.suffix in SUFFIXES and not hidden and file.is_file()


def findings(files: Iterable[Path], channel: Channel) -> dict[Path, list[Finding]]:
    """What is wrong with each file, in the order of its lines.

    Raises: Failure when a file cannot be read.
    """
    plain = PlainYaml()
    first: dict[tuple[str, NamespacedName], str] = {}
    found: dict[Path, list[Finding]] = {}
    for file in files:
        try:
            text = file.read_bytes()
        except OSError as error:
            raise Failure(f"cannot read {file}: {error.strerror}") from error
        of_file = (each for document in documents(text, plain) for each in _of_document(document, file, channel, first))
        found[file] = sorted(of_file, key=lambda finding: finding.line)
    return found


def of_cluster(chosen: cluster.Chosen, channel: Channel) -> dict[Path, list[Finding]]:
    """What is wrong with each object of a cluster, under its place in the API.

    Raises: Failure when the cluster cannot be read.
    """
    import asyncio

    from gatewright.cli import cluster_objects

    contents = asyncio.run(cluster_objects.contents(chosen, only=cluster_objects.OURS))
    plurals = {kind.name: kind.plural for kind in cluster_objects.OURS}
    found: dict[Path, list[Finding]] = {}
    for (kind, key), document in sorted(contents.documents.items()):
        verdict = admit(dict(document), channel)
        problems = verdict.problems if isinstance(verdict, Refused) else ()
        found[Path(plurals[kind], *filter(None, key))] = [Finding(0, 0, kind, *key, path, message) for path, message in problems]
    return found


def _of_document(
    document: Document, file: Path, channel: Channel, first: dict[tuple[str, NamespacedName], str]
) -> Iterator[Finding]:
    if document.fault is not None or document.value is None:
        message = document.fault.message if document.fault else "is empty"
        yield Finding(document.fault.line if document.fault else document.line, document.index, "", "", "", "", message)
        return
    verdict = admit(document.value, channel, ALL_KINDS)
    kind, namespace, name = _identity(document.value)
    if isinstance(verdict, Refused):
        for path, message in verdict.problems:
            yield Finding(document.line_of(path), document.index, kind, namespace, name, path, message)
    elif verdict.kind not in CONFIGURATION_KINDS and (other := _also_in(verdict, document, file, first)):
        message = f"the same object is in {other} already; it may be there once"
        yield Finding(document.line, document.index, kind, *verdict.key, "metadata.name", message)


def _also_in(verdict: Admitted, document: Document, file: Path, first: dict[tuple[str, NamespacedName], str]) -> str | None:
    """Where the object was met before; if nowhere, here it is now."""
    identity = verdict.kind.name, verdict.key
    if identity in first:
        return first[identity]
    first[identity] = f"{file}:{document.line}"
    return None


def _identity(value: dict[str, Any]) -> tuple[str, str, str]:
    """Kind, namespace and name as far as a document has them."""
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    told = (value.get("kind"), metadata.get("namespace"), metadata.get("name"))
    kind, namespace, name = (each if isinstance(each, str) else "" for each in told)
    return kind, namespace, name


def report(found: dict[Path, list[Finding]]) -> list[dict[str, Any]]:
    """The files that have problems, and these."""
    return [
        {"file": str(file), "problems": [finding._asdict() for finding in of_file]} for file, of_file in found.items() if of_file
    ]


def printable(text: str) -> str:
    """The text with what is no character (half of a surrogate pair, from a JSON escape) as a question mark."""
    return text.encode(errors="replace").decode()


def summary(found: dict[Path, list[Finding]], what: str = "file") -> str:
    """One line about all of it."""
    problems, bad = sum(map(len, found.values())), sum(map(bool, found.values()))
    if not problems:
        return f"no problems in {_counted(len(found), what)}"
    return f"{_counted(problems, 'problem')} in {bad} of {_counted(len(found), what)}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
