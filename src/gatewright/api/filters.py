"""Filters of HTTPRoute and GRPCRoute rules, and of their backends.

`HTTPFilter` and `GRPCFilter` are the API's HTTPRouteFilter and GRPCRouteFilter; they go by shorter names here because
gateway.envoyproxy.io has a kind that is called HTTPRouteFilter (`api.httproutefilter`).
"""

from typing import Annotated, Literal

from msgspec import Meta

from gatewright.api.meta import Model
from gatewright.api.references import BackendObjectReference, LocalObjectReference
from gatewright.api.scalars import (
    EXPERIMENTAL,
    INT32_MAX,
    PATH_CHARACTERS,
    CORSOrigin,
    HeaderName,
    HeaderValue,
    NonNegativeInt32,
    PortNumber,
    PositiveInt32,
    PreciseHostname,
    map_of,
    matching,
    set_of,
)


class HTTPHeader(Model):
    """A header and the value it gets; names are compared without regard to case."""

    name: HeaderName
    value: HeaderValue


class HTTPHeaderFilter(Model):
    """Changes to the headers of a request or response."""

    set: Annotated[tuple[HTTPHeader, ...], map_of("name", max_length=16)] = ()
    add: Annotated[tuple[HTTPHeader, ...], map_of("name", max_length=16)] = ()
    remove: Annotated[tuple[str, ...], set_of(max_length=16)] = ()


class Fraction(Model):
    """A share: `numerator` of `denominator`."""

    numerator: NonNegativeInt32
    denominator: PositiveInt32 = 100


class HTTPRequestMirrorFilter(Model):
    """A copy of each request (or of a share of them) goes to `backend_ref` too."""

    backend_ref: BackendObjectReference
    percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    fraction: Fraction | None = None


class HTTPPathModifier(Model):
    """A new path: the whole of it, or of the prefix that matched."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    replace_full_path: Annotated[str, Meta(max_length=1024)] | None = None
    replace_prefix_match: Annotated[str, Meta(max_length=1024)] | None = None


class HTTPRequestRedirectFilter(Model):
    """Answers with a redirect; what is absent is taken from the request."""

    scheme: Literal["http", "https"] | None = None
    hostname: PreciseHostname | None = None
    path: HTTPPathModifier | None = None
    port: PortNumber | None = None
    status_code: Literal[301, 302, 303, 307, 308] = 302


class HTTPURLRewriteFilter(Model):
    """Changes what the backend sees as host and path."""

    hostname: PreciseHostname | None = None
    path: HTTPPathModifier | None = None


CORSMethod = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "*"]


class HTTPCORSFilter(Model):
    """Cross-origin answers; `max_age` is in seconds."""

    allow_origins: Annotated[tuple[CORSOrigin, ...], set_of(max_length=64)] = ()
    allow_credentials: bool = False
    allow_methods: Annotated[tuple[CORSMethod, ...], set_of(max_length=9)] = ()
    allow_headers: Annotated[tuple[HeaderName, ...], set_of(max_length=64)] = ()
    expose_headers: Annotated[tuple[HeaderName, ...], set_of(max_length=64)] = ()
    max_age: PositiveInt32 = 5


class GRPCAuthConfig(Model):
    """Envoy's gRPC external authorization; no `allowed_headers` means all."""

    allowed_headers: Annotated[tuple[str, ...], set_of(max_length=64)] = ()


class HTTPAuthConfig(Model):
    """External authorization over plain HTTP; `path` is put before the request's."""

    path: Annotated[str, matching(PATH_CHARACTERS, max_length=1024)] | None = None
    allowed_headers: Annotated[tuple[str, ...], set_of(max_length=64)] = ()
    allowed_response_headers: Annotated[tuple[str, ...], set_of(max_length=64)] = ()


class ForwardBodyConfig(Model):
    """How much of the body the authorizer sees, in bytes; 0 is nothing."""

    max_size: Annotated[int, Meta(ge=0, le=INT32_MAX)] = 0


class HTTPExternalAuthFilter(Model):
    """Asks `backend_ref` whether a request may pass."""

    protocol: Literal["HTTP", "GRPC"]
    backend_ref: BackendObjectReference
    grpc: GRPCAuthConfig | None = None
    http: HTTPAuthConfig | None = None
    forward_body: ForwardBodyConfig | None = None


class GRPCFilter(Model):
    """One filter of a GRPCRoute (the API's GRPCRouteFilter): the field that `type` names is the one that is set."""

    type: Literal["ResponseHeaderModifier", "RequestHeaderModifier", "RequestMirror", "ExtensionRef"]
    request_header_modifier: HTTPHeaderFilter | None = None
    response_header_modifier: HTTPHeaderFilter | None = None
    request_mirror: HTTPRequestMirrorFilter | None = None
    extension_ref: LocalObjectReference | None = None


class HTTPFilter(Model):
    """One filter of an HTTPRoute (the API's HTTPRouteFilter): the field that `type` names is the one that is set."""

    type: Literal[
        "RequestHeaderModifier",
        "ResponseHeaderModifier",
        "RequestMirror",
        "RequestRedirect",
        "URLRewrite",
        "ExtensionRef",
        "CORS",
        "ExternalAuth",  # experimental
    ]
    request_header_modifier: HTTPHeaderFilter | None = None
    response_header_modifier: HTTPHeaderFilter | None = None
    request_mirror: HTTPRequestMirrorFilter | None = None
    request_redirect: HTTPRequestRedirectFilter | None = None
    url_rewrite: HTTPURLRewriteFilter | None = None
    cors: HTTPCORSFilter | None = None
    external_auth: Annotated[HTTPExternalAuthFilter | None, EXPERIMENTAL] = None
    extension_ref: LocalObjectReference | None = None
