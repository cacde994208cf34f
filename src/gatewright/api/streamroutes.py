"""TLSRoute, TCPRoute and UDPRoute: connections and datagrams to backends (gateway.networking.k8s.io/v1).

The three differ in their hostnames alone. The alpha versions of the experimental channel allow more rules than v1's one.
"""

from typing import Annotated, ClassVar, Final

from msgspec import Meta

from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import BackendRef
from gatewright.api.routes import CommonRouteSpec
from gatewright.api.rules import UNIQUE_RULE_NAMES, Rule, Rules, is_ip
from gatewright.api.scalars import Hostname, SectionName

_STRICT: Final = ("v1", "v1alpha3")
_ONE_RULE: Final = Rule(
    "should have at most 1 items", "self.size() <= 1", lambda rules: len(rules) <= 1, field="rules", versions=_STRICT
)


class StreamRouteRule(Model):
    """Where connections go; the API's TLSRouteRule, TCPRouteRule and UDPRouteRule."""

    backend_refs: Annotated[tuple[BackendRef, ...], Meta(min_length=1, max_length=16)]
    name: SectionName | None = None


class StreamRouteSpec(CommonRouteSpec, kw_only=True):
    """The spec of TCPRoute and UDPRoute."""

    rules: Annotated[tuple[StreamRouteRule, ...], Meta(min_length=1, max_length=16)]

    checks: ClassVar[Rules] = (_ONE_RULE, UNIQUE_RULE_NAMES)


class TLSRouteSpec(StreamRouteSpec):
    """Connections whose SNI one of `hostnames` admits."""

    hostnames: Annotated[tuple[Hostname, ...], Meta(max_length=1024)] = ()

    checks: ClassVar[Rules] = (
        Rule(
            "at least one hostname is required",
            "self.size() >= 1",
            lambda hostnames: len(hostnames) > 0,
            field="hostnames",
            versions=_STRICT,
        ),
        Rule(
            "Hostnames cannot contain an IP",
            "self.all(h, !isIP(h))",
            lambda hostnames: not any(map(is_ip, hostnames)),
            field="hostnames",
            versions=_STRICT,
        ),
    )


class TLSRoute(KubernetesObject, kw_only=True):
    """The kind TLSRoute."""

    spec: TLSRouteSpec


class TCPRoute(KubernetesObject, kw_only=True):
    """The kind TCPRoute."""

    spec: StreamRouteSpec


class UDPRoute(KubernetesObject, kw_only=True):
    """The kind UDPRoute."""

    spec: StreamRouteSpec
