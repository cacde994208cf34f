"""HTTPRoute: which HTTP requests go where (gateway.networking.k8s.io/v1)."""

from typing import Annotated, Literal

from msgspec import Meta

from gatewright.api.filters import HTTPFilter
from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import BackendRef
from gatewright.api.routes import CommonRouteSpec, SessionPersistence
from gatewright.api.scalars import EXPERIMENTAL, Duration, HeaderName, HeaderValue, Hostname, SectionName, map_of, set_of


class HTTPPathMatch(Model):
    """A condition on the path; a PathPrefix matches whole segments."""

    type: Literal["Exact", "PathPrefix", "RegularExpression"] = "PathPrefix"
    value: Annotated[str, Meta(max_length=1024)] = "/"


class HTTPHeaderMatch(Model):
    """A condition on one header, its name compared without regard to case."""

    name: HeaderName
    value: HeaderValue
    type: Literal["Exact", "RegularExpression"] = "Exact"


class HTTPQueryParamMatch(Model):
    """A condition on one query parameter."""

    name: HeaderName
    value: Annotated[str, Meta(min_length=1, max_length=1024)]
    type: Literal["Exact", "RegularExpression"] = "Exact"


class HTTPRouteMatch(Model):
    """Conditions that all must hold."""

    path: HTTPPathMatch = HTTPPathMatch()
    headers: Annotated[tuple[HTTPHeaderMatch, ...], map_of("name", max_length=16)] = ()
    query_params: Annotated[tuple[HTTPQueryParamMatch, ...], map_of("name", max_length=16)] = ()
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] | None = None


class HTTPBackendRef(BackendRef):
    """A backend, and filters for the requests that it is chosen for."""

    filters: Annotated[tuple[HTTPFilter, ...], Meta(max_length=16)] = ()


class HTTPRouteTimeouts(Model):
    """How long the whole exchange and each try may take; 0s is without limit."""

    request: Duration | None = None
    backend_request: Duration | None = None


class HTTPRouteRetry(Model):
    """When and how often a failed try is made again; `attempts` counts the retries, not the tries."""

    codes: Annotated[tuple[Annotated[int, Meta(ge=400, le=599)], ...], set_of()] = ()
    attempts: Annotated[int, Meta(ge=1)] | None = None
    backoff: Duration | None = None


class HTTPRouteRule(Model):
    """Requests that any match admits go through the filters to one of the backends."""

    name: SectionName | None = None
    matches: Annotated[tuple[HTTPRouteMatch, ...], Meta(max_length=64)] = (HTTPRouteMatch(),)
    filters: Annotated[tuple[HTTPFilter, ...], Meta(max_length=16)] = ()
    backend_refs: Annotated[tuple[HTTPBackendRef, ...], Meta(max_length=16)] = ()
    timeouts: HTTPRouteTimeouts | None = None
    retry: Annotated[HTTPRouteRetry | None, EXPERIMENTAL] = None
    session_persistence: Annotated[SessionPersistence | None, EXPERIMENTAL] = None


class HTTPRouteSpec(CommonRouteSpec):
    """Hosts and rules; without rules, everything matches and nothing answers."""

    hostnames: Annotated[tuple[Hostname, ...], Meta(max_length=16)] = ()
    rules: Annotated[tuple[HTTPRouteRule, ...], Meta(min_length=1, max_length=16)] = (HTTPRouteRule(),)


class HTTPRoute(KubernetesObject, kw_only=True):
    """The kind HTTPRoute."""

    spec: HTTPRouteSpec
