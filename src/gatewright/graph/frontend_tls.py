"""Client certificates at HTTPS listeners: who signed those that are let in.

A Gateway says it for all of its ports, and otherwise for some; an entry for a port takes the place of the default, also when it
asks for nothing. What is wrong with it is said by every listener that it is for. One without any good authority is not served:
it must never fall open. Source: Gateway API Gateway.spec.tls.frontend (GEP-91); checklist section 9.
"""

from typing import Final

import msgspec

from gatewright.api.gateway import FrontendTLSValidation, GatewayTLSConfig
from gatewright.api.meta import NamespacedName
from gatewright.api.references import GATEWAY_GROUP
from gatewright.flow import Read
from gatewright.graph import authorities
from gatewright.graph.authorities import Bundle
from gatewright.graph.findings import ACCEPTED, INSECURE_FRONTEND, RESOLVED_REFS, Finding
from gatewright.graph.grants import Referrer

_FRONTEND: Final = "spec.tls.frontend"
_REASONS: Final[dict[authorities.Fault, str]] = {
    "kind": "InvalidCACertificateKind",
    "permission": "RefNotPermitted",
    "content": "InvalidCACertificateRef",
}


class FrontendValidation(msgspec.Struct, frozen=True):
    """What a Gateway asks of the clients of a port; `path` is where it says so, which is `told` to its own listeners only."""

    gateway: NamespacedName
    name: str
    path: str
    validation: FrontendTLSValidation
    told: bool


class ClientValidation(msgspec.Struct, frozen=True):
    """Whose signature a client needs; if it is not `required`, one without it is let in all the same."""

    authority: Bundle
    required: bool


def of_port(gateway: NamespacedName, tls: GatewayTLSConfig | None, port: int, *, told: bool) -> FrontendValidation | None:
    """Return what a Gateway asks of the clients of a port, if anything."""
    frontend = tls.frontend if tls else None
    if frontend is None:
        return None
    for i, each in enumerate(frontend.per_port):
        if each.port == port:
            own = each.tls.validation
            path = f"{_FRONTEND}.perPort[{i}].tls.validation"
            return FrontendValidation(gateway, str(port), path, own, told) if own else None
    default = frontend.default.validation
    return FrontendValidation(gateway, "default", f"{_FRONTEND}.default.validation", default, told) if default else None


def resolve(read: Read, frontend: FrontendValidation | None) -> tuple[ClientValidation | None, tuple[Finding, ...]]:
    """Resolve the authorities that vouch for clients."""
    if frontend is None:
        return None, ()
    path = f"{frontend.path}.caCertificateRefs"
    referrer = Referrer(GATEWAY_GROUP, "Gateway", frontend.gateway.namespace)
    sources, problems = authorities.resolve(read, referrer, frontend.validation.ca_certificate_refs)
    findings = [Finding(RESOLVED_REFS, _REASONS[each.fault], each.message, f"{path}[{each.place}]") for each in problems]
    if not sources:
        findings.append(Finding(ACCEPTED, "NoValidCACertificate", "; ".join(each.message for each in problems), path))
    if not frontend.told:
        message = f"Gateway {frontend.gateway} refers to authorities of client certificates that cannot be had"
        findings = [Finding(each.condition, each.reason, message) for each in findings]
    if not sources:
        return None, tuple(findings)
    bundle = Bundle(f"gateway/{frontend.gateway}/{frontend.name}/ca.crt", sources)
    return ClientValidation(bundle, required=frontend.validation.mode == "AllowValidOnly"), tuple(findings)


def insecure(tls: GatewayTLSConfig | None) -> tuple[Finding, ...]:
    """Note where a Gateway lets clients in that nobody vouches for."""
    frontend = tls.frontend if tls else None
    if frontend is None:
        return ()
    asked = [(f"{_FRONTEND}.default", frontend.default.validation)]
    asked += [(f"{_FRONTEND}.perPort[{i}].tls", each.tls.validation) for i, each in enumerate(frontend.per_port)]
    message = "clients without a valid certificate are let in (AllowInsecureFallback)"
    return tuple(
        Finding(INSECURE_FRONTEND, "ConfigurationChanged", message, f"{path}.validation.mode")
        for path, validation in asked
        if validation and validation.mode == "AllowInsecureFallback"
    )
