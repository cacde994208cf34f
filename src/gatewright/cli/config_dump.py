"""Resources as Envoy's admin interface shows them under /config_dump, in protobuf's JSON.

A body names the messages inside it by type URL. The module that defines a message follows from its package, so modules are
imported when a message of theirs turns up, and no list of extensions is kept here. What Envoy's API marks as sensitive is
redacted as Envoy does it.
"""

import importlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gatewright.wire import resource as wire
from gatewright.wire.resource import Resource

Part = Literal["bootstrap", "endpoint", "cluster", "listener", "route", "secret", "ecds"]
Json = dict[str, Any]

PREFIX: Final = "type.googleapis.com/"
DUMPS: Final = f"{PREFIX}envoy.admin.v3."
REDACTED: Final = "[redacted]"


class Section(NamedTuple):
    """One of the dumps that a config dump is a list of: `entries` is its list, `entry` the resource's field in an item of it."""

    part: Part
    type_url: str
    dump: str
    entries: str
    entry: str
    named: bool = False


SECTIONS: Final = (
    Section("endpoint", wire.ENDPOINTS, "EndpointsConfigDump", "dynamicEndpointConfigs", "endpointConfig"),
    Section("cluster", wire.CLUSTER, "ClustersConfigDump", "dynamicActiveClusters", "cluster"),
    Section("listener", wire.LISTENER, "ListenersConfigDump", "dynamicListeners", "listener", named=True),
    Section("route", wire.ROUTES, "RoutesConfigDump", "dynamicRouteConfigs", "routeConfig"),
    Section("ecds", wire.EXTENSION, "EcdsConfigDump", "ecdsFilters", "ecdsFilter"),
    Section("secret", wire.SECRET, "SecretsConfigDump", "dynamicActiveSecrets", "secret", named=True),
)
PARTS: Final[tuple[Part, ...]] = ("bootstrap", *(section.part for section in SECTIONS))


class UnknownMessageError(LookupError):
    """No module of the installed Envoy API defines a message."""


def config_dump(resources: Iterable[Resource], parts: Iterable[Part] = PARTS, bootstrap: Json | None = None) -> Json:
    """The config dump of one proxy that holds `resources`, ordered by name; a part without resources is left out.

    `bootstrap` is the Bootstrap message in protobuf's JSON.

    Raises: UnknownMessageError when a body holds a message that nobody knows.
    """
    by_type: dict[str, list[Resource]] = {}
    for resource in sorted(resources, key=lambda each: each.name):
        by_type.setdefault(resource.type_url, []).append(resource)
    wanted = [section for section in SECTIONS if section.part in set(parts) and section.type_url in by_type]
    dumps: list[Json] = [
        {"@type": f"{DUMPS}{section.dump}", section.entries: [_entry(section, each) for each in by_type[section.type_url]]}
        for section in wanted
    ]
    return {"configs": ([{"@type": f"{DUMPS}BootstrapConfigDump", "bootstrap": bootstrap}] if bootstrap else []) + dumps}


def _entry(section: Section, resource: Resource) -> Json:
    named = {"name": resource.name} if section.named else {}
    shown: Json = {
        "versionInfo": resource.version,
        section.entry: {"@type": resource.type_url, **to_json(resource.type_url, resource.body)},
    }
    return named | ({"activeState": shown} if section.part == "listener" else shown)


def to_json(type_url: str, body: bytes) -> Json:
    """A serialised message as protobuf's JSON, with what is sensitive in it redacted.

    Raises: UnknownMessageError when it is, or holds, a message that nobody knows.
    """
    message = message_factory.GetMessageClass(descriptor(type_url.removeprefix(PREFIX)))()
    message.ParseFromString(body)
    _prepare(message, sensitive=False)
    shown: Json = _ordered(json_format.MessageToDict(message))
    return shown


def _ordered(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The same with what identifies first and the rest by name: protobuf's maps come in any order."""
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=lambda key: (key not in _FIRST, key))}
    return value


_FIRST: Final = frozenset({"@type", "name"})


@cache
def descriptor(name: str) -> Descriptor:
    """The descriptor of a message, whose module is imported if need be.

    Raises: UnknownMessageError when there is none.
    """
    pool = descriptor_pool.Default()
    for imported in _candidates(name):
        try:
            return pool.FindMessageTypeByName(name)
        except KeyError:
            importlib.import_module(imported)
    raise UnknownMessageError(f"the installed Envoy API has no message {name}")


def _candidates(name: str) -> Iterator[str]:
    """The modules that may define a message, each yielded when those before it were of no use; the last one is a repetition."""
    package = ".".join(word for word in name.split(".")[:-1] if word[:1].islower())
    last = "google.protobuf"
    try:
        found = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        found = None
    for folder in (found.submodule_search_locations or ()) if found else ():
        for path in sorted(Path(folder).glob("*_pb2.py")):
            last = f"{package}.{path.stem}"
            yield last
    yield last


def _prepare(message: Message, *, sensitive: bool) -> bool:
    """Import what `message` holds and redact what is sensitive in it; whether anything was."""
    if isinstance(message, AnyMessage):
        return _prepare_any(message, sensitive=sensitive)
    redacted = False
    for field, value in message.ListFields():
        hidden = sensitive or is_sensitive(field)
        if field.message_type is not None:
            for each in _messages(field, value):
                redacted |= _prepare(each, sensitive=hidden)
        elif hidden and field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            redacted = True
            mask = REDACTED if field.type == FieldDescriptor.TYPE_STRING else REDACTED.encode()
            if field.is_repeated:
                value[:] = [mask] * len(value)
            else:
                setattr(message, field.name, mask)
    return redacted


def _prepare_any(message: AnyMessage, *, sensitive: bool) -> bool:
    if not message.type_url:  # empty: that it is there is all that it says
        return False
    inner = message_factory.GetMessageClass(descriptor(message.TypeName()))()
    inner.ParseFromString(message.value)
    redacted = _prepare(inner, sensitive=sensitive)
    if redacted:
        message.value = inner.SerializeToString(deterministic=True)
    return redacted


def _messages(field: FieldDescriptor, value: Any) -> Iterable[Message]:  # noqa: ANN401 - a message, a list or a map of them
    if not field.is_repeated:
        return (value,)
    if isinstance(value, Mapping):
        return (each for each in value.values() if isinstance(each, Message))
    items: Iterable[Message] = value
    return items


@cache
def is_sensitive(field: FieldDescriptor) -> bool:
    """Whether Envoy's API marks the field (udpa.annotations.sensitive)."""
    extension = importlib.import_module("udpa.annotations.sensitive_pb2").sensitive
    return bool(field.GetOptions().Extensions[extension])
