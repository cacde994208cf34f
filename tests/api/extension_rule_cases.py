"""The same for Backend, BackendTLSPolicy and the kinds of gateway.envoyproxy.io: changes that break one rule each."""

from typing import Any

from tests.api.cases import Case
from tests.api.samples import ABSENT
from tests.api.telemetry_rule_cases import TELEMETRY_CASES

_TARGET = {"group": "", "kind": "Service", "name": "b"}
_SANS = "spec.validation.subjectAltNames"
_ALT_NAME = "SubjectAltName element must"
_ENDPOINT = "spec.endpoints[0]"
BACKEND_CASES = (
    Case("BackendTLSPolicy", {"spec.targetRefs[2]": _TARGET}, "spec.targetRefs", "sectionName must be specified when targetRefs"),
    Case(
        "BackendTLSPolicy",
        {"spec.targetRefs[2]": {**_TARGET, "sectionName": "https"}},
        "spec.targetRefs",
        "sectionName must be unique when targetRefs includes 2 or more references to the same target",
    ),
    Case(
        "BackendTLSPolicy",
        {"spec.validation.caCertificateRefs": [_TARGET]},
        "spec.validation",
        "must not contain both CACertificateRefs and WellKnownCACertificates",
    ),
    Case(
        "BackendTLSPolicy",
        {"spec.validation.wellKnownCACertificates": ABSENT},
        "spec.validation",
        "must specify either CACertificateRefs or WellKnownCACertificates",
    ),
    Case(
        "BackendTLSPolicy", {f"{_SANS}[1]": {"type": "Hostname"}}, f"{_SANS}[1]", f"{_ALT_NAME} contain Hostname, if Type is set"
    ),
    Case(
        "BackendTLSPolicy",
        {f"{_SANS}[0].hostname": "a.b"},
        f"{_SANS}[0]",
        f"{_ALT_NAME} not contain Hostname, if Type is not set",
    ),
    Case("BackendTLSPolicy", {f"{_SANS}[0]": {"type": "URI"}}, f"{_SANS}[0]", f"{_ALT_NAME} contain URI, if Type is set to URI"),
    Case(
        "BackendTLSPolicy", {f"{_SANS}[1].uri": "a://b"}, f"{_SANS}[1]", f"{_ALT_NAME} not contain URI, if Type is not set to URI"
    ),
    Case("Backend", {f"{_ENDPOINT}.ip": ABSENT}, _ENDPOINT, "one of fqdn, ip or unix must be specified"),
    Case("Backend", {f"{_ENDPOINT}.unix": {"path": "/a"}}, _ENDPOINT, "only one of fqdn, ip or unix can be specified"),
    Case(
        "Backend",
        {"spec.endpoints[1].unix.path": "/" * 109},
        "spec.endpoints[1].unix.path",
        "unix domain socket path must not exceed 108 characters",
    ),
    Case(
        "Backend",
        {"spec.endpoints[2]": {"fqdn": {"hostname": "a.b", "port": 80}}},
        "spec.endpoints",
        "fqdn addresses cannot be mixed with other address types",
    ),
    Case("Backend", {"spec.type": "DynamicResolver"}, "spec", "DynamicResolver type cannot have endpoints specified"),
    Case("Backend", {"spec.type": "DynamicResolver"}, "spec", "DynamicResolver type cannot use autoSNIFromEndpointHostname"),
    Case(
        "Backend", {f"{_ENDPOINT}.hostname": ABSENT}, "spec", "when autoSNIFromEndpointHostname is enabled, IP and Unix endpoints"
    ),
    Case("Backend", {"spec.endpoints": ABSENT}, "spec", "when autoSNIFromEndpointHostname is enabled, IP and Unix endpoints"),
    Case(
        "Backend", {"spec.tls.minVersion": "1.3", "spec.tls.ciphers": ["a"]}, "spec.tls", "setting ciphers has no effect if the"
    ),
    Case("Backend", {"spec.tls.maxVersion": "1.1"}, "spec.tls", "minVersion must be smaller or equal to maxVersion"),
    Case(
        "Backend",
        {"spec.tls.minVersion": ABSENT, "spec.tls.maxVersion": "1.1"},
        "spec.tls",
        "minVersion must be smaller or equal",
    ),
    Case("Backend", {"spec.tls.wellKnownCACertificates": "System"}, "spec.tls", "must not contain both CACertificateRefs and"),
    Case("Backend", {"spec.tls.insecureSkipVerify": True}, "spec.tls", "must not contain either CACertificateRefs or WellKnown"),
    Case("Backend", {"spec.tls.sni": "a.b"}, "spec.tls", "sni and autoSNIFromEndpointHostname are mutually exclusive"),
)

