"""EnvoyPatchPolicy: changes to the finished xDS resources of a Gateway (gateway.envoyproxy.io/v1alpha1)."""

from typing import Literal

from gatewright.api.envoyproxy import JSONPatchOperation
from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import LocalPolicyTargetReference
from gatewright.api.scalars import Int32

EnvoyResourceType = Literal[
    "type.googleapis.com/envoy.config.listener.v3.Listener",
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
]


class EnvoyJSONPatchConfig(Model):
    """A change to the resource of this type and name."""

    type: EnvoyResourceType
    name: str
    operation: JSONPatchOperation


class EnvoyPatchPolicySpec(Model):
    """Changes, in their order; of several policies the one with the lowest `priority` comes first."""

    type: Literal["JSONPatch"]
    target_ref: LocalPolicyTargetReference
    json_patches: tuple[EnvoyJSONPatchConfig, ...] = ()
    priority: Int32 = 0


class EnvoyPatchPolicy(KubernetesObject, kw_only=True):
    """The kind EnvoyPatchPolicy."""

    spec: EnvoyPatchPolicySpec
