"""The delta messages as bytes.

A response is joined from the heads and bodies of its resources, so a RouteConfiguration of a megabyte costs one copy of its
bytes (0.1 ms), not a walk through protobuf objects (6 ms), and no proxy needs a copy of its own.
https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#delta-variant names the messages.
"""

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from gatewright.ads.messages import Request, Response
from gatewright.wire.resource import Resource

_LENGTH_DELIMITED = 2
_CONTINUED = 0x80


def parse_request(message: DeltaDiscoveryRequest) -> Request:
    """The part of a request that the state machines read."""
    return Request(
        type_url=message.type_url,
        subscribe=tuple(message.resource_names_subscribe),
        unsubscribe=tuple(message.resource_names_unsubscribe),
        initial_versions=dict(message.initial_resource_versions),
        nonce=message.response_nonce,
        error=message.error_detail.message if message.HasField("error_detail") else None,
    )


def frame_response(response: Response) -> bytes:
    """The whole DeltaDiscoveryResponse."""
    parts: list[bytes] = []
    for resource in response.upserts.values():
        parts += (frame_head(resource), resource.body)
    parts += (_field(4, response.type_url.encode()), _field(5, response.nonce.encode()))
    parts.extend(_field(6, name.encode()) for name in sorted(response.removals))
    return b"".join(parts)


def frame_head(resource: Resource) -> bytes:
    """All that stands before the body of `resource` in a response: its name and version, and the beginning of its Any."""
    wrapping = _field(1, resource.type_url.encode()) + _header(2, len(resource.body))
    any_header = _header(2, len(wrapping) + len(resource.body))
    head = b"".join((_field(3, resource.name.encode()), _field(1, resource.version.encode()), any_header, wrapping))
    return _header(2, len(head) + len(resource.body)) + head


def _header(number: int, length: int) -> bytes:
    """The tag of a length-delimited field and its length."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(length)


def _field(number: int, value: bytes) -> bytes:
    return _header(number, len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= _CONTINUED:
        encoded.append(value % _CONTINUED | _CONTINUED)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
