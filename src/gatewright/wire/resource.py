"""The one shape in which configuration leaves the tables: a named, versioned, serialised xDS resource.

A version is the hash of the resource's own bytes, so equal configuration has an equal version in every replica and after every
restart, and a proxy that already holds it is sent nothing.
"""

import hashlib
from typing import Final

import msgspec

CLUSTER: Final = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENDPOINTS: Final = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER: Final = "type.googleapis.com/envoy.config.listener.v3.Listener"
EXTENSION: Final = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
ROUTES: Final = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
SECRET: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type name

_DIGITS: Final = 16


class Resource(msgspec.Struct, frozen=True, gc=False):
    """A serialised xDS message: `body` is the message itself, not the `Any` around it."""

    type_url: str
    name: str
    version: str
    body: bytes


def resource(type_url: str, name: str, body: bytes) -> Resource:
    """Name and version `body`; the version is 16 hex digits of its SHA-256, which processors compute fastest."""
    return Resource(type_url, name, hashlib.sha256(body).hexdigest()[:_DIGITS], body)
