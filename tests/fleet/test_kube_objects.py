"""The objects of a proxy in a cluster: all of them, written down, and the rules behind them one by one."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
import yaml

from gatewright.api.gateway import Gateway
from gatewright.api.meta import Model
from gatewright.api.workloads import EnvoyProxyKubernetesProvider
from gatewright.fleet.kube.objects import (
    AUTOSCALER,
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    SERVICE,
    SERVICE_ACCOUNT,
    ManagedKind,
    managed_objects,
)
from gatewright.fleet.kube.pods import bytes_of
from gatewright.fleet.kube.workload import (
    Installation,
    Workload,
    hashed_name,
    infrastructure,
    served_ports,
)
from tests.fleet.kube_cases import CASES, FOLDER, INSTALLATION, OWN_NAMESPACES, SPECS, text_of, workload


def document(kind: ManagedKind, wanted: Workload, installation: Installation = INSTALLATION) -> dict[str, Any]:
    (found,) = [each.document for each in managed_objects(wanted, installation) if each.key.kind == kind]
    assert found is not None
    return found


@pytest.mark.parametrize("name", CASES)
def test_objects_are_those_written_down(name: str) -> None:
    """Names, labels, selectors, ports, probes, hooks, volumes, security: every field that we decide."""
    assert (FOLDER / f"{name}.yaml").read_text() == text_of(managed_objects(*CASES[name]))


def test_every_field_is_in_a_case() -> None:
    """Whatever an EnvoyProxy can say of Pods, Services and their companions is said in one of the cases, and so written down."""
    said = {path for text in SPECS for path in _paths(yaml.safe_load(text)["provider"]["kubernetes"])}

    assert [] == sorted(_fields(EnvoyProxyKubernetesProvider) - said)


def _paths(value: object, above: str = "") -> Iterator[str]:
    yield above
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _paths(each, f"{above}.{name}".lstrip("."))


def _fields(model: type[msgspec.Struct], above: str = "") -> set[str]:
    """Paths of all fields; those that several have in common count once."""
    found: set[str] = set()
    for field in msgspec.structs.fields(model):
        path = f"{above}.{field.encode_name}".lstrip(".")
        nested = next(
            (each for each in (field.type, *get_args(field.type)) if isinstance(each, type) and issubclass(each, Model)), None
        )
        shared = path in {"envoyDaemonSet.pod", "envoyDaemonSet.container"} or path.endswith(".patch")
        found |= {path} if nested is None or shared else _fields(nested, path)
    return found


def test_names_are_readable_short_and_unique() -> None:
    """At most 48 characters of `namespace-name`, then a hash of all of it: 63 characters, as a Service's name may have."""
    long = hashed_name(f"{'n' * 63}/{'g' * 63}")

    assert "envoy-default-37a8eec1" == hashed_name("default")
    assert 63 == len(long)
    assert long != hashed_name(f"{'n' * 63}/{'g' * 62}h")
    assert hashed_name("a-b/c") != hashed_name("a/b-c")
    assert "envoy-" + "n" * 47 + "-" == hashed_name("n" * 47 + "/x")[:54]


def test_selectors_do_not_change_with_labels() -> None:
    """A Deployment's selector is immutable, so what users may change is not in it; Pods carry both, and ours cannot be taken."""
    plain = workload()
    labelled = workload(
        "{provider: {type: Kubernetes, kubernetes: {envoyDeployment: {pod: {labels: {app.kubernetes.io/component: mine}}}}}}",
        labels={"team": "blue", "app.kubernetes.io/name": "mine"},
    )
    before, after = document(DEPLOYMENT, plain), document(DEPLOYMENT, labelled)

    assert before["spec"]["selector"] == after["spec"]["selector"]
    pod = after["spec"]["template"]["metadata"]["labels"]
    assert after["spec"]["selector"]["matchLabels"].items() <= pod.items()
    assert "blue" == pod["team"]
    assert document(SERVICE, labelled)["spec"]["selector"] == document(SERVICE, plain)["spec"]["selector"]


def test_the_autoscaler_has_the_replicas() -> None:
    """What is not applied is not ours: otherwise each change of the Deployment would undo the autoscaler's work."""
    parameters = "{{provider: {{type: Kubernetes, kubernetes: {{envoyDeployment: {{replicas: 3}}{more}}}}}}}"

    fixed = document(DEPLOYMENT, workload(parameters.format(more="")))
    scaled = document(DEPLOYMENT, workload(parameters.format(more=", envoyHpa: {maxReplicas: 5}")))

    assert 3 == fixed["spec"]["replicas"]
    assert "replicas" not in scaled["spec"]


def test_which_objects_there_are() -> None:
    """A DaemonSet takes the Deployment's place; autoscaler and disruption budget are there when asked for."""

    def kinds(kubernetes: str) -> list[ManagedKind]:
        wanted = workload(f"{{provider: {{type: Kubernetes, kubernetes: {kubernetes}}}}}")
        return [each.key.kind for each in managed_objects(wanted, INSTALLATION)]

    base = [SERVICE_ACCOUNT, CONFIG_MAP, SERVICE]
    assert [*base, DEPLOYMENT] == kinds("{}")
    assert [*base, DAEMON_SET] == kinds("{envoyDaemonSet: {}}")
    assert [*base, DEPLOYMENT, AUTOSCALER, DISRUPTION_BUDGET] == kinds(
        "{envoyHpa: {maxReplicas: 2}, envoyPDB: {maxUnavailable: 1}}"
    )


