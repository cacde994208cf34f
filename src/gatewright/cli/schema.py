"""`gatewright schema`: JSON Schemas for editors, made from the models that admission judges by.

One schema knows all kinds, so one line above a file, or one line of an editor's settings, gives completion and red lines.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import rich_click as click

from gatewright.api.kinds import ALL_KINDS, Kind
from gatewright.api.rules import Channel
from gatewright.api.schemas import combined, files, schema_of_kind
from gatewright.cli.output import dump
from gatewright.cli.program import Failure
from gatewright.console.kinds import resolve, suggestions

EXAMPLES: Final = """\
[bold]Examples[/]

  gatewright schema > schema.json          [dim]all kinds; then `# yaml-language-server: $schema=schema.json` above a file[/]

  gatewright schema httproute gateway      [dim]these kinds only[/]

  gatewright schema --output-dir schemas   [dim]schemas/all.json, and schemas/GROUP/KIND_VERSION.json for every kind[/]
"""


@click.command(epilog=EXAMPLES)
@click.argument("kinds", nargs=-1, metavar="[KIND]...")
@click.option("--output-dir", type=click.Path(file_okay=False, path_type=Path), help="Write a file a kind here, and all.json.")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), default="json", show_default=True)
@click.option(
    "--channel",
    type=click.Choice(["experimental", "standard"]),
    default="experimental",
    show_default=True,
    help="Whose kinds and fields to know.",
)
def schema(kinds: tuple[str, ...], output_dir: Path | None, output: Literal["json", "yaml"], channel: Channel) -> None:
    """Print a JSON Schema of all kinds, or of some, for editors.

    A KIND is named as anywhere: httproute, httproutes, hr.
    """
    chosen = tuple(_chosen(kinds, channel))
    if output_dir is not None:
        _write(chosen, output_dir, channel)
        return
    made = schema_of_kind(chosen[0], channel) if len(chosen) == 1 else combined(chosen, channel)
    click.echo(dump(made, output), nl=False)


def _chosen(names: Iterable[str], channel: Channel) -> Iterable[Kind]:
    """The kinds of these names; without names, all that the channel has. Raises: Failure when there is no such kind."""
    by_name = {kind.name: kind for kind in ALL_KINDS if kind.served(channel)}
    if not names:
        return by_name.values()
    return dict.fromkeys(by_name[_resolved(name, by_name, channel)] for name in names)


def _resolved(name: str, served: Iterable[str], channel: Channel) -> str:
    kind = resolve(name, also=(each.name for each in ALL_KINDS))
    if kind is None:
        close = suggestions(name)
        raise Failure(f"there is no kind {name!r}{f'; did you mean {close[0]}?' if close else ''} (kinds: {', '.join(served)})")
    if kind not in served:
        raise Failure(f"the {channel} channel has no {kind}: it belongs to the experimental channel")
    return kind


def _write(kinds: tuple[Kind, ...], folder: Path, channel: Channel) -> None:
    """Write the schemas as files. Raises: Failure when that cannot be done."""
    written = 0
    try:
        for name, content in files(kinds, channel):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
            written += 1
    except OSError as error:
        raise Failure(f"cannot write {error.filename}: {error.strerror}") from error
    click.echo(f"{written} schemas in {folder}; all.json knows all kinds", err=True)
