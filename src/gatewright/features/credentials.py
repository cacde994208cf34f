"""Credentials that the proxy adds to requests, so that clients need not have them.

The filter has a slot in every chain; a route's own says which header gets what. The credential itself is no part of it: it
travels by SDS, so a rotation changes no route. A request for which Envoy has no credential yet is answered 401. Sources: Envoy
Gateway HTTPRouteFilter.credentialInjection; Envoy CredentialInjector.
"""

from typing import Final

from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.extensions.filters.http.credential_injector.v3.credential_injector_pb2 import CredentialInjector
from envoy.extensions.http.injected_credentials.generic.v3.generic_pb2 import Generic
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig

from gatewright.api.httproutefilter import HTTPCredentialInjectionFilter
from gatewright.features.base import packed
from gatewright.features.slots import filled

NAME: Final = "envoy.filters.http.credential_injector"


def route(spec: HTTPCredentialInjectionFilter, credential: SdsSecretConfig) -> route_pb.Route:
    """Return what sends `credential` with the requests of a route; Envoy's own default is the header Authorization."""
    settings = injector(credential, spec.header or "", overwrite=spec.overwrite)
    return route_pb.Route(typed_per_filter_config={NAME: filled(NAME, settings)})


def injector(credential: SdsSecretConfig, header: str = "", *, overwrite: bool = False) -> CredentialInjector:
    """Return the filter that sends `credential` in `header`."""
    generic = Generic(credential=credential, header=header)
    source = TypedExtensionConfig(name="envoy.http.injected_credentials.generic", typed_config=packed(generic))
    return CredentialInjector(credential=source, overwrite=overwrite)
