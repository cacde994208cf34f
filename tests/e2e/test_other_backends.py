"""Backends that are no Services of the cluster: imported ones, and hosts outside."""

from tests.e2e.edge import Edge
from tests.support.objects import documents, route

IMPORT = """
apiVersion: multicluster.x-k8s.io/v1alpha1
kind: ServiceImport
metadata: {name: far}
spec: {type: ClusterSetIP, ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: far-1, labels: {multicluster.kubernetes.io/service-name: far}}
addressType: IPv4
endpoints: [{addresses: [127.0.0.1]}]
ports: [{name: http, port: PORT}]
"""
EXTERNAL = """
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: outside}
spec: {type: ExternalHostname, port: {port: PORT}, externalHostname: {hostname: localhost}}
"""


def test_an_imported_service_serves(edge: Edge) -> None:
    """A ServiceImport leads to the endpoints of its slices, and follows them."""
    rule = "- backendRefs: [{group: multicluster.x-k8s.io, kind: ServiceImport, name: far, port: 80}]"
    for backend in ("two", "three"):
        objects = IMPORT.replace("PORT", str(edge.backends[backend].port))
        edge.server.apply("imported", documents(route("imported", rule), objects))
        assert backend == edge.chosen("imported.test")


def test_a_host_outside_serves(edge: Edge) -> None:
    """An XBackend is resolved by the proxy."""
    rule = "- backendRefs: [{group: gateway.networking.x-k8s.io, kind: XBackend, name: outside}]"
    objects = EXTERNAL.replace("PORT", str(edge.backends["two"].port))
    edge.server.apply("outside", documents(route("outside", rule), objects))
    assert "two" == edge.chosen("outside.test")