def test_addresses_that_are_asked_for() -> None:
    """Addresses become external IPs; an internal Service has but one, and gets it as its own."""
    addresses = ("192.0.2.1", "192.0.2.2")
    internal = workload("{provider: {type: Kubernetes, kubernetes: {envoyService: {type: ClusterIP}}}}", addresses=addresses)

    spec = document(SERVICE, workload(addresses=addresses))["spec"]
    assert (["192.0.2.1", "192.0.2.2"], None) == (spec.get("externalIPs"), spec.get("clusterIP"))
    spec = document(SERVICE, internal)["spec"]
    assert (None, "192.0.2.1", ["192.0.2.1"]) == (spec.get("externalIPs"), spec.get("clusterIP"), spec.get("clusterIPs"))
    assert "externalTrafficPolicy" not in spec


def test_ports_of_listeners() -> None:
    """Listeners that share a port share its place in the Service; TCP and UDP are two."""
    listeners = [(443, "HTTPS"), (80, "HTTP"), (443, "TLS"), (53, "UDP"), (53, "TCP"), (80, "HTTP")]

    found = served_ports(listeners, {443: 10443, 80: 10080, 53: 10053})
    assert {"tcp-53": 10053, "udp-53": 10053, "http-80": 10080, "https-443": 10443} == {each.name: each.target for each in found}


def test_addresses_that_no_service_can_have() -> None:
    """The API server would refuse the whole Service for them: they are left out, and the Gateway's status says so."""
    wanted = workload(addresses=("127.0.0.1", "192.0.2.1", "::1", "fe80::1", "0.0.0.0", "224.0.0.1"))

    assert ["192.0.2.1"] == document(SERVICE, wanted)["spec"]["externalIPs"]


def gateway(name: str, **spec: object) -> Gateway:
    return msgspec.convert(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
            "spec": {"gatewayClassName": "eg", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}], **spec},
        },
        Gateway,
    )


def test_infrastructure_of_merged_gateways() -> None:
    """All their labels and annotations, the first Gateway's where two disagree."""
    gateways = [
        gateway(name, infrastructure={"labels": {"who": name, name: "x"}, "annotations": {name: "y"}}) for name in ("b", "a")
    ]

    assert ({"who": "a", "a": "x", "b": "x"}, {"a": "y", "b": "y"}) == infrastructure(gateways)


def test_a_bad_patch_is_said_and_nothing_is_applied() -> None:
    """The object stays as it is, and the others are not held up."""
    wanted = workload("{provider: {type: Kubernetes, kubernetes: {envoyService: {patch: {type: Replace, value: {}}}}}}")

    problems = {each.key.kind.kind: each.problem for each in managed_objects(wanted, INSTALLATION)}
    assert "patch of the Service: type 'Replace' is not supported; use StrategicMerge or JSONMerge" == problems.pop("Service")
    assert {""} == set(problems.values())


def test_a_patch_cannot_make_another_object() -> None:
    """Name, namespace and kind stay: otherwise it would be removed as a leftover, or take somebody else's place."""
    patch = "{apiVersion: v2, kind: Pod, metadata: {name: other, namespace: kube-system, labels: {a: b}}}"
    wanted = workload(f"{{provider: {{type: Kubernetes, kubernetes: {{envoyService: {{patch: {{value: {patch}}}}}}}}}}}")
    found = document(SERVICE, wanted)

    assert ("v1", "Service") == (found["apiVersion"], found["kind"])
    assert ("envoy-default-eg-e41e7b31", "envoy-gateway-system") == (found["metadata"]["name"], found["metadata"]["namespace"])
    assert "b" == found["metadata"]["labels"]["a"]


def test_only_the_gateways_own_namespace_gets_the_authority() -> None:
    """Beside the control plane, proxies mount its Secret; elsewhere they cannot, so they get the authority and no certificate."""
    near, far = document(CONFIG_MAP, workload()), document(CONFIG_MAP, workload(), OWN_NAMESPACES)

    assert {"xds-certificate.json", "xds-trusted-ca.json", "xds_service_account_token.json"} == set(near["data"])
    assert {"ca.crt", "xds-trusted-ca.json", "xds_service_account_token.json"} == set(far["data"])


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("1Gi", 2**30),
        ("512Mi", 2**29),
        ("1.5G", 1_500_000_000),
        ("1e3", 1000),
        ("128974848000m", 128_974_848),
        (1000, 1000),
        (".5k", 500),
        ("1GB", None),
        ("", None),
    ],
)
def test_quantities(quantity: str | int, expected: int | None) -> None:
    """Kubernetes' numbers with suffixes, as whole bytes."""
    assert expected == bytes_of(quantity)
