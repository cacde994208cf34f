"""GRPCRoute: which gRPC calls go where (gateway.networking.k8s.io/v1)."""

import re
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from gatewright.api.filters import GRPCFilter
from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import BackendRef
from gatewright.api.routes import CommonRouteSpec, SessionPersistence
from gatewright.api.rules import UNIQUE_RULE_NAMES, Rule, Rules, at_most_one, few_matches, matches
from gatewright.api.scalars import EXPERIMENTAL, HeaderName, HeaderValue, Hostname, SectionName, map_of

_SERVICE: Final = r"^(?i)\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$"
_METHOD: Final = r"^[A-Za-z_][A-Za-z_0-9]*$"
_EXACT: Final = "(!has(self.type) || self.type == 'Exact')"
_is_service: Final = re.compile(r"\.?[a-z_][a-z_0-9]*(?:\.[a-z_][a-z_0-9]*)*\Z", re.IGNORECASE).match
_is_method: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*\Z").match

_FILTER_RULES: Final = (at_most_one("RequestHeaderModifier"), at_most_one("ResponseHeaderModifier"))


class GRPCMethodMatch(Model):
    """A condition on service, method or both; at least one of them is set."""

    type: Literal["Exact", "RegularExpression"] = "Exact"
    service: Annotated[str, Meta(max_length=1024)] | None = None
    method: Annotated[str, Meta(max_length=1024)] | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "One or both of 'service' or 'method' must be specified",
            "has(self.type) ? has(self.service) || has(self.method) : true",
            lambda self: self.service is not None or self.method is not None,
        ),
        Rule(
            f"service must only contain valid characters (matching {_SERVICE})",
            f"{_EXACT} && has(self.service) ? {matches('self.service', _SERVICE)}: true",
            lambda self: self.type != "Exact" or self.service is None or _is_service(self.service) is not None,
        ),
        Rule(
            f"method must only contain valid characters (matching {_METHOD})",
            f"{_EXACT} && has(self.method) ? {matches('self.method', _METHOD)}: true",
            lambda self: self.type != "Exact" or self.method is None or _is_method(self.method) is not None,
        ),
    )


class GRPCHeaderMatch(Model):
    """A condition on one metadata entry, its name compared without regard to case."""

    name: HeaderName
    value: HeaderValue
    type: Literal["Exact", "RegularExpression"] = "Exact"


class GRPCRouteMatch(Model):
    """Conditions that all must hold; none at all admit every call."""

    method: GRPCMethodMatch | None = None
    headers: Annotated[tuple[GRPCHeaderMatch, ...], map_of("name", max_length=16)] = ()


class GRPCBackendRef(BackendRef):
    """A backend, and filters for the calls that it is chosen for."""

    filters: Annotated[tuple[GRPCFilter, ...], Meta(max_length=16)] = ()

    checks: ClassVar[Rules] = _FILTER_RULES


class GRPCRouteRule(Model):
    """Calls that any match admits (all, when there is none) go through the filters to one of the backends."""

    name: SectionName | None = None
    matches: Annotated[tuple[GRPCRouteMatch, ...], Meta(max_length=64)] = ()
    filters: Annotated[tuple[GRPCFilter, ...], Meta(max_length=16)] = ()
    backend_refs: Annotated[tuple[GRPCBackendRef, ...], Meta(max_length=16)] = ()
    session_persistence: Annotated[SessionPersistence | None, EXPERIMENTAL] = None

    checks: ClassVar[Rules] = _FILTER_RULES


class GRPCRouteSpec(CommonRouteSpec):
    """Hosts and rules."""

    hostnames: Annotated[tuple[Hostname, ...], Meta(max_length=16)] = ()
    rules: Annotated[tuple[GRPCRouteRule, ...], Meta(max_length=16)] = ()

    checks: ClassVar[Rules] = (
        few_matches("(has(self[{0}].matches) ? self[{0}].matches.size() : 0)"),
        UNIQUE_RULE_NAMES,
    )


class GRPCRoute(KubernetesObject, kw_only=True):
    """The kind GRPCRoute."""

    spec: GRPCRouteSpec
