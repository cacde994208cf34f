"""Conditions from findings, by a table.

A positive condition is True with its own reason and message until a finding speaks against it, and then False with the
finding's. A negative one (Conflicted, PartiallyInvalid) stands only while a finding asks for it, as True. Source: checklist,
section 4.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from gatewright.graph.findings import (
    ACCEPTED,
    CONFLICTED,
    INSECURE_FRONTEND,
    OVERLAPPING_TLS,
    PARTIALLY_INVALID,
    PROGRAMMED,
    RESOLVED_REFS,
    Finding,
    of,
)

PENDING: Final = "Pending"  # with Accepted: not decided, which is status Unknown
_LIMIT: Final = 32768  # metav1.Condition.message


class Positive(msgspec.Struct, frozen=True):
    """A condition that is True unless a finding is against it."""

    type: str
    message: str


GATEWAY_CLASS: Final = (Positive(ACCEPTED, "Valid GatewayClass"),)
GATEWAY: Final = (
    Positive(ACCEPTED, "The Gateway has been scheduled by Gatewright"),
    Positive(PROGRAMMED, "Envoy has accepted the configuration"),
)
LISTENER_SET: Final = (
    Positive(ACCEPTED, "The Gateway takes the ListenerSet"),
    Positive(PROGRAMMED, "Envoy has accepted the configuration"),
)
LISTENER: Final = (
    Positive(ACCEPTED, "Listener has been successfully translated"),
    Positive(PROGRAMMED, "Envoy has accepted the listener"),
    Positive(RESOLVED_REFS, "Listener references have been resolved"),
)
ROUTE: Final = (
    Positive(ACCEPTED, "Route is accepted"),
    Positive(RESOLVED_REFS, "Resolved all the Object references for the Route"),
)
GATEWAY_REFERENCES: Final = (*GATEWAY, Positive(RESOLVED_REFS, "Resolved all the Object references of the Gateway's TLS"))
POLICY: Final = (Positive(ACCEPTED, "Policy has been accepted"),)
BACKEND_TLS_POLICY: Final = (
    *POLICY,
    Positive(RESOLVED_REFS, "Resolved all the Object references"),
)
BACKEND: Final = (Positive(ACCEPTED, "The Backend was accepted"),)
NEGATIVE: Final = (CONFLICTED, OVERLAPPING_TLS, PARTIALLY_INVALID, INSECURE_FRONTEND)


def conditions(
    table: tuple[Positive, ...], findings: Iterable[Finding], generation: int, notes: Mapping[str, Finding] | None = None
) -> list[dict[str, Any]]:
    """Return the conditions of one object (or listener, or parent), in the order of `table`, negative ones last.

    `notes` give a condition that is True another reason and message than its own (Accepted with ListenersNotValid).
    """
    found = tuple(findings)
    result = [_positive(each, of(found, each.type), generation, (notes or {}).get(each.type)) for each in table]
    known = {each.type for each in table}
    for negative in NEGATIVE:
        result.extend(_condition(negative, "True", against, generation) for against in (of(found, negative),) if against)
    if PROGRAMMED not in known and (against := of(found, PROGRAMMED)):
        result.append(_condition(PROGRAMMED, "False", against, generation))
    return result


def _positive(each: Positive, against: tuple[Finding, ...], generation: int, note: Finding | None) -> dict[str, Any]:
    if against:
        return _condition(each.type, "False", against, generation)
    if note:
        return _condition(each.type, "True", (note,), generation)
    return _written(each.type, "True", each.type, each.message, generation)


def _condition(kind: str, status: str, findings: tuple[Finding, ...], generation: int) -> dict[str, Any]:
    message = "; ".join(dict.fromkeys(finding.text for finding in findings))
    undecided = kind == ACCEPTED and findings[0].reason == PENDING
    return _written(kind, "Unknown" if undecided else status, findings[0].reason, message, generation)


def _written(kind: str, status: str, reason: str, message: str, generation: int) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message if len(message) <= _LIMIT else f"{message[: _LIMIT - 24]} (message truncated)",
        "observedGeneration": generation,
    }
