"""Where Envoy gets what it refers to by name: from the ADS stream that it holds."""

from envoy.config.core.v3 import config_source_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from google.protobuf.duration_pb2 import Duration


def ads() -> config_source_pb2.ConfigSource:
    """Return the config source of everything that Envoy subscribes to by name: this ADS stream, waited for without limit."""
    return config_source_pb2.ConfigSource(
        ads=config_source_pb2.AggregatedConfigSource(),
        resource_api_version=config_source_pb2.ApiVersion.V3,
        initial_fetch_timeout=Duration(),
    )


def sds(name: str) -> secret_pb2.SdsSecretConfig:
    """Refer to a secret of that stream."""
    return secret_pb2.SdsSecretConfig(name=name, sds_config=ads())
