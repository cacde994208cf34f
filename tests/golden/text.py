"""YAML for people: what fits on a line stands on one."""

from typing import Any, Final

import yaml

_WIDTH: Final = 128


def written(value: Any, indent: int = 0) -> str:  # noqa: ANN401 - JSON
    """Write a mapping or list as YAML in block style, with items that fit as flow."""
    pad = " " * indent
    lines = []
    if isinstance(value, list):
        for each in value:
            lines.append(f"{pad}- {_nested(each, indent + 2)}")
    else:
        for key, each in value.items():
            flow = _flow(each)
            if (
                not isinstance(each, dict | list)
                or not each
                or (_is_leaf(each) and len(pad) + len(key) + len(flow) + 2 <= _WIDTH)
            ):
                lines.append(f"{pad}{_scalar(key)}: {flow}\n")
            else:
                lines.append(f"{pad}{_scalar(key)}:\n{written(each, indent + 2)}")
    return "".join(lines)


def _nested(value: Any, indent: int) -> str:  # noqa: ANN401 - as above
    flow = _flow(value)
    if not isinstance(value, dict | list) or not value or len(flow) + indent <= _WIDTH:
        return f"{flow}\n"
    if _is_condition(value):
        head = _flow({key: each for key, each in value.items() if key != "message"})
        return f"{head[:-1]},\n{' ' * indent} message: {_scalar(value['message'])}}}\n"
    return written(value, indent).lstrip(" ")


def _is_leaf(value: Any) -> bool:  # noqa: ANN401 - as above
    """Whether something may stand on its key's line: not a list of mappings, whose items each have a line."""
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
