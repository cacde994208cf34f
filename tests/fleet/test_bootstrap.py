"""Bootstraps: every name is Envoy's, and Envoy takes every variant."""

import importlib
import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from google.protobuf import json_format

from gatewright.api.envoyproxy import JSONPatchOperation, ProxyBootstrap
from gatewright.fleet.bootstrap import bootstrap, document
from gatewright.fleet.spec import BootstrapSpec, HostPort, Pipe, XdsCredentials

HOST = BootstrapSpec(admin=Pipe("/run/gw/a.sock"), xds=Pipe("/run/gw/xds.sock"))
EVERYTHING = BootstrapSpec(
    admin=HostPort("127.0.0.1", 19000),
    xds=HostPort("127.0.0.1", 18000),
    zone="zone-a",
    stats=HostPort("127.0.0.1", 19001),
    ready=HostPort("127.0.0.1", 19003),
    max_downstream_connections=7,
    max_heap_bytes=1_000_000_000,
)
HOST_WITH_PORTS = BootstrapSpec(
    admin=Pipe("/run/gw/a.sock"), xds=Pipe("/run/gw/xds.sock"), stats=HostPort("::1", 19001), ready=HostPort("::1", 19003)
)
IN_A_CLUSTER = BootstrapSpec(
    admin=HostPort("127.0.0.1", 19000),
    xds=HostPort("envoy-gateway.infra.svc.cluster.local.", 18000),
    xds_credentials=XdsCredentials(
        "/sds/xds-trusted-ca.json", "/sds/xds-certificate.json", "/sds/xds_service_account_token.json"
    ),
    stats=HostPort("::", 19001, ipv4_compat=True),
    ready=HostPort("::", 19003, ipv4_compat=True),
)
OVERRIDDEN = msgspec.structs.replace(
    EVERYTHING,
    overrides=ProxyBootstrap(type="Merge", value="{stats_flush_interval: 2s, static_resources: {listeners: []}, admin: {}}"),
)
VARIANTS = pytest.mark.parametrize(
    "spec",
    [HOST, EVERYTHING, HOST_WITH_PORTS, IN_A_CLUSTER],
    ids=["host", "everything", "host-with-ports", "in-a-cluster"],
)

for module in (
    "envoy.extensions.access_loggers.file.v3.file_pb2",
    "envoy.extensions.filters.http.credential_injector.v3.credential_injector_pb2",
    "envoy.extensions.filters.http.health_check.v3.health_check_pb2",
    "envoy.extensions.filters.http.upstream_codec.v3.upstream_codec_pb2",
    "envoy.extensions.http.injected_credentials.generic.v3.generic_pb2",
    "envoy.extensions.transport_sockets.tls.v3.tls_pb2",
    "envoy.extensions.filters.http.router.v3.router_pb2",
    "envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2",
    "envoy.extensions.resource_monitors.downstream_connections.v3.downstream_connections_pb2",
    "envoy.extensions.resource_monitors.fixed_heap.v3.fixed_heap_pb2",
    "envoy.extensions.upstreams.http.v3.http_protocol_options_pb2",
):
    importlib.import_module(module)  # so that protobuf knows the messages inside Any


@VARIANTS
def test_every_name_is_of_envoys_api(spec: BootstrapSpec) -> None:
    """The document is exactly what protobuf prints for the message that it says."""
    written = document(spec)

    assert json_format.MessageToDict(json_format.ParseDict(written, Bootstrap())) == written


@pytest.mark.parametrize("spec", [HOST, EVERYTHING, HOST_WITH_PORTS, IN_A_CLUSTER, OVERRIDDEN])
def test_envoy_takes_it(spec: BootstrapSpec, envoy: Path, tmp_path: Path) -> None:
    """Envoy validates every variant without a word of warning."""
    config = tmp_path / "bootstrap.json"
    config.write_bytes(bootstrap(spec).replace(b"/sds/", f"{tmp_path}/".encode()))
    for name in ("xds-trusted-ca.json", "xds-certificate.json", "xds_service_account_token.json"):  # Envoy watches what is there
        (tmp_path / name).write_text('{"resources": []}')

    verdict = subprocess.run(
        [envoy, "--mode", "validate", "-c", config, "--service-cluster", "default/eg", "--service-node", "eg", "-l", "warn"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (verdict.returncode, verdict.stderr.strip())


def test_nothing_is_on_the_network_unless_asked_for() -> None:
    """A host proxy's admin interface and control plane are Unix sockets; it has no listener of its own."""
    written = bootstrap(HOST)

    assert b"socketAddress" not in written
    assert b"listeners" not in written


def test_a_lost_control_plane_is_looked_for_without_long_pauses() -> None:
    """ADS is delta, over HTTP/2 with keepalive, and reconnects within half a second."""
    written: dict[str, Any] = json.loads(bootstrap(HOST))

    assert {
        "apiType": "DELTA_GRPC",
        "transportApiVersion": "V3",
        "setNodeOnFirstMessageOnly": True,
        "grpcServices": [
            {
                "envoyGrpc": {
                    "clusterName": "xds_cluster",
                    "retryPolicy": {"retryBackOff": {"baseInterval": "0.100s", "maxInterval": "0.500s"}},
                }
            }
        ],
    } == written["dynamicResources"]["adsConfig"]
    (cluster,) = written["staticResources"]["clusters"]
    assert b'"connectionKeepalive"' in json.dumps(cluster).encode()


def test_the_admin_interface_of_a_host_stays() -> None:
    """By it the fleet knows its Envoys; in a Pod it may be moved, by whoever wants to lose the probes."""
    elsewhere = JSONPatchOperation(op="replace", path="/admin/address", value={"pipe": {"path": "/elsewhere"}})
    overrides = ProxyBootstrap(type="JSONPatch", json_patches=(elsewhere,))

    found = [
        json.loads(bootstrap(msgspec.structs.replace(each, overrides=overrides)))["admin"]["address"]
        for each in (HOST, IN_A_CLUSTER)
    ]
    assert ["/run/gw/a.sock", "/elsewhere"] == [each["pipe"]["path"] for each in found]


def test_equal_specs_are_equal_bytes() -> None:
    """The name of the file is the hash of the bytes: a restarted control plane must write the same."""
    assert bootstrap(EVERYTHING) == bootstrap(EVERYTHING)
    assert bootstrap(EVERYTHING) != bootstrap(HOST)


def test_a_memory_limit_bounds_the_heap_at_four_fifths() -> None:
    """Of the memory limit, Envoy's heap may have 80 %; at 95 % of that it shrinks, at 98 % it refuses requests."""
    overload: Any = document(EVERYTHING)["overloadManager"]

    assert "800000000" == overload["resourceMonitors"][1]["typedConfig"]["maxHeapSizeBytes"]
    assert [0.95, 0.98] == [action["triggers"][0]["threshold"]["value"] for action in overload["actions"]]
