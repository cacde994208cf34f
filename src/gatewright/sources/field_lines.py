"""Where a field stands: the line of `spec.rules[0].matches[1].path.value` in the text of its document.

Only problems ask, so nothing is remembered while documents are read; the text is walked again, along the one path.
"""

import re
from typing import Any, Final

import yaml

from gatewright.sources.kubernetes_yaml import Events, InvalidYaml

_INDEX: Final = re.compile(r"\[(\d+)\]\.?")


def line_of(text: str, path: str) -> int:
    """The line, from 1, of the deepest part of `path` that is in the first document of `text`; 1 when there is none."""
    line = 1
    try:
        events = Events(text)
        if events.next_document() is None:
            return line
        event = events.next()
        line = event.start_mark.line + 1
        while path and (step := _step(events, event, path)) is not None:
            line, event, path = step
    except InvalidYaml:
        return line
    return line


def item_lines(text: str) -> list[int]:
    """The lines, from 1, of the entries of the list under `items` in the first document of `text`."""
    lines: list[int] = []
    events = Events(text)
    events.next_document()
    found = _step(events, events.next(), "items")
    if found is not None and type(found[1]) is yaml.SequenceStartEvent:
        while type(event := events.next()) is not yaml.SequenceEndEvent:
            lines.append(event.start_mark.line + 1)
            _skip(events, event)
    return lines


def _step(events: Events, event: Any, path: str) -> tuple[int, Any, str] | None:  # noqa: ANN401 - PyYAML's events
    """Go one step down: the line of what was found, the event that opens its value, and what is left of `path`."""
    if type(event) is yaml.MappingStartEvent:
        while type(key := events.next()) is not yaml.MappingEndEvent:
            rest = _after(path, key.value) if type(key) is yaml.ScalarEvent else None
            if rest is not None:
                return key.start_mark.line + 1, events.next(), rest
            _skip(events, key)
            _skip(events, events.next())
    elif type(event) is yaml.SequenceStartEvent and (index := _INDEX.match(path)):
        for _ in range(int(index[1])):
            if type(item := events.next()) is yaml.SequenceEndEvent:
                return None
            _skip(events, item)
        if type(item := events.next()) is not yaml.SequenceEndEvent:
            return item.start_mark.line + 1, item, path[index.end() :]
    return None


def _after(path: str, key: str) -> str | None:
    """What of `path` follows `key`, written `key.…`, `key[…` or `[key]…`; None when it begins otherwise. Keys may hold dots."""
    for form in (key, f"[{key}]"):
        if key and path.startswith(form) and path[len(form) : len(form) + 1] in {"", ".", "["}:
            return path[len(form) :].removeprefix(".")
    return None


def _skip(events: Events, event: Any) -> None:  # noqa: ANN401 - PyYAML's events
    """Read to the end of the node that `event` opens."""
    opening = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
    depth = 1 if type(event) in opening else 0
    while depth:
        kind = type(events.next())
        depth += (kind in opening) - (kind in {yaml.MappingEndEvent, yaml.SequenceEndEvent})
