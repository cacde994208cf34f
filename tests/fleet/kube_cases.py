"""Proxies whose objects are written down in `kube_objects/`; run as a module, this writes them anew, for a person to read."""

from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import yaml

from gatewright.api.envoyproxy import EnvoyProxySpec, ProxyBootstrap
from gatewright.api.meta import NamespacedName
from gatewright.fleet.kube.objects import ManagedObject, managed_objects
from gatewright.fleet.kube.workload import Installation, Owner, ServedPort, Workload
from gatewright.fleet.spec import ProxySpec

FOLDER: Final = Path(__file__).parent / "kube_objects"
INSTALLATION: Final = Installation(
    namespace="envoy-gateway-system",
    controller_name="gateway.envoyproxy.io/gatewayclass-controller",
    shutdown_image="gatewright/gatewright:1.0.0",
)
OWN_NAMESPACES: Final = msgspec.structs.replace(INSTALLATION, gateway_namespace_mode=True, trusted_ca="PEM of the authority\n")
HTTP: Final = ServedPort(80, "HTTP", 10080)

_EVERYTHING: Final = """
shutdown: {drainTimeout: 2m, minDrainDuration: 15s, healthCheckFailureDelay: 500ms}
ipFamily: DualStack
provider:
  type: Kubernetes
  kubernetes:
    envoyServiceAccount: {name: proxy}
    envoyDeployment:
      name: edge
      replicas: 3
      strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 0}}
      initContainers: [{name: first, image: example.com/first:1}]
      container:
        imageRepository: example.com/envoy
        env: [{name: ENVOY_POD_NAMESPACE, value: mine}, {name: MORE, value: "1"}]
        resources: {requests: {cpu: "1"}, limits: {memory: 1Gi}}
        volumeMounts: [{name: extra, mountPath: /extra}]
      pod:
        annotations: {prometheus.io/port: "9999"}
        labels: {team: red, app.kubernetes.io/name: other}
        affinity: {nodeAffinity: {}}
        tolerations: [{operator: Exists}]
        nodeSelector: {disk: fast}
        priorityClassName: high
        imagePullSecrets: [{name: registry}]
        topologySpreadConstraints: [{topologyKey: zone, maxSkew: 1, whenUnsatisfiable: DoNotSchedule}]
        securityContext: {fsGroup: 1}
        volumes: [{name: extra, emptyDir: {}}, {name: certs, secret: {secretName: mine}}]
      patch:
        value:
          spec: {template: {spec: {hostNetwork: true, containers: [{name: envoy, ports: [{containerPort: 1, hostPort: 8}]}]}}}
    envoyService:
      annotations: {lb.example.com/kind: internal}
      labels: {exposed: "yes"}
      loadBalancerClass: example.com/lb
      loadBalancerSourceRanges: [10.0.0.0/8]
      allocateLoadBalancerNodePorts: false
      externalTrafficPolicy: Cluster
      patch: {type: JSONMerge, value: {spec: {sessionAffinity: ClientIP}}}
    envoyHpa: {minReplicas: 2, maxReplicas: 9}
    envoyPDB: {minAvailable: 50%}
"""
_DAEMON_SET: Final = """
mergeGateways: true
concurrency: 2
extraArgs: [--disable-extensions, envoy.x]
logging: {level: {default: info, upstream: debug}}
telemetry: {metrics: {prometheus: {disable: true}}}
provider:
  type: Kubernetes
  kubernetes:
    useListenerPortAsContainerPort: true
    envoyDaemonSet: {strategy: {type: OnDelete}}
    envoyService: {type: ClusterIP, name: front}
"""


_THE_REST = """
ipFamily: IPv6
bootstrap: {type: JSONPatch, jsonPatches: [{op: remove, path: /overload_manager}]}
provider:
  type: Kubernetes
  kubernetes:
    envoyDeployment:
      container:
        image: "example.com/envoy:1"
        securityContext: {runAsUser: 7}
        resources: {claims: [{name: gpu}]}
      patch: {type: JSONMerge, value: {metadata: {annotations: {patched: "yes"}}}}
    envoyService:
      loadBalancerIP: 192.0.2.7
      type: LoadBalancer
    envoyHpa:
      name: scaler
      maxReplicas: 4
      metrics: [{type: Pods}]
      behavior: {scaleUp: {}}
      patch: {value: {metadata: {labels: {patched: "yes"}}}}
    envoyPDB: {name: budget, maxUnavailable: 1, patch: {value: {metadata: {labels: {patched: "yes"}}}}}
"""
_ON_EVERY_NODE = """
provider:
  type: Kubernetes
  kubernetes:
    envoyDaemonSet:
      name: on-every-node
      pod: {labels: {team: red}}
      container: {env: [{name: MORE, value: "1"}]}
      patch: {value: {spec: {minReadySeconds: 3}}}
"""
SPECS: Final = (_EVERYTHING, _DAEMON_SET, _THE_REST, _ON_EVERY_NODE)
"""What the EnvoyProxies of the cases say: together, all that can be said of Pods and Services."""


class Case(NamedTuple):
    """A workload, and by whom it is run."""

    workload: Workload
    installation: Installation = INSTALLATION


def workload(parameters: str = "{}", **changes: object) -> Workload:
    """The proxy of Gateway default/eg, with an EnvoyProxy's spec (YAML)."""
    wanted = Workload(
        proxy=ProxySpec(name="default/eg"),
        gateway=NamespacedName("default", "eg"),
        gateway_class="eg",
        parameters=msgspec.convert(yaml.safe_load(parameters), EnvoyProxySpec),
        ports=(HTTP,),
    )
    return msgspec.structs.replace(wanted, **changes)


def _bootstrap_of(parameters: str) -> object:
    return yaml.safe_load(parameters)["bootstrap"]


CASES: Final = {
    "default": Case(workload(owner=Owner("GatewayClass", "eg", "uid-1"))),
    "gateway-namespace": Case(
        workload(
            owner=Owner("Gateway", "eg", "uid-2"),
            labels={"team": "blue"},
            annotations={"example.com/cost": "42"},
            ports=(HTTP, ServedPort(443, "HTTPS", 10443, http3=True), ServedPort(5353, "UDP", 5353)),
        ),
        OWN_NAMESPACES,
    ),
    "everything": Case(workload(_EVERYTHING, proxy=ProxySpec(name="default/eg", drain_seconds=120), addresses=("10.1.2.3",))),
    "the-rest": Case(
        workload(
            _THE_REST, proxy=ProxySpec(name="default/eg", bootstrap=msgspec.convert(_bootstrap_of(_THE_REST), ProxyBootstrap))
        )
    ),
    "on-every-node": Case(workload(_ON_EVERY_NODE)),
    "merged-daemon-set": Case(
        workload(
            _DAEMON_SET,
            proxy=ProxySpec(name="eg", concurrency=2, log_level="info", extra_arguments=("--disable-extensions", "envoy.x")),
            gateway=None,
            ports=(ServedPort(80, "HTTP", 80),),
            addresses=("10.96.0.77", "10.96.0.78"),
        )
    ),
}


def text_of(objects: tuple[ManagedObject, ...]) -> str:
    """Objects as they stand in a golden file; the bootstrap, which has its own tests, on one line."""
    return yaml.dump_all([each.document for each in objects], sort_keys=True, width=10_000, Dumper=_Dumper)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _data: object) -> bool:
        return True


if __name__ == "__main__":
    for name, case in CASES.items():
        (FOLDER / f"{name}.yaml").write_text(text_of(managed_objects(*case)))
