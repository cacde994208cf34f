"""ExternalAuth: an authorizer says of each request whether it may pass, over gRPC (Envoy's ext_authz protocol) or plain HTTP.

Whatever goes wrong, the request is refused. Over HTTP only 200 lets it pass, and the authorizer sees method, path, host,
Authorization and the headers that are named; over gRPC it sees all headers unless some are named. Sources: GEP-1494; Gateway API
HTTPExternalAuthFilter; Envoy ExtAuthz.
"""

from collections.abc import Iterable
from functools import cache
from typing import Final

from envoy.config.core.v3 import grpc_service_pb2
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import ListStringMatcher, StringMatcher
from google.protobuf.duration_pb2 import Duration

from gatewright.api.filters import GRPCAuthConfig, HTTPAuthConfig, HTTPExternalAuthFilter, HTTPFilter
from gatewright.features import paths
from gatewright.features.base import Placement, RouteFilter
from gatewright.features.slots import filled

NAME: Final = "envoy.filters.http.ext_authz"
_TIMEOUT: Final = Duration(seconds=10)  # Envoy Gateway's
_OF_THE_CONNECTION: Final = (
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "host",
    "keep-alive",
    "server",
    "transfer-encoding",
    "upgrade",
)
"""Headers of an authorizer's answer that are about that answer, and would make nonsense of the request."""


class ExternalAuth(RouteFilter):
    """The filter ExternalAuth, its backend resolved."""

    type = "ExternalAuth"

    def route(self, spec: HTTPFilter, placement: Placement) -> route_pb.Route:
        """Return the authorizer of a route."""
        if spec.external_auth is None:
            return route_pb.Route()
        route = route_pb.Route(typed_per_filter_config={NAME: filled(NAME, _authorizer(spec.external_auth, placement.cluster))})
        limit = spec.external_auth.forward_body.limit if spec.external_auth.forward_body else 0
        if limit:
            route.request_body_buffer_limit.value = limit
        return route


def _authorizer(auth: HTTPExternalAuthFilter, cluster: str) -> ext_authz_pb2.ExtAuthz:
    settings = ext_authz_pb2.ExtAuthz(transport_api_version=ApiVersion.V3)
    if auth.protocol == "GRPC":
        called = grpc_service_pb2.GrpcService.EnvoyGrpc(cluster_name=cluster, authority=auth.backend_ref.name)
        settings.grpc_service.CopyFrom(grpc_service_pb2.GrpcService(envoy_grpc=called, timeout=_TIMEOUT))
        headers = (auth.grpc or GRPCAuthConfig()).allowed_headers
    else:
        http = auth.http or HTTPAuthConfig()
        settings.http_service.CopyFrom(_http(http, auth.backend_ref.name, cluster))
        headers = http.allowed_headers
    if headers:
        settings.allowed_headers.CopyFrom(_named(headers))
    if auth.forward_body and auth.forward_body.limit:
        settings.with_request_body.max_request_bytes = auth.forward_body.limit
        settings.with_request_body.allow_partial_message = True
        settings.with_request_body.pack_as_bytes = auth.protocol == "GRPC"
    return settings


def _http(http: HTTPAuthConfig, name: str, cluster: str) -> ext_authz_pb2.HttpService:
    passed_on = _named(http.allowed_response_headers) if http.allowed_response_headers else _all_but(_OF_THE_CONNECTION)
    return ext_authz_pb2.HttpService(
        server_uri=HttpUri(uri=f"http://{name}", cluster=cluster, timeout=_TIMEOUT),
        path_prefix=paths.absolute(http.path).rstrip("/") if http.path else "",
        authorization_response=ext_authz_pb2.AuthorizationResponse(allowed_upstream_headers=passed_on),
    )


def _named(headers: Iterable[str]) -> ListStringMatcher:
    return ListStringMatcher(patterns=[StringMatcher(exact=header.lower(), ignore_case=True) for header in headers])


@cache
def _all_but(words: tuple[str, ...]) -> ListStringMatcher:
    return ListStringMatcher(patterns=[StringMatcher(safe_regex=RegexMatcher(regex=all_but(words)))])


def all_but(words: tuple[str, ...]) -> str:
    """Return a regular expression for every header but `words`; RE2 cannot say "not", so it tells where others part from them."""
    if words == ("",):
        return ".+"
    followers = sorted({word[0] for word in words if word})
    branches = [f"{_literal(first)}{_rest(words, first)}" for first in followers]
    own = "" if "" in words else "|"  # the end, which none of the words has reached
    return f"(?:[^:{''.join(_literal(each) for each in followers)}].*|{'|'.join(branches)}{own})"


def _rest(words: tuple[str, ...], first: str) -> str:
    return all_but(tuple(word[1:] for word in words if word.startswith(first)))


def _literal(character: str) -> str:
    return rf"\{character}" if character == "-" else character


EXTERNAL_AUTH: Final = ExternalAuth()