_HOSTNAME = "spec.urlRewrite.hostname"
_BODY = "spec.directResponse.body"
EXTENSION_CASES = (
    Case("HTTPRouteFilter", {"spec.matches[0]": {}}, "spec.matches[0]", "should have at least 1 properties"),
    Case("HTTPRouteFilter", {f"{_HOSTNAME}.type": "Backend"}, _HOSTNAME, "header must be nil if the type is not Header"),
    Case("HTTPRouteFilter", {f"{_HOSTNAME}.header": ABSENT}, _HOSTNAME, "header must be specified for Header type"),
    Case(
        "HTTPRouteFilter",
        {f"{_HOSTNAME}.pathRegex": {"pattern": "a", "substitution": "b"}},
        _HOSTNAME,
        "pathRegex must be nil if the type is not PathRegex",
    ),
    Case("HTTPRouteFilter", {_HOSTNAME: {"type": "PathRegex"}}, _HOSTNAME, "pathRegex must be specified for PathRegex type"),
    Case(
        "HTTPRouteFilter",
        {"spec.urlRewrite.path.replaceRegexMatch": ABSENT},
        "spec.urlRewrite.path",
        "If HTTPPathModifier type is ReplaceRegexMatch, replaceRegexMatch field needs to be set.",
    ),
    Case("HTTPRouteFilter", {f"{_BODY}.inline": ABSENT}, _BODY, "inline must be set for type Inline"),
    Case("HTTPRouteFilter", {f"{_BODY}.type": "ValueRef"}, _BODY, "valueRef must be set for type ValueRef"),
    Case(
        "HTTPRouteFilter",
        {f"{_BODY}.valueRef": {"group": "", "kind": "Secret", "name": "a"}},
        _BODY,
        "only ConfigMap is supported for ValueRef",
    ),
    Case(
        "HTTPRouteFilter",
        {"spec.directResponse.header.remove": ["a"]},
        "spec.directResponse.header",
        "header.remove is not supported for DirectResponse",
    ),
    Case("EnvoyProxy", {"spec.lua": {}}, "spec", "only one of luaValidation or lua may be set"),
    Case("EnvoyProxy", {"spec.mergeBackends": {}}, "spec", "mergeGateways and mergeBackends cannot both be enabled"),
    Case(
        "EnvoyGateway",
        {"provider.custom.resource.file": ABSENT},
        "provider.custom.resource",
        "file must be specified for type File",
    ),
    Case("EnvoyGateway", {"provider.custom": ABSENT}, "provider", "custom must be specified for type Custom"),
    Case("EnvoyGateway", {"extensionManagers": [{}]}, "", "only one of extensionManager and extensionManagers can be specified"),
)


def _kubernetes(path: str, settings: dict[str, Any], message: str) -> Case:
    """`settings` of a fleet of Pods break a rule at `path` below them."""
    base = "spec.provider.kubernetes"
    return Case(
        "EnvoyProxy", {"spec.provider": {"type": "Kubernetes", "kubernetes": settings}}, f"{base}.{path}".rstrip("."), message
    )


