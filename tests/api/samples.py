"""Good documents, one or more a kind, and the means to change one field of them."""

import copy
import re
from typing import Any, Final

import yaml

Document = dict[str, Any]

_TEXT: Final = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: sample}
spec:
  controllerName: gateway.envoyproxy.io/gatewayclass-controller
  parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: settings, namespace: infra}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: sample, labels: {team: blue}, annotations: {example.com/owner: someone}}
spec:
  gatewayClassName: eg
  addresses: [{value: 10.0.0.1}, {type: Hostname, value: a.example.com}]
  infrastructure: {labels: {app: web}, annotations: {example.com/a: b}}
  allowedListeners: {namespaces: {from: Same}}
  tls:
    frontend:
      default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}}
      perPort: [{port: 443, tls: {}}]
  listeners:
  - {name: web, port: 80, protocol: HTTP, hostname: "*.example.com", allowedRoutes: {namespaces: {from: All}}}
  - {name: tls, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}
  - {name: pass, port: 8443, protocol: TLS, tls: {mode: Passthrough}}
  - {name: tcp, port: 5432, protocol: TCP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: sample}
spec:
  parentRef: {name: sample}
  listeners:
  - {name: web, port: 81, protocol: HTTP}
  - {name: more, port: 81, protocol: HTTP, hostname: b.example.com}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: sample, namespace: shop}
spec:
  parentRefs: [{name: sample, sectionName: web, port: 80}, {name: other}]
  hostnames: [shop.example.com]
  rules:
  - name: first
    matches:
    - path: {type: Exact, value: /cart}
      method: GET
      headers: [{name: x-user, value: someone}]
      queryParams: [{name: q, value: v}]
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: a, value: b}], add: [{name: c, value: d}], remove: [e]}
    - type: RequestMirror
      requestMirror: {backendRef: {name: shadow, port: 80}, fraction: {numerator: 1, denominator: 3}}
    - type: CORS
      cors: {allowOrigins: ["https://*.example.com"], allowMethods: [GET], allowHeaders: [x-a], exposeHeaders: [x-b]}
    - type: ExternalAuth
      externalAuth: {protocol: HTTP, backendRef: {name: auth, port: 80}, http: {path: /check}, forwardBody: {maxSize: 10}}
    backendRefs:
    - {name: cart, port: 8080, weight: 9}
    - name: cart-next
      port: 8080
      filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {remove: [server]}}]
    timeouts: {request: 10s, backendRequest: 2s}
    retry: {codes: [503], attempts: 2, backoff: 10ms}
    sessionPersistence: {sessionName: session, cookieConfig: {}}
  - matches: [{path: {value: /old}}]
    filters:
    - type: RequestRedirect
      requestRedirect: {scheme: https, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}, statusCode: 301}
  - filters:
    - {type: URLRewrite, urlRewrite: {hostname: b.example.com, path: {type: ReplaceFullPath, replaceFullPath: /}}}
    - {type: ExtensionRef, extensionRef: {group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: more}}
    backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: far}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: sample}
spec:
  parentRefs: [{name: sample}]
  rules:
  - name: first
    matches: [{method: {service: shop.v1.Cart, method: Add}, headers: [{name: x-user, value: someone}]}]
    filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: a, value: b}]}}]
    backendRefs: [{name: cart, port: 9000, filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {remove: [a]}}]}]
  - name: second
    matches: [{method: {type: RegularExpression, service: "shop.*"}}]
    backendRefs: [{name: cart, port: 9000}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: sample}
spec:
  hostnames: [db.example.com]
  rules: [{backendRefs: [{name: db, port: 5432}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: sample}
spec:
  rules: [{backendRefs: [{name: db, port: 5432}]}]
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: UDPRoute
metadata: {name: sample}
spec:
  rules: [{name: a, backendRefs: [{name: dns, port: 53}]}, {name: b, backendRefs: [{name: dns, port: 54}]}]
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: sample}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}]
  to: [{group: "", kind: Service}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: sample}
spec:
  targetRefs: [{group: "", kind: Service, name: a}, {group: "", kind: Service, name: b, sectionName: https}]
  validation:
    hostname: a.example.com
    wellKnownCACertificates: System
    subjectAltNames: [{type: URI, uri: "spiffe://example.com/a"}, {type: Hostname, hostname: b.example.com}]
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: sample}
spec:
  type: ExternalHostname
  externalHostname: {hostname: api.example.com}
  port: {port: 443}
  protocol: HTTP2
  tls:
    mode: ClientAndServer
    clientCertificateRef: {name: cert}
    validation: {hostname: api.example.com, wellKnownCACertificates: System}
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: sample}
spec:
  targetRefs: [{group: "", kind: Service, name: a}, {group: "", kind: Service, name: b}]
  retryConstraint: {budget: {percent: 10, interval: 5s}, minRetryRate: {count: 3, interval: 1s}}
  sessionPersistence: {sessionName: session, cookieConfig: {lifetimeType: Permanent}, absoluteTimeout: 1h}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: sample}
