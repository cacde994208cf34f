"""Filters of HTTPRoute and GRPCRoute rules, and of their backends.

`HTTPFilter` and `GRPCFilter` are the API's HTTPRouteFilter and GRPCRouteFilter; they go by shorter names here because
gateway.envoyproxy.io has a kind that is called HTTPRouteFilter (`api.httproutefilter`).
"""

import re
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from gatewright.api.meta import Model
from gatewright.api.references import BackendObjectReference, LocalObjectReference
from gatewright.api.rules import Predicate, Rule, Rules, matches, only_member, union_rules
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
    experimental_values,
    map_of,
    matching,
    set_of,
)

PRINTABLE: Final = r"^[!-~]+([\t ]?[!-~]+)*$"
_printable: Final = re.compile(r"[!-~]+(?:[\t ][!-~]+)*\Z").match  # the same language as PRINTABLE, without its backtracking

PRINTABLE_VALUE: Final = Rule(
    f"should match '{PRINTABLE}'",
    matches("self", PRINTABLE),
    lambda value: _printable(value) is not None,
    field="value",
    channel="experimental",
)
"""A header's value is printable ASCII; a pattern of the experimental channel only."""


class HTTPHeader(Model):
    """A header and the value it gets; names are compared without regard to case."""

    name: HeaderName
    value: HeaderValue


class RouteHeader(HTTPHeader):
    """The same in a filter of a route, where the experimental channel restricts the value."""

    checks: ClassVar[Rules] = (PRINTABLE_VALUE,)


class HTTPHeaderFilter(Model):
    """Changes to the headers of a request or response."""

    set: Annotated[tuple[HTTPHeader, ...], map_of("name", max_length=16)] = ()
    add: Annotated[tuple[HTTPHeader, ...], map_of("name", max_length=16)] = ()
    remove: Annotated[tuple[str, ...], set_of(max_length=16)] = ()


class RouteHeaderFilter(HTTPHeaderFilter):
    """The same as a filter of a route."""

    set: Annotated[tuple[RouteHeader, ...], map_of("name", max_length=16)] = ()
    add: Annotated[tuple[RouteHeader, ...], map_of("name", max_length=16)] = ()


class Fraction(Model):
    """A share: `numerator` of `denominator`."""

    numerator: NonNegativeInt32
    denominator: PositiveInt32 = 100

    checks: ClassVar[Rules] = (
        Rule(
            "numerator must be less than or equal to denominator",
            "self.numerator <= self.denominator",
            lambda self: self.numerator <= self.denominator,
        ),
    )


class HTTPRequestMirrorFilter(Model):
    """A copy of each request (or of a share of them) goes to `backend_ref` too."""

    backend_ref: BackendObjectReference
    percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    fraction: Fraction | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "Only one of percent or fraction may be specified in HTTPRequestMirrorFilter",
            "!(has(self.percent) && has(self.fraction))",
            lambda self: self.percent is None or self.fraction is None,
        ),
    )


class HTTPPathModifier(Model):
    """A new path: the whole of it, or of the prefix that matched."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    replace_full_path: Annotated[str, Meta(max_length=1024)] | None = None
    replace_prefix_match: Annotated[str, Meta(max_length=1024)] | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "replaceFullPath must be specified when type is set to 'ReplaceFullPath'",
            "self.type == 'ReplaceFullPath' ? has(self.replaceFullPath) : true",
            lambda self: self.type != "ReplaceFullPath" or self.replace_full_path is not None,
        ),
        Rule(
            "type must be 'ReplaceFullPath' when replaceFullPath is set",
            "has(self.replaceFullPath) ? self.type == 'ReplaceFullPath' : true",
            lambda self: self.replace_full_path is None or self.type == "ReplaceFullPath",
        ),
        Rule(
            "replacePrefixMatch must be specified when type is set to 'ReplacePrefixMatch'",
            "self.type == 'ReplacePrefixMatch' ? has(self.replacePrefixMatch) : true",
            lambda self: self.type != "ReplacePrefixMatch" or self.replace_prefix_match is not None,
        ),
        Rule(
            "type must be 'ReplacePrefixMatch' when replacePrefixMatch is set",
            "has(self.replacePrefixMatch) ? self.type == 'ReplacePrefixMatch' : true",
            lambda self: self.replace_prefix_match is None or self.type == "ReplacePrefixMatch",
        ),
    )


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


def _lone_wildcard(field: str, message: str) -> Rule:
    return Rule(message, "!('*' in self && self.size() > 1)", lambda values: "*" not in values, field=field, shortest=2)


class HTTPCORSFilter(Model):
    """Cross-origin answers; `max_age` is in seconds."""

    allow_origins: Annotated[tuple[CORSOrigin, ...], set_of(max_length=64)] = ()
    allow_credentials: bool = False
    allow_methods: Annotated[tuple[CORSMethod, ...], set_of(max_length=9)] = ()
    allow_headers: Annotated[tuple[HeaderName, ...], set_of(max_length=64)] = ()
    expose_headers: Annotated[tuple[HeaderName, ...], set_of(max_length=64)] = ()
    max_age: PositiveInt32 = 5

    checks: ClassVar[Rules] = (
        _lone_wildcard("allow_origins", "AllowOrigins cannot contain '*' alongside other origins"),
        _lone_wildcard("allow_methods", "AllowMethods cannot contain '*' alongside other methods"),
        _lone_wildcard("allow_headers", "AllowHeaders cannot contain '*' alongside other methods"),
    )


class GRPCAuthConfig(Model):
    """Envoy's gRPC external authorization; no `allowed_headers` means all."""

    allowed_headers: Annotated[tuple[str, ...], set_of(max_length=64)] = ()


