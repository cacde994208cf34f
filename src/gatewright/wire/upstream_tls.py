"""TLS towards endpoints, and the HTTP protocol that goes with it.

The server's name is the one given, that of the endpoint, or the host of the request, and a verified certificate must be for that
name, or for one of those that a policy lists. Certificates and authorities come by SDS. Without a protocol of its own a TLS
backend is offered HTTP/2 and HTTP/1.1 (ALPN). Source: conventions, section 2 ("Upstream protocol"); Envoy UpstreamTlsContext.
"""

from typing import Final

from envoy.config.core.v3 import base_pb2, protocol_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, tls_pb2
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.wrappers_pb2 import UInt32Value

from gatewright.api.backend import TLSSettings
from gatewright.api.backendtlspolicy import SubjectAltName
from gatewright.flow import Read
from gatewright.graph.authorities import Bundle
from gatewright.graph.backend_tls import UpstreamTls
from gatewright.graph.tables import ONLY, SETTINGS
from gatewright.wire.config_source import sds
from gatewright.wire.encoding import packed
from gatewright.wire.secrets import secret_name

_VERSIONS: Final = {
    "Auto": common_pb2.TlsParameters.TLS_AUTO,
    "1.0": common_pb2.TlsParameters.TLSv1_0,
    "1.1": common_pb2.TlsParameters.TLSv1_1,
    "1.2": common_pb2.TlsParameters.TLSv1_2,
    "1.3": common_pb2.TlsParameters.TLSv1_3,
}
_OLDEST: Final = "1.2"
_NEWEST: Final = "1.3"  # of its own accord Envoy, as a client, stops at 1.2
_NOBODY: Final = common_pb2.CertificateValidationContext(verify_certificate_hash=["0" * 64])  # no certificate has this digest
_ANYONE: Final = common_pb2.CertificateValidationContext(
    trust_chain_verification=common_pb2.CertificateValidationContext.ACCEPT_UNTRUSTED
)


def transport_socket(read: Read, tls: UpstreamTls) -> base_pb2.TransportSocket:
    """Return the TLS socket of a cluster."""
    common = tls_pb2.CommonTlsContext(tls_params=_parameters(tls.settings), alpn_protocols=tls.settings.alpn_protocols)
    common.tls_certificate_sds_secret_configs.extend(sds(secret_name(secret)) for secret in tls.secrets)
    _set_validation(read, common, tls)
    context = tls_pb2.UpstreamTlsContext(sni=tls.server_name, common_tls_context=common)
    if tls.of_endpoint:
        context.auto_host_sni = True
    if not tls.names and tls.authority not in {"anyone", "nobody"}:
        context.auto_sni_san_validation = True
    return base_pb2.TransportSocket(name="envoy.transport_sockets.tls", typed_config=packed(context))


def options(tls: UpstreamTls, *, speaks_http2: bool, speaks_http1: bool) -> HttpProtocolOptions:
    """Return the protocol options of a TLS backend that asks for HTTP/2, for HTTP/1.1, or for neither."""
    chosen = HttpProtocolOptions()
    if speaks_http1:
        chosen.explicit_http_config.http_protocol_options.SetInParent()
    elif speaks_http2:
        chosen.explicit_http_config.http2_protocol_options.CopyFrom(http2())
    else:
        chosen.auto_config.http2_protocol_options.CopyFrom(http2())
    if not tls.server_name and not tls.of_endpoint:
        chosen.upstream_http_protocol_options.auto_sni = True
    return chosen


def http2() -> protocol_pb2.Http2ProtocolOptions:
    """Return Envoy Gateway's windows of HTTP/2 towards backends."""
    return protocol_pb2.Http2ProtocolOptions(
        initial_stream_window_size=UInt32Value(value=65536), initial_connection_window_size=UInt32Value(value=1048576)
    )


def _set_validation(read: Read, common: tls_pb2.CommonTlsContext, tls: UpstreamTls) -> None:
    """Say whose signature, and which of the names, a server's certificate needs."""
    own = common_pb2.CertificateValidationContext(match_typed_subject_alt_names=[_matcher(name) for name in tls.names])
    if isinstance(tls.authority, Bundle):
        common.combined_validation_context.CopyFrom(
            tls_pb2.CommonTlsContext.CombinedCertificateValidationContext(
                default_validation_context=own, validation_context_sds_secret_config=sds(tls.authority.name)
            )
        )
    elif tls.authority == "system":
        settings = read(SETTINGS, ONLY)
        own.trusted_ca.filename = settings.system_authorities if settings else ""
        common.validation_context.CopyFrom(own)
    else:
        common.validation_context.CopyFrom(_ANYONE if tls.authority == "anyone" else _NOBODY)


def _matcher(name: SubjectAltName) -> common_pb2.SubjectAltNameMatcher:
    if name.type == "URI":
        return common_pb2.SubjectAltNameMatcher(
            san_type=common_pb2.SubjectAltNameMatcher.URI, matcher=StringMatcher(exact=name.uri or "")
        )
    return common_pb2.SubjectAltNameMatcher(
        san_type=common_pb2.SubjectAltNameMatcher.DNS, matcher=StringMatcher(exact=name.hostname or "")
    )


def _parameters(tls: TLSSettings) -> common_pb2.TlsParameters:
    return common_pb2.TlsParameters(
        tls_minimum_protocol_version=_VERSIONS[tls.min_version or _OLDEST],
        tls_maximum_protocol_version=_VERSIONS[tls.max_version or _NEWEST],
        cipher_suites=tls.ciphers,
        ecdh_curves=tls.ecdh_curves,
        signature_algorithms=tls.signature_algorithms,
    )
