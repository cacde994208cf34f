"""Structured log lines: an event in words, and fields.

`log.logger(__name__).info("proxy started", proxy="default/web", pid=4711)` becomes a coloured line on a terminal, a plain one in
a file, or a JSON object. What libraries log through `logging` joins the same stream. On its way a line passes processors, in the
order that `configure` lists: private keys and secrets are redacted, and a line that repeats itself is held back and counted.
structlog is imported by `configure`, not before: the short-lived commands log nothing and should not wait for it.
"""

import contextlib
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, Literal, TextIO

Level = Literal["trace", "debug", "info", "warn", "error", "critical", "off"]
Format = Literal["console", "json"]
EventDict = MutableMapping[str, Any]
Processor = Callable[[Any, str, EventDict], EventDict]

LEVELS: Final[Mapping[Level, int]] = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "off": logging.CRITICAL + 1,
}
REDACTED: Final = "[redacted]"
REPEAT_SECONDS: Final = 5.0  # the same line is written once in this time
BURST: Final = 50  # lines of one event in this time, whatever their fields
CHATTY: Final = ("aiohttp.access", "asyncio", "grpc._cython.cygrpc")  # of interest from warnings on

_SECRET_FIELD: Final = re.compile(
    r"(?i)(^|[_.-])(private_?key|password|passwd|secret_?data|token|authorization|credentials?|cookie)$"
)
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL)


class Logger:
    """A named source of log lines; a line is an event, in words, and its fields."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **fields: object) -> None:
        """What only a developer of Gatewright asks for."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """What an operator wants to have read afterwards."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Something in the input or the surroundings is wrong; we go on."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Something that was asked for is not being done."""
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: object) -> None:
        """An error of ours, with the traceback of the exception that is being handled."""
        self._log(logging.ERROR, event, {**fields, "exc_info": True})

    def _log(self, level: int, event: str, fields: Mapping[str, object]) -> None:
        standard = logging.getLogger(self._name)
        if standard.isEnabledFor(level):
            exc_info = bool(fields.get("exc_info"))
            rest = {name: value for name, value in fields.items() if name != "exc_info"}
            standard.log(level, event, exc_info=exc_info, extra={"fields": rest})


def logger(name: str) -> Logger:
    """The logger of a module, called with its `__name__`."""
    return Logger(name)


class Repeats:
    """Holds back a line that was just written, and an event that floods; the next one of its kind says how many went missing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._window = 0
        self._lines: dict[str, int] = {}
        self._events: dict[str, int] = {}
        self._held: dict[str, int] = {}

    def __call__(self, _logger: object, method: str, event: EventDict) -> EventDict:
        """Pass the line on, with `held_back` when some of its kind were not, or drop it.

        Raises: structlog.DropEvent, which is how a processor drops a line.
        """
        self._turn()
        kind = f"{method} {event.get('logger')} {event.get('event')}"
        line = f"{kind} {sorted((name, str(value)) for name, value in event.items() if name not in _TIMES)}"
        self._lines[line] = self._lines.get(line, 0) + 1
        self._events[kind] = self._events.get(kind, 0) + 1
        if self._lines[line] > 1 or self._events[kind] > BURST:
            self._held[kind] = self._held.get(kind, 0) + 1
            raise _structlog().DropEvent
        if held := self._held.pop(kind, 0):
            event["held_back"] = held
        return event

    def _turn(self) -> None:
        window = int(self._clock() / REPEAT_SECONDS)
        if window != self._window:
            self._window = window
            self._lines.clear()
            self._events.clear()
            if len(self._held) > BURST:
                self._held.clear()


_TIMES: Final = frozenset({"timestamp", "milliseconds"})


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace the values of fields that are secret by their name, and private keys wherever they stand."""
    for name, value in event.items():
        if _SECRET_FIELD.search(name):
            event[name] = REDACTED
        elif isinstance(value, str) and "PRIVATE KEY" in value:
            event[name] = _PRIVATE_KEY.sub(REDACTED, value)
        elif isinstance(value, (bytes, bytearray)):
            event[name] = f"({len(value)} bytes)"
    return event


def unpack(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Lift the fields of a line of ours out of its `logging` record."""
    record = event.get("_record")
    event.update(getattr(record, "fields", {}))
    return event


def configure(level: Level = "info", format: Format = "console", stream: TextIO | None = None) -> None:  # noqa: A002 - as in --log-format
    """Send the process's log lines to `stream` (stderr when None); call it once, at the start."""
    structlog = _structlog()
    out = stream if stream is not None else sys.stderr
    processors: list[Processor] = [
        unpack,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.format_exc_info,
        redact,
        Repeats(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        *_renderer(format, colours=out.isatty()),
    ]
    handler = _Handler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=processors))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(LEVELS[level], logging.WARNING))


class _Handler(logging.StreamHandler[TextIO]):
    """A stream handler for which a dropped line is no error."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(_structlog().DropEvent):
            super().emit(record)


def _renderer(format: Format, *, colours: bool) -> list[Processor]:  # noqa: A002 - as in --log-format
    structlog = _structlog()
    if format == "json":
        return [structlog.processors.EventRenamer("message"), _constants_first, structlog.processors.JSONRenderer(default=str)]
    return [structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0)]


def _constants_first(_logger: object, _method: str, event: EventDict) -> EventDict:
    first = {name: event[name] for name in ("timestamp", "level", "logger", "message") if name in event}
    return {**first, **event}


def _structlog() -> Any:  # noqa: ANN401 - a module
    import structlog  # noqa: PLC0415 - 150 ms that only a server should pay

    return structlog
