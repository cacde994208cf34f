"""For each admission rule a change to a good document that breaks it: where the problem is, and what is said."""

from typing import Any

from tests.api.cases import Case
from tests.api.experimental_rule_cases import EXPERIMENTAL_KIND_CASES, SESSION_CASES
from tests.api.extension_rule_cases import EXTENSION_KIND_CASES
from tests.api.policy_rule_cases import POLICY_CASES
from tests.api.samples import ABSENT

NAME_253 = ".".join(["a" * 63] * 4)
GATEWAY_CASES = (
    Case(
        "Gateway", {"spec.listeners[0].tls": {"options": {"a": "b"}}}, "spec.listeners", "tls must not be specified for protocols"
    ),
    Case(
        "Gateway",
        {"spec.listeners[1].tls.mode": "Passthrough"},
        "spec.listeners",
        "tls mode must be Terminate for protocol HTTPS",
    ),
    Case("Gateway", {"spec.listeners[2].tls": ABSENT}, "spec.listeners", "tls mode must be set for protocol TLS"),
    Case("Gateway", {"spec.listeners[3].hostname": "a.b"}, "spec.listeners", "hostname must not be specified for protocols"),
    Case("Gateway", {"spec.listeners[1].name": "web"}, "spec.listeners", "Listener name must be unique within the Gateway"),
    Case(
        "ListenerSet",
        {"spec.listeners[1].hostname": ABSENT},
        "spec.listeners",
        "Combination of port, protocol and hostname must be unique for each listener",
    ),
    Case(
        "Gateway",
        {"spec.listeners[1].tls.certificateRefs": []},
        "spec.listeners[1].tls",
        "certificateRefs or options must be specified when mode is Terminate",
    ),
    Case("Gateway", {"spec.addresses[0].value": "10.0.0.256"}, "spec.addresses[0]", "value must be an IPv4 or IPv6 address"),
    Case("Gateway", {"spec.addresses[0].value": "fe80::1%eth0"}, "spec.addresses[0]", "value must be an IPv4 or IPv6 address"),
    Case(
        "Gateway", {"spec.addresses[1].value": "A_b"}, "spec.addresses[1]", "Hostname value must be empty or contain only valid"
    ),
    Case("Gateway", {"spec.addresses[2]": {"value": "10.0.0.1"}}, "spec.addresses", "IPAddress values must be unique"),
    Case(
        "Gateway",
        {"spec.addresses[2]": {"type": "Hostname", "value": "a.example.com"}},
        "spec.addresses",
        "Hostname values must be unique",
    ),
    Case("Gateway", {"spec.infrastructure.labels": {"-a": "b"}}, "spec.infrastructure.labels", "Label keys must be in the form"),
    Case(
        "Gateway",
        {"spec.infrastructure.labels": {f"{NAME_253}/a": "b"}},
        "spec.infrastructure.labels",
        "If specified, the label key's prefix must be a DNS subdomain",
    ),
    Case(
        "Gateway",
        {"spec.infrastructure.annotations": {"a/": "b"}},
        "spec.infrastructure.annotations",
        "Annotation keys must be in the form",
    ),
    Case(
        "Gateway",
        {"spec.infrastructure.annotations": {f"{NAME_253}/a": "b"}},
        "spec.infrastructure.annotations",
        "If specified, the annotation key's prefix must be a DNS subdomain",
    ),
    Case(
        "Gateway",
        {"spec.tls.frontend.perPort[1]": {"port": 443, "tls": {}}},
        "spec.tls.frontend.perPort",
        "Port for TLS configuration must be unique within the Gateway",
    ),
)

PARENT_CASES = (
    Case(
        "HTTPRoute",
        {"spec.parentRefs[1]": {"name": "sample"}},
        "spec.parentRefs",
        "sectionName or port must be specified when parentRefs includes 2 or more references to the same parent",
    ),
    Case(
        "HTTPRoute",
        {"spec.parentRefs[1]": {"name": "sample", "sectionName": "web", "port": 80}},
        "spec.parentRefs",
        "sectionName or port must be unique when parentRefs includes 2 or more references to the same parent",
    ),
)