spec:
  endpoints: [{ip: {address: 10.0.0.1, port: 80}, hostname: a.example.com}, {unix: {path: /run/a.sock}, hostname: b.example.com}]
  tls: {minVersion: "1.2", caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}], autoSNIFromEndpointHostname: true}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: HTTPRouteFilter
metadata: {name: sample}
spec:
  matches: [{cookies: [{name: a, value: b}]}]
  urlRewrite:
    hostname: {type: Header, header: x-host}
    path: {type: ReplaceRegexMatch, replaceRegexMatch: {pattern: "^/a", substitution: /b}}
  directResponse: {statusCode: 418, body: {inline: short and stout}, header: {set: [{name: a, value: b}]}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: sample}
spec:
  mergeGateways: true
  provider: {type: Host, host: {}}
  logging: {level: {default: info, upstream: debug}}
  luaValidation: Strict
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ClientTrafficPolicy
metadata: {name: sample}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: sample, sectionName: web}]
  targetSelectors: [{kind: Gateway, matchLabels: {team: blue}, namespaces: {from: Same}}]
  tcpKeepalive: {probes: 3, idleTime: 1m}
  clientIPDetection: {xForwardedFor: {trustedCIDRs: [10.0.0.0/8, "fd00::/8"]}}
  tls:
    minVersion: "1.2"
    maxVersion: "1.3"
    clientValidation: {mode: RequireAndVerify, caCertificateRefs: [{kind: ConfigMap, name: ca}], crl: {refs: [{name: crl}]}}
    session: {resumption: {stateless: {}}}
  headers:
    requestID: Generate
    earlyRequestHeaders: {addIfAbsent: [{name: a, value: b}], removeOnMatch: [{type: Prefix, value: x-}]}
    xForwardedClientCert: {mode: SanitizeSet, certDetailsToAdd: [Subject]}
  connection: {connectionLimit: {value: 10, closeDelay: 1s}, bufferLimit: 32Ki}
  http1: {http10: {}, ignoredUpgradeTypes: [{value: TLS/1.0}]}
  http2: {initialStreamWindowSize: 64Ki, connectionKeepalive: {interval: 10s, timeout: 1s}}
  http3: {}
  path: {escapedSlashesAction: UnescapeAndForward}
  timeout: {http: {requestReceivedTimeout: 10s}, tcp: {idleTimeout: 1h}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyPatchPolicy
metadata: {name: sample}
spec:
  type: JSONPatch
  targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: sample}
  jsonPatches:
  - type: type.googleapis.com/envoy.config.listener.v3.Listener
    name: default/sample/web
    operation: {op: add, path: /drain_type, value: MODIFY_ONLY}
---
apiVersion: v1
kind: Service
metadata: {name: sample}
spec: {selector: {app: a}, ports: [{name: http, port: 80, targetPort: web, unread: 1}], unread: true}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: sample, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}, zone: a}]
ports: [{name: http, port: 80}]
---
apiVersion: multicluster.x-k8s.io/v1alpha1
kind: ServiceImport
metadata: {name: sample}
spec: {type: ClusterSetIP, ips: [10.42.42.42], ports: [{name: http, protocol: TCP, port: 80, appProtocol: kubernetes.io/h2c}]}
---
apiVersion: v1
kind: Secret
metadata: {name: sample}
type: kubernetes.io/tls
data: {tls.crt: YQ==, tls.key: Yg==}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: sample}
data: {ca.crt: text}
---
apiVersion: v1
kind: Namespace
metadata: {name: sample}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyGateway
gateway: {controllerName: example.com/controller}
provider:
  type: Custom
  custom:
    resource: {type: File, file: {paths: [routes]}}
    infrastructure: {type: Host, host: {stateHome: state}}
extensionApis: {enableBackend: true}
extensionManager: {}
"""

SAMPLES: Final[dict[str, Document]] = {document["kind"]: document for document in yaml.safe_load_all(_TEXT)}

ABSENT: Final = object()
"""The value of a field that is to be taken out."""


def changed(kind: str, changes: dict[str, Any]) -> Document:
    """The sample of a kind with fields set by their paths (`spec.rules[0].name`), or taken out."""
    document = copy.deepcopy(SAMPLES[kind])
    for path, value in changes.items():
        *way, last = _steps(path)
        at: Any = document
        for step in way:
            at = at.setdefault(step, {}) if isinstance(at, dict) else at[step]
        if value is ABSENT:
            del at[last]
        elif isinstance(at, list) and last == len(at):
            at.append(value)
        else:
            at[last] = value
    return document


def _steps(path: str) -> list[str | int]:
    return [int(index) if index else name for name, index in re.findall(r"([^.\[\]]+)(?![^\[]*\])|\[(\d+)\]", path)]