class HTTPAuthConfig(Model):
    """External authorization over plain HTTP; `path` is put before the request's."""

    path: Annotated[str, matching(PATH_CHARACTERS, max_length=1024)] | None = None
    allowed_headers: Annotated[tuple[str, ...], set_of(max_length=64)] = ()
    allowed_response_headers: Annotated[tuple[str, ...], set_of(max_length=64)] = ()


class ForwardBodyConfig(Model):
    """How much of the body the authorizer sees, in bytes; 0 is nothing. v1.6 lets any number pass, so ask for `limit`."""

    max_size: int = 0

    @property
    def limit(self) -> int:
        """The number of bytes, within what its successor allows."""
        return min(max(self.max_size, 0), INT32_MAX)


class HTTPExternalAuthFilter(Model):
    """Asks `backend_ref` whether a request may pass."""

    protocol: Literal["HTTP", "GRPC"]
    backend_ref: BackendObjectReference
    grpc: GRPCAuthConfig | None = None
    http: HTTPAuthConfig | None = None
    forward_body: ForwardBodyConfig | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "grpc must be specified when protocol is set to 'GRPC'",
            "self.protocol == 'GRPC' ? has(self.grpc) : true",
            lambda self: self.protocol != "GRPC" or self.grpc is not None,
        ),
        Rule(
            "protocol must be 'GRPC' when grpc is set",
            "has(self.grpc) ? self.protocol == 'GRPC' : true",
            lambda self: self.grpc is None or self.protocol == "GRPC",
        ),
        Rule(
            "http must be specified when protocol is set to 'HTTP'",
            "self.protocol == 'HTTP' ? has(self.http) : true",
            lambda self: self.protocol != "HTTP" or self.http is not None,
        ),
        Rule(
            "protocol must be 'HTTP' when http is set",
            "has(self.http) ? self.protocol == 'HTTP' : true",
            lambda self: self.http is None or self.protocol == "HTTP",
        ),
    )


_COMMON_MEMBERS: Final = {
    "RequestHeaderModifier": ("requestHeaderModifier", "request_header_modifier"),
    "ResponseHeaderModifier": ("responseHeaderModifier", "response_header_modifier"),
    "RequestMirror": ("requestMirror", "request_mirror"),
    "ExtensionRef": ("extensionRef", "extension_ref"),
}
_HTTP_MEMBERS: Final = _COMMON_MEMBERS | {
    "RequestRedirect": ("requestRedirect", "request_redirect"),
    "URLRewrite": ("urlRewrite", "url_rewrite"),
    "CORS": ("cors", "cors"),
    "ExternalAuth": ("externalAuth", "external_auth"),
}


class GRPCFilter(Model):
    """One filter of a GRPCRoute (the API's GRPCRouteFilter): the field that `type` names is the one that is set."""

    type: Literal["ResponseHeaderModifier", "RequestHeaderModifier", "RequestMirror", "ExtensionRef"]
    request_header_modifier: RouteHeaderFilter | None = None
    response_header_modifier: RouteHeaderFilter | None = None
    request_mirror: HTTPRequestMirrorFilter | None = None
    extension_ref: LocalObjectReference | None = None

    checks: ClassVar[Rules] = union_rules("filter.", _COMMON_MEMBERS)
    plainly_sound: ClassVar[Predicate] = only_member(_COMMON_MEMBERS)


class HTTPFilter(Model):
    """One filter of an HTTPRoute (the API's HTTPRouteFilter): the field that `type` names is the one that is set."""

    type: Annotated[
        Literal[
            "RequestHeaderModifier",
            "ResponseHeaderModifier",
            "RequestMirror",
            "RequestRedirect",
            "URLRewrite",
            "ExtensionRef",
            "CORS",
            "ExternalAuth",
        ],
        experimental_values("ExternalAuth"),
    ]
    request_header_modifier: RouteHeaderFilter | None = None
    response_header_modifier: RouteHeaderFilter | None = None
    request_mirror: HTTPRequestMirrorFilter | None = None
    request_redirect: HTTPRequestRedirectFilter | None = None
    url_rewrite: HTTPURLRewriteFilter | None = None
    cors: HTTPCORSFilter | None = None
    external_auth: Annotated[HTTPExternalAuthFilter | None, EXPERIMENTAL] = None
    extension_ref: LocalObjectReference | None = None

    checks: ClassVar[Rules] = union_rules("filter.", _HTTP_MEMBERS)
    plainly_sound: ClassVar[Predicate] = only_member(_HTTP_MEMBERS)
