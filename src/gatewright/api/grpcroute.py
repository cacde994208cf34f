"""GRPCRoute: which gRPC calls go where (gateway.networking.k8s.io/v1)."""

from typing import Annotated, Literal

from msgspec import Meta

from gatewright.api.filters import GRPCFilter
from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import BackendRef
from gatewright.api.routes import CommonRouteSpec, SessionPersistence
from gatewright.api.scalars import EXPERIMENTAL, HeaderName, HeaderValue, Hostname, SectionName, map_of


class GRPCMethodMatch(Model):
    """A condition on service, method or both; at least one of them is set."""

    type: Literal["Exact", "RegularExpression"] = "Exact"
    service: Annotated[str, Meta(max_length=1024)] | None = None
    method: Annotated[str, Meta(max_length=1024)] | None = None


class GRPCHeaderMatch(Model):
    """A condition on one metadata entry, its name compared without regard to case."""

    name: HeaderName
    value: HeaderValue
    type: Literal["Exact", "RegularExpression"] = "Exact"


class GRPCRouteMatch(Model):
    """Conditions that all must hold; none at all admit every call."""

    method: GRPCMethodMatch | None = None
    headers: Annotated[tuple[GRPCHeaderMatch, ...], map_of("name", max_length=16)] = ()


class GRPCBackendRef(BackendRef):
    """A backend, and filters for the calls that it is chosen for."""

    filters: Annotated[tuple[GRPCFilter, ...], Meta(max_length=16)] = ()


class GRPCRouteRule(Model):
    """Calls that any match admits (all, when there is none) go through the filters to one of the backends."""

    name: SectionName | None = None
    matches: Annotated[tuple[GRPCRouteMatch, ...], Meta(max_length=64)] = ()
    filters: Annotated[tuple[GRPCFilter, ...], Meta(max_length=16)] = ()
    backend_refs: Annotated[tuple[GRPCBackendRef, ...], Meta(max_length=16)] = ()
    session_persistence: Annotated[SessionPersistence | None, EXPERIMENTAL] = None


class GRPCRouteSpec(CommonRouteSpec):
    """Hosts and rules."""

    hostnames: Annotated[tuple[Hostname, ...], Meta(max_length=16)] = ()
    rules: Annotated[tuple[GRPCRouteRule, ...], Meta(max_length=16)] = ()


class GRPCRoute(KubernetesObject, kw_only=True):
    """The kind GRPCRoute."""

    spec: GRPCRouteSpec
