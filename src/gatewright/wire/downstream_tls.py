"""TLS of a listener's filter chain: certificates by SDS, protocols offered."""

from envoy.extensions.transport_sockets.tls.v3 import common_pb2, secret_pb2, tls_pb2

from gatewright.graph.listeners import ListenerFacts
from gatewright.wire.clusters import ads
from gatewright.wire.secrets import secret_name


def downstream_tls(facts: ListenerFacts) -> tls_pb2.DownstreamTlsContext:
    """Terminate TLS. HTTP/2 is offered beside overlapping hosts, too: what is sent on the wrong connection is answered 421."""
    secrets = facts.tls.secrets if facts.tls else ()
    return tls_pb2.DownstreamTlsContext(
        common_tls_context=tls_pb2.CommonTlsContext(
            tls_params=common_pb2.TlsParameters(),
            alpn_protocols=["h2", "http/1.1"],
            tls_certificate_sds_secret_configs=[
                secret_pb2.SdsSecretConfig(name=secret_name(secret), sds_config=ads()) for secret in secrets
            ],
        ),
        disable_stateless_session_resumption=True,
        disable_stateful_session_resumption=True,
    )
