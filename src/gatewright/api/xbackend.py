"""XBackend: a host outside the cluster, and how to speak to it (gateway.networking.x-k8s.io/v1alpha1, experimental)."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from gatewright.api.backendtlspolicy import BackendTLSPolicyValidation
from gatewright.api.meta import KubernetesObject, Model
from gatewright.api.references import SecretObjectReference
from gatewright.api.rules import Rule, Rules
from gatewright.api.scalars import PortNumber, PreciseHostname


class ExternalHostnameBackend(Model):
    """A host by its name."""

    hostname: PreciseHostname

    checks: ClassVar[Rules] = (
        Rule(
            "hostname must not be an IP address or end with .cluster.local",
            "!self.endsWith('.cluster.local')",  # so says the CRD: an address passes
            lambda hostname: not hostname.endswith(".cluster.local"),
            field="hostname",
        ),
    )


class BackendPort(Model):
    """The port that is connected to, which cannot have a name."""

    port: PortNumber
    name: Annotated[str, Meta(max_length=63)] = ""

    checks: ClassVar[Rules] = (
        Rule(
            "Name must be a valid DNS label",
            "size(self) == 0 || format.dns1123Label().validate(self) == null",
            # In CEL, what is found to be in order is optional.none(), which is not null: v1.6 refuses every name.
            lambda name: not name,
            field="name",
        ),
    )


class XBackendTLS(Model):
    """TLS towards the host; without `validation` its certificate is checked by its hostname and the system's CAs."""

    mode: Literal["None", "ServerOnly", "ClientAndServer"]
    client_certificate_ref: SecretObjectReference | None = None
    validation: BackendTLSPolicyValidation | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "clientCertificateRef must be set if and only if mode is ClientAndServer",
            "self.mode == 'ClientAndServer' ? has(self.clientCertificateRef) : !has(self.clientCertificateRef)",
            lambda self: (self.mode == "ClientAndServer") == (self.client_certificate_ref is not None),
        ),
    )


class XBackendSpec(Model):
    """Where the host is, and the protocol that is spoken to it: the route's own when none is named."""

    type: Literal["ExternalHostname"]
    port: BackendPort
    external_hostname: ExternalHostnameBackend | None = None
    protocol: Literal["TCP", "HTTP", "HTTP2", "HTTP11", "H2C", "MCP"] | None = None
    tls: XBackendTLS | None = None

    checks: ClassVar[Rules] = (
        Rule(
            "externalHostname must be set when type is ExternalHostname and must be unset otherwise",
            "self.type == 'ExternalHostname' ? has(self.externalHostname) : !has(self.externalHostname)",
            lambda self: self.external_hostname is not None,
        ),
    )


class XBackend(KubernetesObject, kw_only=True):
    """The kind XBackend."""

    spec: XBackendSpec
