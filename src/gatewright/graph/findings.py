"""What a rule found out about an object, carried in the row that found it.

A finding names the condition it speaks of, the reason (a Gateway API enum value), the field path and the offender. Status rules
turn findings into conditions; nothing else reads them.
"""

import msgspec

ACCEPTED = "Accepted"
RESOLVED_REFS = "ResolvedRefs"
PROGRAMMED = "Programmed"
CONFLICTED = "Conflicted"
PARTIALLY_INVALID = "PartiallyInvalid"
OVERLAPPING_TLS = "OverlappingTLSConfig"
INSECURE_FRONTEND = "InsecureFrontendValidationMode"


def kind_name(group: str, kind: str) -> str:
    """Name a kind as people write it: `Service`, `gateway.envoyproxy.io/Backend`."""
    return f"{group}/{kind}" if group else kind


class Finding(msgspec.Struct, frozen=True, gc=False):
    """One thing that is wrong (or noteworthy) with an object; `path` is the field in it, as `spec.rules[0].backendRefs[1]`."""

    condition: str
    reason: str
    message: str
    path: str = ""

    @property
    def text(self) -> str:
        """The message with its field path in front, as users read it in a condition."""
        return f"{self.path}: {self.message}" if self.path else self.message


def of(findings: tuple[Finding, ...], condition: str) -> tuple[Finding, ...]:
    """Select the findings about one condition, in the order found."""
    return tuple(finding for finding in findings if finding.condition == condition)