WORKLOAD_CASES = (
    Case(
        "EnvoyProxy",
        {"spec.bootstrap": {"type": "Merge"}},
        "spec.bootstrap",
        "provided bootstrap patch doesn't match the configured patch type",
    ),
    Case(
        "EnvoyProxy",
        {"spec.luaValidation": ABSENT, "spec.lua": {"validationType": "Disabled", "strictValidation": {}}},
        "spec.lua",
        "strictValidation can only be set when validationType is Strict",
    ),
    *(
        Case(
            "EnvoyProxy",
            {"spec.luaValidation": ABSENT, "spec.lua": {"strictValidation": {field: [value]}}},
            f"spec.lua.strictValidation.{field}",
            message,
        )
        for field, value, message in (
            ("allowedPaths", " ", "allowedPaths entries must not be blank or whitespace-only"),
            ("allowedPaths", "//", "allowedPaths entries must not be the filesystem root"),
            ("allowedEnvVars", " ", "allowedEnvVars entries must not be blank or whitespace-only"),
        )
    ),
    _kubernetes(
        "", {"envoyDeployment": {}, "envoyDaemonSet": {}}, "only one of envoyDeployment or envoyDaemonSet can be specified"
    ),
    _kubernetes("", {"envoyHpa": {"maxReplicas": 2}, "envoyDaemonSet": {}}, "cannot use envoyHpa if envoyDaemonSet is used"),
    _kubernetes(
        "envoyDeployment.container",
        {"envoyDeployment": {"container": {"image": "a:1", "imageRepository": "a"}}},
        "Either image or imageRepository can be set.",
    ),
    _kubernetes(
        "envoyDeployment.container.image", {"envoyDeployment": {"container": {"image": "a b"}}}, "Image must include a tag"
    ),
    _kubernetes(
        "envoyDaemonSet.container.imageRepository",
        {"envoyDaemonSet": {"container": {"imageRepository": "a@b"}}},
        "ImageRepository must contain only allowed characters and must not include a tag.",
    ),
    _kubernetes(
        "envoyDeployment.container.env",
        {"envoyDeployment": {"container": {"env": [{"value": "a"}]}}},
        "every one of the environment variables must have a name",
    ),
    _kubernetes(
        "envoyDeployment.pod.volumes",
        {"envoyDeployment": {"pod": {"volumes": [{"emptyDir": {}}]}}},
        "every one of the volumes must have a name",
    ),
    _kubernetes(
        "envoyDeployment.initContainers",
        {"envoyDeployment": {"initContainers": [{}]}},
        "every one of the init containers must have a name",
    ),
    _kubernetes(
        "envoyService",
        {"envoyService": {"type": "NodePort", "allocateLoadBalancerNodePorts": True}},
        "allocateLoadBalancerNodePorts can only be set for LoadBalancer type",
    ),
    _kubernetes(
        "envoyService",
        {"envoyService": {"type": "ClusterIP", "loadBalancerSourceRanges": []}},
        "loadBalancerSourceRanges can only be set for LoadBalancer type",
    ),
    _kubernetes(
        "envoyService",
        {"envoyService": {"type": "ClusterIP", "loadBalancerIP": "10.0.0.1"}},
        "loadBalancerIP can only be set for LoadBalancer type",
    ),
    _kubernetes(
        "envoyService.loadBalancerIP", {"envoyService": {"loadBalancerIP": "::1"}}, "loadBalancerIP must be a valid IPv4 address"
    ),
    _kubernetes("envoyHpa", {"envoyHpa": {"minReplicas": 3, "maxReplicas": 2}}, "maxReplicas cannot be less than minReplicas"),
    _kubernetes("envoyHpa.maxReplicas", {"envoyHpa": {"maxReplicas": 0}}, "maxReplicas must be greater than 0"),
    _kubernetes("envoyHpa.minReplicas", {"envoyHpa": {"minReplicas": 0, "maxReplicas": 2}}, "minReplicas must be greater than 0"),
    _kubernetes("envoyPDB.patch.value", {"envoyPDB": {"minAvailable": 1, "patch": {"value": None}}}, "is required"),
    _kubernetes("envoyPDB", {"envoyPDB": {}}, "only one of minAvailable or maxUnavailable can be specified"),
)

EXTENSION_KIND_CASES = (*BACKEND_CASES, *EXTENSION_CASES, *WORKLOAD_CASES, *TELEMETRY_CASES)
