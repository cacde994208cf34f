"""The status of a GatewayClass: whether it is accepted, and which features of the Gateway API its Gateways have."""

from typing import Final

from gatewright.api.gateway import GatewayClass
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.tables import CLASSES
from gatewright.status.conditions import GATEWAY_CLASS, conditions
from gatewright.status.document import StatusDocument

FEATURES: Final = (
    "Gateway",
    "GatewayAddressEmpty",
    "GatewayHTTPListenerIsolation",
    "GatewayPort8080",
    "HTTPRoute",
    "HTTPRoute303RedirectStatusCode",
    "HTTPRoute307RedirectStatusCode",
    "HTTPRoute308RedirectStatusCode",
    "HTTPRouteBackendProtocolH2C",
    "HTTPRouteBackendProtocolWebSocket",
    "HTTPRouteBackendRequestHeaderModification",
    "HTTPRouteBackendTimeout",
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
    "HTTPRouteSchemeRedirect",
    "ReferenceGrant",
)


def report(read: Read, key: NamespacedName, gateway_class: GatewayClass) -> StatusDocument | None:
    """Report on one GatewayClass of ours."""
    facts = read(CLASSES, key)
    if facts is None:
        return None
    generation = gateway_class.metadata.generation
    body = {
        "conditions": conditions(GATEWAY_CLASS, facts.findings, generation),
        "supportedFeatures": [{"name": name} for name in FEATURES],
    }
    return StatusDocument("GatewayClass", key, gateway_class.api_version, generation, body)
