"""`gatewright translate`: what YAML becomes, without a server: the status of every object, and what each Envoy would be told.

The output is one document: objects with their status under a list for each kind, and under `xds` a config dump for each proxy.
Nothing here depends on the clock (but a certificate's validity) or on the order of the input, so the output can be compared.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import rich_click as click
from msgspec import structs

from gatewright.api.admission import Admitted, Refused, admit
from gatewright.api.kinds import KINDS, Kind
from gatewright.api.meta import NamespacedName
from gatewright.cli import cluster
from gatewright.cli.output import Format, dump
from gatewright.cli.program import PROBLEM_FOUND, Failure
from gatewright.graph.settings import GraphSettings

if TYPE_CHECKING:
    from gatewright.graph.proxies import ProxyFacts

EXAMPLES: Final = """\
[bold]Examples[/]

  gatewright translate -f shop.yaml                          [dim]statuses and configuration[/]

  gatewright translate -f ./routes --to gateway-api          [dim]statuses of a folder's objects[/]

  cat shop.yaml | gatewright translate -f - -t route -o json [dim]route configurations only[/]

  gatewright translate -n shop --to gateway-api              [dim]what a cluster's objects become[/]

Statuses are those after every Envoy has taken its configuration. Private keys are redacted.

[bold]Exit codes[/]: 0 all documents were taken, 1 some were refused (they are named on stderr, the rest is shown), 2 wrong usage,
3 a file cannot be read.
"""
STANDARD_INPUT: Final = Path("-")
SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
TARGETS: Final = ("gateway-api", "xds")
TYPES: Final = ("bootstrap", "listener", "route", "cluster", "endpoint", "secret", "ecds", "all")
LIST_NAMES: Final[Mapping[str, str]] = {"GatewayClass": "gatewayClass"}  # as egctl prints it; the others are plurals


class Input(NamedTuple):
    """What the files hold: objects by kind and key with the document each was read from, and what is wrong with the rest."""

    objects: dict[tuple[str, str, str], tuple[Admitted, Mapping[str, Any]]]
    problems: list[str]
    notes: list[str]
    settings: GraphSettings = GraphSettings()
    addresses: Mapping[NamespacedName, tuple[tuple[str, str], ...]] = MappingProxyType({})
    namespace: str = ""  # of which alone something is shown


class Targets(click.ParamType[tuple[str, ...]]):
    """One or more of `TARGETS`, separated by commas."""

    name = "targets"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:  # noqa: ANN401 - click's
        """Split and check the text."""
        chosen = tuple(value.split(",")) if isinstance(value, str) else tuple(value)
        if unknown := set(chosen) - set(TARGETS):
            self.fail(f"{', '.join(sorted(unknown))!r} is not one of {', '.join(TARGETS)}", param, ctx)
        return chosen


@click.command(epilog=EXAMPLES)
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, allow_dash=True),
    help="File or folder of objects, or '-'; may be repeated.",
)
@click.option("--to", "targets", type=Targets(), default="gateway-api,xds", show_default=True, help="What to show.")
@click.option("-t", "--type", "part", type=click.Choice(TYPES), default="all", show_default=True, help="Which xDS resources.")
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@click.option("-n", "--namespace", default="", help="Of a cluster, only objects of this namespace (default: the context's).")
@cluster.options
@click.pass_context
def translate(
    ctx: click.Context,
    /,
    files: tuple[Path, ...],
    targets: tuple[str, ...],
    part: str,
    output: Format,
    **place: Any,  # noqa: ANN401 - the options that name a cluster
) -> None:
    """Show the statuses and Envoy configuration that YAML becomes, or a cluster's objects."""
    chosen = cluster.Chosen(**place)
    if bool(files) == bool(chosen.named or chosen.namespace):
        raise click.UsageError("name files with -f, or a cluster with --kubeconfig, --context, -n or -A")
    given = read(files) if files else of_cluster(chosen)
    for line in (*given.problems, *given.notes):
        click.echo(line, err=True)
    click.echo(dump(render(given, targets, part), output), nl=False)
    ctx.exit(PROBLEM_FOUND if given.problems else 0)


def read(files: Iterable[Path]) -> Input:
    """Read and admit what the files hold; of two documents of one object the later one counts.

    Raises: Failure when a file cannot be read.
    """
    from gatewright.sources.documents import documents
    from gatewright.sources.plain_yaml import PlainYaml

    plain = PlainYaml()
    given = Input({}, [], [])
    for file in _expanded(files):
        for document in documents(_content(file), plain):
            place = f"{file}:{document.line}"
            if document.value is None:
                given.problems.append(f"{file}:{document.fault.line}: {document.fault.message}" if document.fault else place)
                continue
            verdict = admit(document.value)
            if isinstance(verdict, Refused):
                about = _about(document.value)
                given.problems.extend(
                    f"{file}:{document.line_of(path)}: {about}: {path}: {text}" for path, text in verdict.problems
                )
                continue
            key = verdict.kind.name, *verdict.key
            if key in given.objects:
                given.notes.append(f"{place}: {_about(document.value)} was there before; this one counts")
            given.objects[key] = verdict, document.value
    return given


