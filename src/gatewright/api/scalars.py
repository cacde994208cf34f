"""The scalar types of the API: what a name, a hostname, a port or a header may be.

Each is an `Annotated` type, so one msgspec decode enforces it, and CRDs and JSON Schemas can be generated from it. Patterns are
RE2 in the API and `re` here; the one difference that matters is `$`, which for Python also matches before a final newline.
Fields of the experimental channel carry `EXPERIMENTAL`; lists with set or map semantics carry `set_of()` or `map_of()`.
"""

from typing import Annotated, Any, Final

from msgspec import Meta

INT32_MAX: Final = 2**31 - 1
INT32_MIN: Final = -(2**31)

EXPERIMENTAL: Final = Meta(extra={"channel": "experimental"})
EXPERIMENTAL_VALUES: Final = "experimental values"


def experimental_values(*values: str) -> Meta:
    """Values of an enumeration that only the experimental channel has; what they go with keeps them out of the other."""
    return Meta(extra={EXPERIMENTAL_VALUES: values})


LIST_TYPE: Final = "x-kubernetes-list-type"
LIST_MAP_KEYS: Final = "x-kubernetes-list-map-keys"


def python_pattern(pattern: str) -> str:
    """The same language as RE2's `pattern` in Python's `re`: `$` outside a character class becomes the very end of the text."""
    translated, in_class, escaped = [], False, False
    for character in pattern:
        is_end = character == "$" and not in_class and not escaped
        translated.append(r"\Z" if is_end else character)
        if not escaped:
            in_class = character == "[" or (in_class and character != "]")
        escaped = character == "\\" and not escaped
    return "".join(translated)


def matching(
    pattern: str, *, min_length: int | None = None, max_length: int | None = None, description: str | None = None
) -> Meta:
    """Text that holds a match of the RE2 `pattern`, of `min_length` to `max_length` characters.

    `description` is what people are told of every field of that type, in schemas.
    """
    schema = {"pattern": pattern, **({"description": description} if description else {})}
    return Meta(pattern=python_pattern(pattern), min_length=min_length, max_length=max_length, extra_json_schema=schema)


def map_of(*keys: str, min_length: int | None = None, max_length: int | None = None) -> Meta:
    """A list in which no two items have the same values of `keys` (names of fields on the wire)."""
    schema: dict[str, Any] = {LIST_TYPE: "map", LIST_MAP_KEYS: list(keys)}
    return Meta(min_length=min_length, max_length=max_length, extra_json_schema=schema)


def set_of(*, min_length: int | None = None, max_length: int | None = None) -> Meta:
    """A list in which no value stands twice."""
    return Meta(min_length=min_length, max_length=max_length, extra_json_schema={LIST_TYPE: "set"})


_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_TOKEN = r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$"  # noqa: S105 - an RFC 9110 token, nothing secret
PATH_CHARACTERS: Final = r"^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$"
HOSTNAME_PATTERN: Final = rf"^(\*\.)?{_DOMAIN}$"
PRECISE_HOSTNAME_PATTERN: Final = rf"^{_DOMAIN}$"

Int32 = Annotated[int, Meta(ge=INT32_MIN, le=INT32_MAX)]
NonNegativeInt32 = Annotated[int, Meta(ge=0, le=INT32_MAX)]
PositiveInt32 = Annotated[int, Meta(ge=1, le=INT32_MAX)]

Group = Annotated[
    str,
    matching(
        rf"^$|^{_DOMAIN}$", max_length=253, description="The API group of the kind; empty for kinds of the core, such as Service."
    ),
]
KindName = Annotated[
    str, matching("^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$", min_length=1, max_length=63, description="The kind, in CamelCase.")
]
ObjectName = Annotated[str, Meta(min_length=1, max_length=253, description="The name of the object.")]
NamespaceName = Annotated[
    str,
    matching(
        rf"^{_LABEL}$", min_length=1, max_length=63, description="The namespace of the object; without one, this object's own."
    ),
]
SectionName = Annotated[
    str, matching(rf"^{_DOMAIN}$", min_length=1, max_length=253, description="A name of lower-case letters, digits, '-' and '.'.")
]
Weight = Annotated[
    int, Meta(ge=0, le=1_000_000, description="The share of the requests, in relation to its siblings; 0 is none.")
]
PortNumber = Annotated[int, Meta(ge=1, le=65535, description="A port, 1 to 65535.")]

Hostname = Annotated[
    str,
    matching(
        HOSTNAME_PATTERN,
        min_length=1,
        max_length=253,
        description="A hostname, such as shop.example.com, or *.example.com for all below it.",
    ),
]
PreciseHostname = Annotated[
    str, matching(PRECISE_HOSTNAME_PATTERN, min_length=1, max_length=253, description="A hostname without a wildcard.")
]
AbsoluteURI = Annotated[
    str,
    matching(
        r"^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\?([^#]*))?(#(.*))?",
        min_length=1,
        max_length=253,
        description="A URI with a scheme and an authority, such as spiffe://example.com/shop.",
    ),
]
CORSOrigin = Annotated[
    str,
    matching(
        r"(^\*$)|(^(http(s)?):\/\/(((\*\.)?([a-zA-Z0-9\-]+\.)*[a-zA-Z0-9-]+|\*)(:([0-9]{1,5}))?)$)",
        min_length=1,
        max_length=253,
        description="An origin, such as https://shop.example.com:8443 or https://*.example.com, or * for all.",
    ),
]
HeaderName = Annotated[
    str, matching(_TOKEN, min_length=1, max_length=256, description="The name of a header, its case without meaning.")
]
HeaderValue = Annotated[str, Meta(min_length=1, max_length=4096, description="The value of a header.")]
GatewayController = Annotated[
    str,
    matching(
        rf"^{_DOMAIN}\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$",
        min_length=1,
        max_length=253,
        description="The controller: a domain, a slash and a path.",
    ),
]
WellKnownCACertificates = Annotated[
    str,
    matching(
        rf"^(System|({_DOMAIN}/([A-Za-z0-9][-A-Za-z0-9_.]{{0,61}})?[A-Za-z0-9]))$",
        min_length=1,
        max_length=253,
        description="System for the CA certificates of the proxy's own system.",
    ),
]
Duration = Annotated[
    str, matching(r"^([0-9]{1,5}(h|m|s|ms)){1,4}$", description="A duration, such as 1h30m, 10s or 500ms.")
]  # GEP-2257; `api.durations` reads it
AnnotationValue = Annotated[str, Meta(max_length=4096)]
LabelValue = Annotated[str, matching("^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$", max_length=63)]
AddressType = Annotated[
    str,
    matching(
        rf"^Hostname|IPAddress|NamedAddress|{_DOMAIN}\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$",
        min_length=1,
        max_length=253,
        description="IPAddress, Hostname, or a domain, a slash and a name.",
    ),
]
ProtocolType = Annotated[
    str,
    matching(
        rf"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|{_DOMAIN}\/[A-Za-z0-9]+$",
        min_length=1,
        max_length=255,
        description="HTTP, HTTPS, TLS, TCP or UDP.",
    ),
]
ByteSize = int | Annotated[str, matching(r"^[1-9]+[0-9]*([EPTGMK]i|[EPTGMk])?$", description="Bytes, such as 32Ki.")]
