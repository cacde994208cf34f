"""TLS towards the endpoints of a Backend, and the HTTP protocol that goes with it.

The server's name is the one given, that of the endpoint, or the host of the request, and a verified certificate must be for that
name. Without a protocol of its own a TLS backend is offered HTTP/2 and HTTP/1.1 (ALPN). Source: conventions, section 2 ("Upstream
protocol"); Envoy UpstreamTlsContext.
"""

from typing import Final

from envoy.config.core.v3 import base_pb2, protocol_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, tls_pb2
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf.wrappers_pb2 import UInt32Value

from gatewright.api.backend import Backend, BackendTLSSettings, TLSSettings
from gatewright.flow import Read
from gatewright.graph.backend_tls import BackendTls, resolve
from gatewright.graph.tables import ONLY, SECRETS, SETTINGS
from gatewright.wire.encoding import packed
from gatewright.wire.secrets import certificate

_VERSIONS: Final = {
    "Auto": common_pb2.TlsParameters.TLS_AUTO,
    "1.0": common_pb2.TlsParameters.TLSv1_0,
    "1.1": common_pb2.TlsParameters.TLSv1_1,
    "1.2": common_pb2.TlsParameters.TLSv1_2,
    "1.3": common_pb2.TlsParameters.TLSv1_3,
}


def transport_socket(read: Read, backend: Backend, tls: BackendTLSSettings) -> base_pb2.TransportSocket:
    """Return the TLS socket of an accepted Backend."""
    resolved, _ = resolve(read, backend, tls)
    context = tls_pb2.UpstreamTlsContext(
        sni=tls.sni or "",
        common_tls_context=tls_pb2.CommonTlsContext(
            tls_params=_parameters(tls),
            alpn_protocols=tls.alpn_protocols,
            validation_context=_validation(read, resolved, tls),
        ),
    )
    if tls.auto_sni_from_endpoint_hostname:
        context.auto_host_sni = True
    if not tls.insecure_skip_verify:
        context.auto_sni_san_validation = True
    shown = read(SECRETS, resolved.certificate) if resolved.certificate else None
    if shown is not None:
        context.common_tls_context.tls_certificates.append(certificate(shown))
    return base_pb2.TransportSocket(name="envoy.transport_sockets.tls", typed_config=packed(context))


def options(tls: BackendTLSSettings, *, speaks_http2: bool, speaks_http1: bool) -> HttpProtocolOptions:
    """Return the protocol options of a TLS backend that asks for HTTP/2, for HTTP/1.1, or for neither."""
    chosen = HttpProtocolOptions()
    if speaks_http1:
        chosen.explicit_http_config.http_protocol_options.SetInParent()
    elif speaks_http2:
        chosen.explicit_http_config.http2_protocol_options.CopyFrom(http2())
    else:
        chosen.auto_config.http2_protocol_options.CopyFrom(http2())
    if not tls.sni and not tls.auto_sni_from_endpoint_hostname:
        chosen.upstream_http_protocol_options.auto_sni = True
    return chosen


def http2() -> protocol_pb2.Http2ProtocolOptions:
    """Return Envoy Gateway's windows of HTTP/2 towards backends."""
    return protocol_pb2.Http2ProtocolOptions(
        initial_stream_window_size=UInt32Value(value=65536), initial_connection_window_size=UInt32Value(value=1048576)
    )


def _validation(read: Read, resolved: BackendTls, tls: BackendTLSSettings) -> common_pb2.CertificateValidationContext:
    if tls.insecure_skip_verify:
        untrusted = common_pb2.CertificateValidationContext.ACCEPT_UNTRUSTED
        return common_pb2.CertificateValidationContext(trust_chain_verification=untrusted)
    if resolved.authorities:
        return common_pb2.CertificateValidationContext(trusted_ca=base_pb2.DataSource(inline_string=resolved.authorities))
    settings = read(SETTINGS, ONLY)
    bundle = settings.system_authorities if settings else ""
    return common_pb2.CertificateValidationContext(trusted_ca=base_pb2.DataSource(filename=bundle))


def _parameters(tls: TLSSettings) -> common_pb2.TlsParameters:
    return common_pb2.TlsParameters(
        tls_minimum_protocol_version=_VERSIONS[tls.min_version or "Auto"],
        tls_maximum_protocol_version=_VERSIONS[tls.max_version or "Auto"],
        cipher_suites=tls.ciphers,
        ecdh_curves=tls.ecdh_curves,
        signature_algorithms=tls.signature_algorithms,
    )
