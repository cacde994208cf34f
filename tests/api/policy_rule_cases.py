"""The rules of the policies of Envoy Gateway, each broken once."""

from typing import Final

from tests.api.cases import Case
from tests.api.samples import ABSENT

_CTP: Final = "ClientTrafficPolicy"
_TARGET: Final = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "a"}
POLICY_CASES = (
    Case(
        _CTP, {"spec.targetRefs": ABSENT, "spec.targetSelectors": ABSENT}, "spec", "either targetRef or targetRefs must be used"
    ),
    Case(_CTP, {"spec.targetRef": _TARGET | {"group": "a"}}, "spec", "can only have a targetRef.group of"),
    Case(_CTP, {"spec.targetRef": _TARGET | {"kind": "HTTPRoute"}}, "spec", "can only have a targetRef.kind of Gateway or"),
    Case(_CTP, {"spec.targetRefs[0].group": "a"}, "spec", "can only have a targetRefs[*].group of"),
    Case(_CTP, {"spec.targetRefs[0].kind": "HTTPRoute"}, "spec", "can only have a targetRefs[*].kind of Gateway or ListenerSet"),
    Case(_CTP, {"spec.targetSelectors[0].group": "a"}, "spec.targetSelectors[0]", "group must be gateway.networking.k8s.io"),
    Case(
        _CTP,
        {"spec.targetSelectors[0].namespaces.from": "Selector"},
        "spec.targetSelectors[0].namespaces",
        "selector must be specified when from is Selector",
    ),
    Case(
        _CTP,
        {"spec.clientIPDetection.xForwardedFor.numTrustedHops": 1},
        "spec.clientIPDetection.xForwardedFor",
        "only one of numTrustedHops or trustedCIDRs must be set",
    ),
    Case(
        _CTP,
        {"spec.clientIPDetection.directSourceIP": {}},
        "spec.clientIPDetection",
        "exactly one of xForwardedFor, customHeader, or directSourceIP must be set",
    ),
    Case(
        _CTP,
        {"spec.connection.connectionLimit.value": ABSENT},
        "spec.connection.connectionLimit",
        "closeDelay can only be configured when value is set",
    ),
    Case(
        _CTP,
        {"spec.headers.xForwardedClientCert.mode": "Sanitize"},
        "spec.headers.xForwardedClientCert",
        "certDetailsToAdd can only be set when mode is AppendForward or SanitizeSet",
    ),
    Case(
        _CTP, {"spec.headers.preserveXRequestID": False}, "spec.headers", "preserveXRequestID and requestID cannot both be set."
    ),
    Case(
        _CTP,
        {"spec.http2.connectionKeepalive.timeout": "10s"},
        "spec.http2.connectionKeepalive",
        "timeout must be less than interval",
    ),
    Case(
        _CTP,
        {"spec.tls.clientValidation.allowExpiredCertificate": True, "spec.tls.clientValidation.mode": "Request"},
        "spec.tls.clientValidation",
        "allowExpiredCertificate can only be set when mode is VerifyIfGiven or RequireAndVerify",
    ),
)
