"""Values as YAML, JSON, or the columns of a table, as kubectl prints them."""

import json
from collections.abc import Sequence
from typing import Any, Final, Literal

Format = Literal["yaml", "json"]

GAP: Final = "   "


def dump(value: Any, form: Format) -> str:  # noqa: ANN401 - JSON
    """`value` as a YAML document or as indented JSON, with its keys in the order given, ending in a newline."""
    if form == "json":
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    import yaml

    class Dumper(yaml.CSafeDumper):
        """Writes a value that occurs twice twice: anchors are for nobody to read."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's hook
            return True

    text: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=4096)
    return text


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned lines, the header first; a column in which no row has anything is left out."""
    used = [column for column in range(len(header)) if any(row[column] for row in rows)]
    widths = {column: max(len(row[column]) for row in (header, *rows)) for column in used}
    return [GAP.join(row[column].ljust(widths[column]) for column in used).rstrip() for row in (header, *rows)]
