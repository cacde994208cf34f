"""The rules of the kinds of gateway.networking.x-k8s.io, and of sessions, each broken once."""

from tests.api.cases import Case
from tests.api.samples import ABSENT

_SESSION = "spec.rules[0].sessionPersistence"
SESSION_CASES = (
    Case(
        "HTTPRoute",
        {_SESSION: {"cookie": {"lifetimeType": "Permanent"}}},
        _SESSION,
        "AbsoluteTimeout must be specified when cookie",
    ),
    Case(
        "XBackendTrafficPolicy",
        {"spec.sessionPersistence.absoluteTimeout": ABSENT},
        "spec.sessionPersistence",
        "AbsoluteTimeout must be specified when cookie",
    ),
    Case(
        "HTTPRoute",
        {_SESSION: {"type": "Header", "header": {"name": "a"}, "cookie": {}}},
        _SESSION,
        "cookie must be nil if type is",
    ),
    Case(
        "HTTPRoute",
        {_SESSION: {"type": "Header", "sessionName": "a", "cookieConfig": {}}},
        _SESSION,
        "cookieConfig can only be set with type Cookie",
    ),
    Case("HTTPRoute", {_SESSION: {"header": {"name": "a"}}}, _SESSION, "header must be nil if type is not Header"),
    Case("HTTPRoute", {f"{_SESSION}.cookie": {}}, _SESSION, "sessionName and cookieConfig cannot be used together"),
)

_PORT_NAME = "spec.port.name"
_BUDGET = "spec.retryConstraint.budget"
_RATE = "spec.retryConstraint.minRetryRate"
EXPERIMENTAL_KIND_CASES = (
    Case(
        "XBackend",
        {"spec.externalHostname.hostname": "a.b.svc.cluster.local"},
        "spec.externalHostname.hostname",
        "hostname must not be an IP address or end with .cluster.local",
    ),
    Case("XBackend", {_PORT_NAME: "a_b"}, _PORT_NAME, "Name must be a valid DNS label"),
    Case("XBackend", {"spec.externalHostname": ABSENT}, "spec", "externalHostname must be set when type is ExternalHostname"),
    Case("XBackend", {"spec.tls.mode": "ServerOnly"}, "spec.tls", "clientCertificateRef must be set if and only if mode is"),
    Case("XBackend", {"spec.tls.clientCertificateRef": ABSENT}, "spec.tls", "clientCertificateRef must be set if and only if"),
    Case("XBackendTrafficPolicy", {f"{_BUDGET}.interval": "999ms"}, f"{_BUDGET}.interval", "or less than one second"),
    Case("XBackendTrafficPolicy", {f"{_BUDGET}.interval": "1h1ms"}, f"{_BUDGET}.interval", "cannot be greater than one hour"),
    Case("XBackendTrafficPolicy", {f"{_RATE}.interval": "0ms"}, f"{_RATE}.interval", "interval cannot be greater than one hour"),
    Case("XBackendTrafficPolicy", {f"{_RATE}.interval": "61m"}, f"{_RATE}.interval", "interval cannot be greater than one hour"),
)
