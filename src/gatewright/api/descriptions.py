"""What fields of the Gateway API's kinds are for, in a sentence: what an editor shows of them.

By the name of the struct (or of one that it inherits from) and of the field on the wire. Objects are explained by their
docstrings, and fields with a scalar type of their own by that type; here is the rest, and what can be said better.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

_MATCH_TYPE: Final = "How the value is compared: Exact (the default), or as a regular expression (RE2) that matches all of it."
_HOSTS: Final = "Hosts whose requests this route takes; without any, those of the listener. *.example.com is all hosts below it."
_BACKENDS: Final = "Where requests go, shared by weight. Without any, they are answered with 500, unless a filter answers them."
_FILTERS: Final = "What is done to requests and responses, and the answers to them."
_BACKEND_FILTERS: Final = "What is done to the requests that this backend is chosen for."
_HEADERS: Final = "Headers that a request must have, all of them."
_LISTENERS: Final = (
    "Ports, protocols and hosts that are served. Their names differ, and so do port, protocol and hostname together."
)

_TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "ObjectMeta": {
        "name": "The name of the object: lower-case letters, digits, '-' and '.'.",
        "namespace": "The namespace of the object; without one, default.",
    },
    "ReferenceGrantSpec": {
        "from": "Kinds and namespaces whose objects may refer to what `to` names.",
        "to": "What may be referred to in this namespace.",
    },
    "GatewayClassSpec": {"description": "What the class is for, for people."},
    "GatewaySpec": {
        "gatewayClassName": "The GatewayClass, and so the controller that serves this Gateway.",
        "listeners": _LISTENERS,
        "addresses": "Addresses at which to serve; without any, they are chosen.",
        "defaultScope": "All: routes that ask for default Gateways (useDefaultGateways) are attached to this one.",
    },
    "GatewayInfrastructure": {
        "labels": "Labels that all objects made for this Gateway get.",
        "annotations": "Annotations that all objects made for this Gateway get.",
    },
    "ListenerSetSpec": {"listeners": _LISTENERS},
    "Listener": {
        "name": "The name by which routes and statuses refer to the listener (sectionName).",
        "port": "The port at which clients connect.",
        "hostname": "The host that is served, such as shop.example.com or *.example.com; without one, all.",
        "protocol": "HTTP, HTTPS (TLS ends here), TLS (TLS ends here or passes through), TCP or UDP.",
    },
    "ListenerTLSConfig": {
        "mode": "Terminate: TLS ends here, with one of the certificates. Passthrough: it goes on to the backend.",
        "certificateRefs": "Secrets with certificate and key; one of another namespace needs a ReferenceGrant there.",
        "options": "Settings of an implementation; there are none here.",
    },
    "AllowedRoutes": {"kinds": "Kinds of routes that may attach; without any, those that fit the protocol."},
    "RouteNamespaces": {"from": "Same: routes of the Gateway's namespace. All: of any. Selector: of those with these labels."},
    "ListenerNamespaces": {
        "from": "None (the default): no ListenerSets. Same: those of the Gateway's namespace. All, or those of a Selector."
    },
    "LabelSelector": {
        "matchLabels": "Labels that must all be there.",
        "matchExpressions": "Requirements that must all hold.",
    },
    "LabelSelectorRequirement": {
        "key": "The label.",
        "operator": "In, NotIn, Exists or DoesNotExist.",
        "values": "Values for In and NotIn; none for the others.",
    },
    "GatewayAddress": {"value": "The address; without one, any of this type."},
    "FrontendTLSConfig": {"perPort": "Settings of single ports, in place of the default; without validation there is none."},
    "FrontendTLSValidation": {
        "caCertificateRefs": "ConfigMaps whose ca.crt holds the CA certificates that sign clients' certificates.",
        "mode": "AllowValidOnly: clients must have a good certificate. AllowInsecureFallback: those without are let in too.",
    },
    "CommonRouteSpec": {
        "parentRefs": "Gateways and ListenerSets that this route asks to be attached to.",
        "useDefaultGateways": "All: attach to every Gateway whose defaultScope is All as well.",
    },
    "HTTPRouteSpec": {
        "hostnames": _HOSTS,
        "rules": "What is done with which requests; the most specific match wins, wherever it stands.",
    },
    "HTTPRouteRule": {
        "name": "A name for statuses and policies.",
        "matches": "Conditions of which one must hold; without any, every request matches.",
        "filters": _FILTERS,
        "backendRefs": _BACKENDS,
    },
    "HTTPRouteMatch": {
        "headers": _HEADERS,
        "queryParams": "Query parameters that a request must have, all of them.",
        "method": "The method of the request.",
    },
    "HTTPPathMatch": {
        "type": "PathPrefix (the default; /a matches /a/b and not /ab), Exact, or RegularExpression (RE2).",
        "value": "The path; it begins with '/', unless it is a regular expression.",
    },
    "HTTPHeaderMatch": {"type": _MATCH_TYPE},
    "HTTPQueryParamMatch": {
        "type": _MATCH_TYPE,
        "name": "The name of the parameter, its case with meaning.",
        "value": "The value.",
    },
    "HTTPRouteTimeouts": {
        "request": "For the whole exchange, retries included; then the answer is 504. 0s is without limit.",
        "backendRequest": "For each try of a backend; not longer than `request`. 0s is without limit.",
    },
    "HTTPRouteRetry": {
        "codes": "Statuses of backends after which a try is made again, 400 to 599.",
        "attempts": "How many times at most: retries, the first try not counted.",
        "backoff": "The least time before a retry; it grows with each.",
    },
    "HTTPFilter": {"type": "What the filter does; the field of that name says how."},
    "GRPCFilter": {"type": "What the filter does; the field of that name says how."},
    "HTTPHeaderFilter": {
        "set": "Headers that get this value in place of any that they have.",
        "add": "Headers that get this value beside those that they have.",
        "remove": "Headers that are taken away.",
    },
    "HTTPRequestMirrorFilter": {
        "percent": "How many of a hundred requests are copied; all, when neither this nor `fraction` is set."
    },
    "Fraction": {"numerator": "So many…", "denominator": "…of so many."},
    "HTTPRequestRedirectFilter": {
        "scheme": "The new scheme.",
        "port": "The new port; without one, that of the scheme, or of the listener.",
        "statusCode": "The status of the answer.",
    },
    "HTTPPathModifier": {
        "type": "ReplaceFullPath, or ReplacePrefixMatch for the part that the one PathPrefix of the rule matches.",
        "replaceFullPath": "The new path.",
        "replacePrefixMatch": "What stands in place of the prefix: with /v2 for /v1, /v1/a becomes /v2/a.",
    },
    "HTTPCORSFilter": {
        "allowOrigins": "Origins whose pages may ask; * alone for all.",
        "allowCredentials": "Whether they may send cookies and other credentials.",
        "allowMethods": "Methods that they may use; * alone for all.",
        "allowHeaders": "Headers that they may send; * alone for all.",
        "exposeHeaders": "Headers of responses that they may read.",
        "maxAge": "For how many seconds a browser may remember the answer.",
    },
    "HTTPExternalAuthFilter": {"protocol": "How the authorizer is asked: GRPC (Envoy's ext_authz), or HTTP."},
    "GRPCAuthConfig": {"allowedHeaders": "Headers of the request that the authorizer sees; without any, all."},
    "HTTPAuthConfig": {
        "path": "What is put before the path of the request.",
        "allowedHeaders": "Headers of the request that the authorizer sees beside those that it always does.",
        "allowedResponseHeaders": "Headers of its answer that go on to the backend; without any, all.",
    },
    "ForwardBodyConfig": {"maxSize": "How many bytes of the body the authorizer sees; 0 is none."},
    "HTTPBackendRef": {"filters": _BACKEND_FILTERS},
    "GRPCBackendRef": {"filters": _BACKEND_FILTERS},
    "SessionPersistence": {
        "type": "What tells sessions apart: a Cookie (the default), or a Header.",
        "absoluteTimeout": "How long a session lasts at most.",
        "sessionName": "The name of the cookie or header (the shape of v1.6).",
    },
    "CookieConfig": {"lifetimeType": "Session: until the browser is closed. Permanent: for `absoluteTimeout`."},
    "SessionCookie": {
        "name": "The name of the cookie; without one, it is made up.",
        "path": "The paths for which the cookie is sent.",
        "lifetimeType": "Session: until the browser is closed. Permanent: for `absoluteTimeout`.",
    },
    "GRPCRouteSpec": {
        "hostnames": _HOSTS,
        "rules": "What is done with which calls; the most specific match wins, wherever it stands.",
    },
    "GRPCRouteRule": {
        "name": "A name for statuses and policies.",
        "matches": "Conditions of which one must hold; without any, every call matches.",
        "filters": _FILTERS,
        "backendRefs": "Where calls go, shared by weight.",
    },
    "GRPCRouteMatch": {"headers": "Metadata that a call must have, all of it."},
    "GRPCMethodMatch": {
        "type": "Exact (the default), or RegularExpression.",
        "service": "The service with its package, such as shop.v1.Cart; without one, any.",
        "method": "The method; without one, any.",
    },
    "GRPCHeaderMatch": {"type": _MATCH_TYPE},
    "TLSRouteSpec": {"hostnames": "Hosts (SNI) whose connections this route takes."},
    "StreamRouteRule": {"backendRefs": "Where connections go, shared by weight."},
    "StreamRouteSpec": {"rules": "Where connections go; one rule."},
    "BackendTLSPolicySpec": {
        "targetRefs": "Services (or ports of them, by sectionName) that are spoken to in TLS.",
        "options": "Settings of an implementation; there are none here.",
    },
    "BackendTLSPolicyValidation": {
        "hostname": "The name that is asked for (SNI) and, without subjectAltNames, expected in the certificate.",
        "caCertificateRefs": "ConfigMaps whose ca.crt holds the CA certificates that sign the backend's certificate.",
        "subjectAltNames": "Names of which the certificate must have one; then it need not have `hostname`.",
    },
    "SubjectAltName": {"type": "Hostname or URI; the field of that name says which."},
    "XBackendSpec": {"type": "ExternalHostname.", "protocol": "What is spoken to the host; without one, what the route speaks."},
    "BackendPort": {"name": "Leave it out: v1.6 refuses every name."},
    "XBackendTLS": {"mode": "None, ServerOnly (its certificate is checked), or ClientAndServer (it sees one of ours, too)."},
    "XBackendTrafficPolicySpec": {"targetRefs": "Services whose traffic this is about."},
    "BudgetDetails": {
        "percent": "How many of a hundred requests may be retries.",
        "interval": "Over which time that is counted.",
    },
    "RequestRate": {"count": "How many retries there may always be…", "interval": "…in this time."},
}


def description_of(struct: type[msgspec.Struct], field: str) -> str:
    """What the field is for, by its name on the wire; empty when there is nothing better to say than what its type does."""
    return next((_TEXTS[base.__name__][field] for base in struct.__mro__ if field in _TEXTS.get(base.__name__, {})), "")


def described() -> Mapping[str, Mapping[str, str]]:
    """All of it, for whoever looks for what is out of date."""
    return _TEXTS
