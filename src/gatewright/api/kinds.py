"""The kinds that Gatewright knows, as data: one entry a kind, and nothing else in the code lists them.

`KINDS` are objects of a source, in the order in which tables are made of them. `CONFIGURATION_KINDS` are files of a person's own
that look like objects and never come from a source.
"""

from typing import Final, NamedTuple

import msgspec

from gatewright.api.backend import Backend
from gatewright.api.backendtlspolicy import BackendTLSPolicy
from gatewright.api.clienttrafficpolicy import ClientTrafficPolicy
from gatewright.api.core import ConfigMap, EndpointSlice, Namespace, Secret, Service, ServiceImport
from gatewright.api.envoygateway import EnvoyGateway
from gatewright.api.envoypatchpolicy import EnvoyPatchPolicy
from gatewright.api.envoyproxy import EnvoyProxy
from gatewright.api.gateway import Gateway, GatewayClass, ListenerSet
from gatewright.api.grpcroute import GRPCRoute
from gatewright.api.httproute import HTTPRoute
from gatewright.api.httproutefilter import HTTPRouteFilter
from gatewright.api.referencegrant import ReferenceGrant
from gatewright.api.references import GATEWAY_GROUP
from gatewright.api.rules import Channel
from gatewright.api.streamroutes import TCPRoute, TLSRoute, UDPRoute
from gatewright.api.xbackend import XBackend
from gatewright.api.xbackendtrafficpolicy import XBackendTrafficPolicy

ENVOY_GATEWAY_GROUP: Final = "gateway.envoyproxy.io"
EXPERIMENTAL_GROUP: Final = "gateway.networking.x-k8s.io"
MULTICLUSTER_GROUP: Final = "multicluster.x-k8s.io"


class Kind(NamedTuple):
    """What there is to know of a kind; `versions` are all that are served, `experimental_versions` those only in that channel."""

    group: str
    versions: tuple[str, ...]
    name: str
    plural: str
    struct: type[msgspec.Struct]
    namespaced: bool = True
    experimental_versions: tuple[str, ...] = ()

    @property
    def api_versions(self) -> tuple[str, ...]:
        """The apiVersions that a document of this kind may have."""
        return self.served("experimental")

    def served(self, channel: Channel) -> tuple[str, ...]:
        """The apiVersions that a document of this kind may have in a channel; none when the channel has no such kind."""
        only_here = self.experimental_versions if channel == "standard" else ()
        return tuple(f"{self.group}/{each}".lstrip("/") for each in self.versions if each not in only_here)


KINDS: Final[tuple[Kind, ...]] = (
    Kind("", ("v1",), "Namespace", "namespaces", Namespace, namespaced=False),
    Kind("", ("v1",), "Service", "services", Service),
    Kind("discovery.k8s.io", ("v1",), "EndpointSlice", "endpointslices", EndpointSlice),
    Kind("", ("v1",), "Secret", "secrets", Secret),
    Kind("", ("v1",), "ConfigMap", "configmaps", ConfigMap),
    Kind(GATEWAY_GROUP, ("v1", "v1beta1"), "ReferenceGrant", "referencegrants", ReferenceGrant),
    Kind(GATEWAY_GROUP, ("v1", "v1beta1"), "GatewayClass", "gatewayclasses", GatewayClass, namespaced=False),
    Kind(GATEWAY_GROUP, ("v1", "v1beta1"), "Gateway", "gateways", Gateway),
    Kind(GATEWAY_GROUP, ("v1",), "ListenerSet", "listenersets", ListenerSet),
    Kind(GATEWAY_GROUP, ("v1", "v1beta1"), "HTTPRoute", "httproutes", HTTPRoute),
    Kind(GATEWAY_GROUP, ("v1",), "GRPCRoute", "grpcroutes", GRPCRoute),
    Kind(
        GATEWAY_GROUP,
        ("v1", "v1alpha3", "v1alpha2"),
        "TLSRoute",
        "tlsroutes",
        TLSRoute,
        experimental_versions=("v1alpha3", "v1alpha2"),
    ),
    Kind(GATEWAY_GROUP, ("v1", "v1alpha2"), "TCPRoute", "tcproutes", TCPRoute, experimental_versions=("v1alpha2",)),
    Kind(GATEWAY_GROUP, ("v1", "v1alpha2"), "UDPRoute", "udproutes", UDPRoute, experimental_versions=("v1alpha2",)),
    Kind(
        GATEWAY_GROUP,
        ("v1", "v1alpha3"),
        "BackendTLSPolicy",
        "backendtlspolicies",
        BackendTLSPolicy,
        experimental_versions=("v1alpha3",),
    ),
    Kind(EXPERIMENTAL_GROUP, ("v1alpha1",), "XBackend", "xbackends", XBackend, experimental_versions=("v1alpha1",)),
    Kind(
        EXPERIMENTAL_GROUP,
        ("v1alpha1",),
        "XBackendTrafficPolicy",
        "xbackendtrafficpolicies",
        XBackendTrafficPolicy,
        experimental_versions=("v1alpha1",),
    ),
    Kind(MULTICLUSTER_GROUP, ("v1alpha1",), "ServiceImport", "serviceimports", ServiceImport),
    Kind(ENVOY_GATEWAY_GROUP, ("v1alpha1",), "EnvoyProxy", "envoyproxies", EnvoyProxy),
    Kind(ENVOY_GATEWAY_GROUP, ("v1alpha1",), "Backend", "backends", Backend),
    Kind(ENVOY_GATEWAY_GROUP, ("v1alpha1",), "HTTPRouteFilter", "httproutefilters", HTTPRouteFilter),
)

CONFIGURATION_KINDS: Final[tuple[Kind, ...]] = (
    Kind(ENVOY_GATEWAY_GROUP, ("v1alpha1",), "EnvoyGateway", "envoygateways", EnvoyGateway, namespaced=False),
)

POLICY_KINDS: Final[tuple[Kind, ...]] = (
    Kind(ENVOY_GATEWAY_GROUP, ("v1alpha1",), "ClientTrafficPolicy", "clienttrafficpolicies", ClientTrafficPolicy),
    Kind(ENVOY_GATEWAY_GROUP, ("v1alpha1",), "EnvoyPatchPolicy", "envoypatchpolicies", EnvoyPatchPolicy),
)
"""Kinds that can be judged and are not served yet: a source refuses them, since a policy without effect is worse than none."""

ALL_KINDS: Final = KINDS + POLICY_KINDS + CONFIGURATION_KINDS
"""All that can be judged."""

_BY_GVK: Final = {(api_version, kind.name): kind for kind in KINDS for api_version in kind.api_versions}


def by_gvk(api_version: str, kind: str) -> Kind | None:
    """The kind of objects with this `apiVersion` and `kind`, or None when it is none of `KINDS`."""
    return _BY_GVK.get((api_version, kind))
