"""TLS of a listener's filter chain: certificates and authorities by SDS, protocols offered, and what is asked of clients."""

from typing import Final

from envoy.extensions.transport_sockets.tls.v3 import common_pb2, tls_pb2

from gatewright.graph.frontend_tls import ClientValidation
from gatewright.graph.listeners import ListenerFacts
from gatewright.wire.config_source import sds
from gatewright.wire.secrets import secret_name

_ANYONE: Final = common_pb2.CertificateValidationContext(
    trust_chain_verification=common_pb2.CertificateValidationContext.ACCEPT_UNTRUSTED
)


def downstream_tls(facts: ListenerFacts) -> tls_pb2.DownstreamTlsContext:
    """Terminate TLS. HTTP/2 is offered beside overlapping hosts, too: what is sent on the wrong connection is answered 421.

    Only an HTTPS listener has a say in what is spoken inside.
    """
    secrets = facts.tls.secrets if facts.tls else ()
    context = tls_pb2.DownstreamTlsContext(
        common_tls_context=tls_pb2.CommonTlsContext(
            tls_params=common_pb2.TlsParameters(),
            alpn_protocols=["h2", "http/1.1"] if facts.listener.protocol == "HTTPS" else [],
            tls_certificate_sds_secret_configs=[sds(secret_name(secret)) for secret in secrets],
        ),
        disable_stateless_session_resumption=True,
        disable_stateful_session_resumption=True,
    )
    if facts.tls and facts.tls.clients:
        _ask_clients(context, facts.tls.clients)
    return context


def _ask_clients(context: tls_pb2.DownstreamTlsContext, clients: ClientValidation) -> None:
    """Ask clients for a certificate; where it is not required, one that nobody vouches for is as good as none."""
    secret = sds(clients.authority.name)
    context.require_client_certificate.value = clients.required
    if clients.required:
        context.common_tls_context.validation_context_sds_secret_config.CopyFrom(secret)
    else:
        context.common_tls_context.combined_validation_context.CopyFrom(
            tls_pb2.CommonTlsContext.CombinedCertificateValidationContext(
                default_validation_context=_ANYONE, validation_context_sds_secret_config=secret
            )
        )
