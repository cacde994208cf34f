"""The status of a GatewayClass: whether it is accepted, and which features of the Gateway API its Gateways have."""

from typing import Final

from gatewright.api.gateway import GatewayClass
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.settings import GraphSettings
from gatewright.graph.tables import CLASSES, ONLY, SETTINGS
from gatewright.status.conditions import GATEWAY_CLASS, conditions
from gatewright.status.document import StatusDocument

FEATURES: Final = (
    "BackendTLSPolicy",
    "BackendTLSPolicySANValidation",
    "GRPCRoute",
    "GRPCRouteNamedRouteRule",
    "Gateway",
    "GatewayAddressEmpty",
    "GatewayBackendClientCertificate",
    "GatewayFrontendClientCertificateValidation",
    "GatewayFrontendClientCertificateValidationInsecureFallback",
    "GatewayHTTPListenerIsolation",
    "GatewayHTTPSListenerDetectMisdirectedRequests",
    "GatewayPort8080",
    "GatewayStaticAddresses",
    "HTTPRoute",
    "HTTPRoute303RedirectStatusCode",
    "HTTPRoute307RedirectStatusCode",
    "HTTPRoute308RedirectStatusCode",
    "HTTPRouteBackendProtocolH2C",
    "HTTPRouteBackendProtocolWebSocket",
    "HTTPRouteBackendRequestHeaderModification",
    "HTTPRouteBackendRequestRedirect",
    "HTTPRouteBackendTimeout",
    "HTTPRouteBackendURLRewrite",
    "HTTPRouteCORS",
    "HTTPRouteDestinationPortMatching",
    "HTTPRouteHostRewrite",
    "HTTPRouteMethodMatching",
    "HTTPRouteNamedRouteRule",
    "HTTPRouteParentRefPort",
    "HTTPRoutePathRedirect",
    "HTTPRoutePathRewrite",
    "HTTPRoutePortRedirect",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestMultipleMirrors",
    "HTTPRouteRequestPercentageMirror",
    "HTTPRouteRequestTimeout",
    "HTTPRouteResponseHeaderModification",
    "HTTPRouteRetry",
    "HTTPRouteRetryBackendTimeout",
    "HTTPRouteRetryConnectionError",
    "HTTPRouteSchemeRedirect",
    "ListenerSet",
    "ReferenceGrant",
    "TCPRoute",
    "TLSRoute",
    "TLSRouteModeMixed",
    "TLSRouteModeTerminate",
    "UDPRoute",
)


BESIDE_GATEWAYS: Final = ("GatewayInfrastructure",)
"""Features that need the objects of a proxy in its Gateway's namespace."""


def features(settings: GraphSettings) -> tuple[str, ...]:
    """The features of the Gateways of an installation, in alphabetical order as the API wants them."""
    return tuple(sorted(FEATURES + BESIDE_GATEWAYS)) if settings.gateway_namespace_mode else FEATURES


def report(read: Read, key: NamespacedName, gateway_class: GatewayClass) -> StatusDocument | None:
    """Report on one GatewayClass of ours."""
    facts, settings = read(CLASSES, key), read(SETTINGS, ONLY)
    if facts is None or settings is None:
        return None
    generation = gateway_class.metadata.generation
    body = {
        "conditions": conditions(GATEWAY_CLASS, facts.findings, generation),
        "supportedFeatures": [{"name": name} for name in features(settings)],
    }
    return StatusDocument("GatewayClass", key, gateway_class.api_version, generation, body)
