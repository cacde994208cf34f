"""TLSRoute, TCPRoute and UDPRoute: connections and datagrams to backends (gateway.networking.k8s.io/v1).

The three differ in their hostnames alone. The alpha versions of the experimental channel allow more rules than v1's one.
"""

from typing import Annotated

from msgspec import Meta

from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import BackendRef
from gatewright.api.routes import CommonRouteSpec
from gatewright.api.scalars import Hostname, SectionName


class StreamRouteRule(Model):
    """Where connections go; the API's TLSRouteRule, TCPRouteRule and UDPRouteRule."""

    backend_refs: Annotated[tuple[BackendRef, ...], Meta(min_length=1, max_length=16)]
    name: SectionName | None = None


class StreamRouteSpec(CommonRouteSpec, kw_only=True):
    """The spec of TCPRoute and UDPRoute."""

    rules: Annotated[tuple[StreamRouteRule, ...], Meta(min_length=1, max_length=16)]


class TLSRouteSpec(StreamRouteSpec):
    """Connections whose SNI one of `hostnames` admits."""

    hostnames: Annotated[tuple[Hostname, ...], Meta(max_length=1024)] = ()


class TLSRoute(KubernetesObject, kw_only=True):
    """The kind TLSRoute."""

    spec: TLSRouteSpec


class TCPRoute(KubernetesObject, kw_only=True):
    """The kind TCPRoute."""

    spec: StreamRouteSpec


class UDPRoute(KubernetesObject, kw_only=True):
    """The kind UDPRoute."""

    spec: StreamRouteSpec