def of_cluster(chosen: cluster.Chosen) -> Input:
    """The objects of a cluster; of those that nothing is shown of, and of other namespaces, there is no document.

    Raises: Failure when the cluster cannot be read.
    """
    import asyncio

    from gatewright.cli import cluster_objects

    found = asyncio.run(cluster_objects.contents(chosen))
    objects = {(kind, *key): (each, found.documents.get((kind, key), {})) for (kind, key), each in found.objects.items()}
    problems = [f"{each.file}: {each.path}: {each.message}" for each in found.problems]
    return Input(objects, problems, [], cluster_objects.SETTINGS, found.addresses, found.namespace)


def render(given: Input, targets: Sequence[str], part: str) -> dict[str, Any]:
    """The document that is printed."""
    from gatewright.translation import translate as settle

    objects = (admitted for admitted, _ in given.objects.values())
    translation = settle(objects, structs.replace(given.settings, bootstrap=_bootstrap(None)), int(time.time()), given.addresses)
    shown: dict[str, Any] = {}
    if "gateway-api" in targets:
        statuses = {(each.kind, *each.key): each.body for each in translation.statuses}
        for kind in filter(_is_shown, KINDS):
            keys = sorted(key for key, (_, document) in given.objects.items() if key[0] == kind.name and document)
            if keys:
                shown[list_name(kind.name, kind.plural)] = [_with_status(*given.objects[key], statuses.get(key)) for key in keys]
    if "xds" in targets:
        from gatewright.cli.config_dump import PARTS, config_dump

        parts = PARTS if part == "all" else tuple(each for each in PARTS if each == part)
        resources = {
            name: found
            for name, found in translation.resources.items()
            if name in translation.proxies and _is_in(given.namespace, translation.proxies[name].gateways)
        }
        bootstraps = {name: _bootstrap(translation.proxies[name]) if "bootstrap" in parts else None for name in resources}
        shown["xds"] = {name: config_dump(found, parts, bootstraps[name]) for name, found in resources.items()}
    return shown


def list_name(kind: str, plural: str) -> str:
    """The list's name for a kind: `HTTPRoute` → `httpRoutes`, `BackendTLSPolicy` → `backendTLSPolicies`."""
    if kind in LIST_NAMES:
        return LIST_NAMES[kind]
    capitals = next((index for index, letter in enumerate(kind) if letter.islower()), 1)
    head = max(1, capitals - 1)
    lowered = kind[:head].lower() + kind[head:]
    same = next(
        (index for index, letter in enumerate(plural) if index >= len(lowered) or lowered[index].lower() != letter), len(plural)
    )
    return lowered[:same] + plural[same:]


def _is_shown(kind: Kind) -> bool:
    """Whether objects of this kind are ours to speak of; of Kubernetes' own kinds, Secrets above all, nothing is shown."""
    return kind.group.startswith("gateway.")


def _is_in(namespace: str, gateways: Iterable[NamespacedName]) -> bool:
    """Whether one of a proxy's Gateways is in the namespace; every one is, where none is chosen."""
    return not namespace or any(gateway.namespace == namespace for gateway in gateways)


def _with_status(admitted: Admitted, document: Mapping[str, Any], status: Mapping[str, Any] | None) -> dict[str, Any]:
    """The document as it was written, with the namespace that it is in, and its status if it has one."""
    namespace = {"namespace": admitted.key.namespace} if admitted.key.namespace else {}
    rest = {name: value for name, value in document.items() if name != "status"}
    return rest | {"metadata": {**document["metadata"], **namespace}} | ({"status": status} if status else {})


def _bootstrap(proxy: "ProxyFacts | None") -> Any:  # noqa: ANN401 - JSON
    """The bootstrap of a proxy on a host, or of any that no EnvoyProxy shapes; its sockets under their names in its folder."""
    from gatewright.control.proxyspecs import proxy_spec
    from gatewright.fleet.bootstrap import bootstrap
    from gatewright.fleet.spec import ProxySpec, StateLayout, bootstrap_spec

    wanted = proxy_spec(proxy) if proxy else ProxySpec(name="")
    return json.loads(bootstrap(bootstrap_spec(wanted, StateLayout(Path(), Path()))))


def _about(value: Mapping[str, Any]) -> str:
    metadata = value.get("metadata")
    name = metadata.get("name", "") if isinstance(metadata, Mapping) else ""
    return f"{value.get('kind', 'no kind')} {name}".strip()


def _expanded(files: Iterable[Path]) -> Iterator[Path]:
    for file in files:
        if file.is_dir():
            yield from sorted(each for each in file.rglob("*") if each.suffix in SUFFIXES and each.is_file())
        else:
            yield file


def _content(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
    except OSError as error:
        raise Failure(f"cannot read {file}: {error.strerror}") from error
