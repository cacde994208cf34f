"""The TLS of the xDS server: its certificate and whom it trusts may change while it runs.

What is current is asked for at every handshake, so a renewed certificate is shown to the next proxy that connects, and those that
are connected stay so.
"""

from collections.abc import Callable

import grpc

from gatewright.fleet.kube.secrets import Trust


def server_credentials(current: Callable[[], Trust], *, client_certificates: bool) -> grpc.ServerCredentials:
    """Credentials that follow `current`, which any thread may call; with `client_certificates`, who shows none is refused."""
    last = current()

    configuration = _configuration(last, client_certificates=client_certificates)

    def latest() -> grpc.ServerCertificateConfiguration:
        nonlocal last, configuration
        now = current()
        if now != last:
            last, configuration = now, _configuration(now, client_certificates=client_certificates)
        return configuration

    return grpc.dynamic_ssl_server_credentials(configuration, latest, require_client_authentication=client_certificates)


def _configuration(trust: Trust, *, client_certificates: bool) -> grpc.ServerCertificateConfiguration:
    pair = (trust.server.key.encode(), trust.server.certificate.encode())
    return grpc.ssl_server_certificate_configuration([pair], trust.trusted_ca.encode() if client_certificates else None)
