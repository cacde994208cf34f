"""YAML for people: what fits on a line stands on one."""

from typing import Any, Final

import yaml

_WIDTH: Final = 128


def written(value: Any, indent: int = 0) -> str:  # noqa: ANN401 - JSON
    """Write a mapping or list as YAML in block style, with items that fit as flow."""
    pad = " " * indent
    if isinstance(value, list):
        return "".join(f"{pad}- {_nested(each, indent + 2)}" for each in value)
    return "".join(_entry(f"{pad}{_scalar(key)}:", each, indent) for key, each in value.items())


def _entry(head: str, value: Any, indent: int) -> str:  # noqa: ANN401 - as above
    flow = _flow(value)
    fits = not isinstance(value, dict | list) or not value or (_is_leaf(value) and len(head) + len(flow) + 1 <= _WIDTH)
    return f"{head} {flow}\n" if fits else f"{head}\n{written(value, indent + 2)}"


def _nested(value: Any, indent: int) -> str:  # noqa: ANN401 - as above
    flow = _flow(value)
    if not isinstance(value, dict | list) or not value or len(flow) + indent <= _WIDTH:
        return f"{flow}\n"
    if isinstance(value, dict) and _is_condition(value):
        head = _flow({key: each for key, each in value.items() if key != "message"})
        return f"{head[:-1]},\n{' ' * indent} message: {_scalar(value['message'])}}}\n"
    return written(value, indent).lstrip(" ")


def _is_leaf(value: Any) -> bool:  # noqa: ANN401 - as above
    """Whether something may stand on its key's line: not a list of mappings, each of which has a line."""
    return not (isinstance(value, list) and any(isinstance(each, dict) for each in value))


def _is_condition(value: Any) -> bool:  # noqa: ANN401 - as above
    return isinstance(value, dict) and {"type", "status", "reason", "message"} <= value.keys()


def _flow(value: Any) -> str:  # noqa: ANN401 - as above
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:  # noqa: ANN401 - as above
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = yaml.safe_dump(value, default_flow_style=True, width=1 << 20, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
