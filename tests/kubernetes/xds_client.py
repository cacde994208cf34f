"""Asks a control plane for listeners as a proxy does, and prints what came: the number of resources, or the refusal.

A program, to be run where the control plane's Service can be reached: ADDRESS TOKEN CLUSTER NODE FOLDER, with `ca.crt`, `tls.crt`
and `tls.key` in FOLDER.
"""

import sys
from pathlib import Path

import grpc
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
TYPE = "type.googleapis.com/envoy.config.cluster.v3.Cluster"


def main(address: str, token: str, cluster: str, node: str, folder: str) -> None:
    """Ask once."""
    ca, certificate, key = ((Path(folder) / name).read_bytes() for name in ("ca.crt", "tls.crt", "tls.key"))
    credentials = grpc.ssl_channel_credentials(ca, key or None, certificate or None)
    with grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", "envoy-gateway")]) as channel:
        call = channel.stream_stream(METHOD, DeltaDiscoveryRequest.SerializeToString, DeltaDiscoveryResponse.FromString)
        request = DeltaDiscoveryRequest(type_url=TYPE)
        request.node.cluster, request.node.id = cluster, node
        try:
            response = next(iter(call(iter([request]), metadata=(("authorization", token),) if token else (), timeout=10)))
        except grpc.RpcError as error:
            sys.stdout.write(f"{error.code().name}: {error.details()}\n")
        else:
            sys.stdout.write(f"{len(response.resources)} resources\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