_PATH = "spec.rules[0].matches[0].path"
_LITERAL = "when type one of ['Exact', 'PathPrefix']"
_MATCHES = [{"path": {"value": f"/{index}"}} for index in range(64)]
_ROUTE_RULE = {"matches": _MATCHES, "backendRefs": [{"name": "a", "port": 80}]}
_REDIRECT = {"type": "RequestRedirect", "requestRedirect": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/a"}}}
_REWRITE = {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/a"}}}
HTTP_ROUTE_CASES = (
    Case("HTTPRoute", {f"{_PATH}.value": "a"}, _PATH, f"value must be an absolute path and start with '/' {_LITERAL}"),
    *(
        Case("HTTPRoute", {f"{_PATH}.value": f"/a{part}b"}, _PATH, f"must not contain '{part}' {_LITERAL}")
        for part in ("//", "/./", "/../", "%2f", "%2F", "#")
    ),
    *(Case("HTTPRoute", {f"{_PATH}.value": f"/a{end}"}, _PATH, f"must not end with '{end}' {_LITERAL}") for end in ("/..", "/.")),
    Case("HTTPRoute", {f"{_PATH}.value": "/a b"}, _PATH, "must only contain valid characters"),
    Case("HTTPRoute", {"spec.rules[1].name": "first"}, "spec.rules", "Rule name must be unique within the route"),
    Case(
        "HTTPRoute",
        {"spec.rules[0]": _ROUTE_RULE, "spec.rules[2]": _ROUTE_RULE},
        "spec.rules",
        "While 16 rules and 64 matches per rule are allowed",
    ),
    Case(
        "HTTPRoute", {"spec.rules[0].backendRefs[0].port": ABSENT}, "spec.rules[0].backendRefs[0]", "Must have port for Service"
    ),
    Case(
        "HTTPRoute",
        {"spec.rules[1].backendRefs": [{"name": "a", "port": 80}]},
        "spec.rules[1]",
        "RequestRedirect filter must not be used together with backendRefs",
    ),
    Case(
        "HTTPRoute",
        {"spec.rules[1].matches": []},
        "spec.rules[1]",
        "When using RequestRedirect filter with path.replacePrefixMatch",
    ),
    Case(
        "HTTPRoute",
        {"spec.rules[0].filters": [_REWRITE]},
        "spec.rules[0]",
        "When using URLRewrite filter with path.replacePrefixMatch",
    ),
    Case(
        "HTTPRoute",
        {"spec.rules[0].backendRefs[0].filters": [_REDIRECT]},
        "spec.rules[0]",
        "Within backendRefs, when using RequestRedirect filter with path.replacePrefixMatch",
    ),
    Case(
        "HTTPRoute",
        {"spec.rules[0].backendRefs[0].filters": [_REWRITE]},
        "spec.rules[0]",
        "Within backendRefs, when using URLRewrite filter with path.replacePrefixMatch",
    ),
    Case(
        "HTTPRoute",
        {"spec.rules[1].filters[1]": _REWRITE},
        "spec.rules[1].filters",
        "May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both",
    ),
    *(
        Case(
            "HTTPRoute",
            {"spec.rules[2].filters": [value, value]},
            "spec.rules[2].filters",
            f"{value['type']} filter cannot be repeated",
        )
        for value in (
            {"type": "CORS", "cors": {}},
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {}},
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": {}},
            _REDIRECT,
            _REWRITE,
        )
    ),
    Case(
        "HTTPRoute",
        {"spec.rules[0].timeouts.backendRequest": "10001ms"},
        "spec.rules[0].timeouts",
        "backendRequest timeout cannot be longer than request timeout",
    ),
)

_FILTER = "spec.rules[0].filters[0]"
_MEMBERS: dict[str, dict[str, Any]] = {
    "requestHeaderModifier": {},
    "responseHeaderModifier": {},
    "requestMirror": {"backendRef": {"name": "a", "port": 80}},
    "requestRedirect": {},
    "urlRewrite": {},
    "cors": {},
    "extensionRef": {"group": "a", "kind": "B", "name": "c"},
    "externalAuth": {"protocol": "GRPC", "grpc": {}, "backendRef": {"name": "a", "port": 80}},
}
_TYPES = {"cors": "CORS", "urlRewrite": "URLRewrite"} | {
    name: f"{name[0].upper()}{name[1:]}" for name in _MEMBERS if name not in {"cors", "urlRewrite"}
}
_OTHER = {"type": "ExtensionRef", "extensionRef": _MEMBERS["extensionRef"]}
_PATH_MODIFIER = f"{_FILTER}.requestRedirect.path"


def _redirected(path: dict[str, str]) -> dict[str, Any]:
    return {_FILTER: {"type": "RequestRedirect", "requestRedirect": {"path": path}}}


def _authorized(auth: dict[str, Any]) -> dict[str, Any]:
    filled = {"backendRef": {"name": "a", "port": 80}, **auth}
    return {_FILTER: {"type": "ExternalAuth", "externalAuth": filled}}


FILTER_CASES = (
    *(
        Case(
            "HTTPRoute",
            {_FILTER: {**(_OTHER if name != "extensionRef" else {"type": "CORS", "cors": {}}), name: value}},
            _FILTER,
            f"filter.{name} must be nil if the filter.type is not {_TYPES[name]}",
        )
        for name, value in _MEMBERS.items()
    ),
    *(
        Case("HTTPRoute", {_FILTER: {"type": type_name}}, _FILTER, f"filter.{name} must be specified for {type_name} filter.type")
        for name, type_name in _TYPES.items()
    ),
    Case(
        "HTTPRoute",
        {f"{_FILTER}.requestHeaderModifier.set[0].value": "café"},
        f"{_FILTER}.requestHeaderModifier.set[0].value",
        '"café": should match',
    ),
    Case(
        "HTTPRoute",
        {"spec.rules[0].filters[1].requestMirror.fraction.numerator": 4},
        "spec.rules[0].filters[1].requestMirror.fraction",
        "numerator must be less than or equal to denominator",
    ),
    Case(
        "HTTPRoute",
        {"spec.rules[0].filters[1].requestMirror.percent": 4},
        "spec.rules[0].filters[1].requestMirror",
        "Only one of percent or fraction may be specified in HTTPRequestMirrorFilter",
    ),
    Case(
        "HTTPRoute",
        _redirected({"type": "ReplaceFullPath"}),
        _PATH_MODIFIER,
        "replaceFullPath must be specified when type is set",
    ),
    Case(
        "HTTPRoute",
        _redirected({"type": "ReplacePrefixMatch", "replaceFullPath": "/"}),
        _PATH_MODIFIER,
        "type must be 'ReplaceFullPath' when replaceFullPath is set",
    ),
    Case(
        "HTTPRoute",
        _redirected({"type": "ReplacePrefixMatch"}),
        _PATH_MODIFIER,
        "replacePrefixMatch must be specified when type is set to 'ReplacePrefixMatch'",
    ),
    Case(
        "HTTPRoute",
        _redirected({"type": "ReplaceFullPath", "replacePrefixMatch": "/"}),
        _PATH_MODIFIER,
        "type must be 'ReplacePrefixMatch' when replacePrefixMatch is set",
    ),
    *(
        Case(
            "HTTPRoute",
            {f"spec.rules[0].filters[2].cors.{name}": [good, "*"]},
            f"spec.rules[0].filters[2].cors.{name}",
            f"{name[0].upper()}{name[1:]} cannot contain '*' alongside other",
        )
        for name, good in (("allowOrigins", "https://a.b"), ("allowMethods", "GET"), ("allowHeaders", "a"))
    ),
    Case(
        "HTTPRoute", _authorized({"protocol": "GRPC"}), f"{_FILTER}.externalAuth", "grpc must be specified when protocol is set"
    ),
    Case(
        "HTTPRoute", _authorized({"protocol": "HTTP"}), f"{_FILTER}.externalAuth", "http must be specified when protocol is set"
    ),
    Case(
        "HTTPRoute",
        _authorized({"protocol": "HTTP", "http": {}, "grpc": {}}),
        f"{_FILTER}.externalAuth",
        "protocol must be 'GRPC' when grpc is set",
    ),
    Case(
        "HTTPRoute",
        _authorized({"protocol": "GRPC", "http": {}, "grpc": {}}),
        f"{_FILTER}.externalAuth",
        "protocol must be 'HTTP' when http is set",
    ),
)

_METHOD = "spec.rules[0].matches[0].method"
OTHER_ROUTE_CASES = (
    Case("GRPCRoute", {_METHOD: {}}, _METHOD, "One or both of 'service' or 'method' must be specified"),
    Case("GRPCRoute", {f"{_METHOD}.service": "a/b"}, _METHOD, "service must only contain valid characters"),
    Case("GRPCRoute", {f"{_METHOD}.method": "a.b"}, _METHOD, "method must only contain valid characters"),
    Case("TLSRoute", {"spec.hostnames": []}, "spec.hostnames", "at least one hostname is required"),
    Case("TLSRoute", {"spec.hostnames[1]": "10.0.0.1"}, "spec.hostnames", "Hostnames cannot contain an IP"),
    Case(
        "TCPRoute", {"spec.rules[1]": {"backendRefs": [{"name": "a", "port": 80}]}}, "spec.rules", "should have at most 1 items"
    ),
)

STANDARD_CASES = (
    Case(
        "GRPCRoute",
        {"spec.parentRefs[1]": {"name": "sample", "sectionName": "web"}},
        "spec.parentRefs",
        "sectionName must be specified when parentRefs includes 2 or more references to the same parent",
    ),
    Case(
        "GRPCRoute",
        {"spec.parentRefs[1]": {"name": "sample", "port": 80}},
        "spec.parentRefs",
        "sectionName must be unique when parentRefs includes 2 or more references to the same parent",
    ),
)

CASES = (
    *GATEWAY_CASES,
    *PARENT_CASES,
    *HTTP_ROUTE_CASES,
    *FILTER_CASES,
    *SESSION_CASES,
    *OTHER_ROUTE_CASES,
    *EXPERIMENTAL_KIND_CASES,
    *POLICY_CASES,
    *EXTENSION_KIND_CASES,
)
