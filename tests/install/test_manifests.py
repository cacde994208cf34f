"""What `gatewright install` prints: complete, no more rights than needed, and safe by the restricted Pod security standard."""

import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
import yaml

from gatewright.api.envoygateway import EnvoyGateway
from gatewright.api.kinds import KINDS
from gatewright.cli.manifests import CONFIG_FILE, Document, Installation, manifests

EVERYTHING = Installation(gateway_class="eg")
MODES = pytest.mark.parametrize(
    "chosen",
    [
        EVERYTHING,
        Installation(mode="GatewayNamespace"),
        Installation(watched_namespaces=("a", "b")),
        Installation(mode="GatewayNamespace", watched_namespaces=("a", "b")),
    ],
    ids=["controller-namespace", "gateway-namespace", "watched", "gateway-namespace-watched"],
)


def named(chosen: Installation) -> dict[str, Document]:
    """The documents by `Kind/namespace/name`."""
    return {
        f"{each['kind']}/{each['metadata'].get('namespace', '')}/{each['metadata']['name']}": each for each in manifests(chosen)
    }


def granted(chosen: Installation) -> Iterable[tuple[str, str, str, tuple[str, ...], tuple[str, ...]]]:
    """All that the control plane may do: place (empty for everywhere), group, resource, verbs, and to which names."""
    documents = named(chosen)
    for binding in (each for each in documents.values() if each["kind"].endswith("Binding")):
        place = binding["metadata"].get("namespace", "")
        role = documents[f"{binding['roleRef']['kind']}/{place}/{binding['roleRef']['name']}"]
        for rule in role["rules"]:
            for resource in rule["resources"]:
                yield place, rule["apiGroups"][0], resource, tuple(rule["verbs"]), tuple(rule.get("resourceNames", ()))


def test_the_command_prints_what_the_documents_are() -> None:
    """Options reach the documents, and the text is the documents."""
    arguments = ("--namespace", "infra", "--gateway-class", "eg", "--mode", "GatewayNamespace", "--watch-namespace", "a")
    done = subprocess.run([sys.executable, "-m", "gatewright", "install", *arguments], capture_output=True, text=True, check=True)

    chosen = Installation(namespace="infra", gateway_class="eg", mode="GatewayNamespace", watched_namespaces=("a",))
    assert list(yaml.safe_load_all(done.stdout)) == msgspec.json.decode(msgspec.json.encode(manifests(chosen)))


@MODES
def test_every_role_is_bound_and_every_binding_has_its_role(chosen: Installation) -> None:
    """And every object is there once."""
    documents = named(chosen)

    assert len(documents) == len(manifests(chosen))
    roles = {key for key in documents if key.startswith(("Role/", "ClusterRole/"))}
    bound = {
        f"{each['roleRef']['kind']}/{each['metadata'].get('namespace', '')}/{each['roleRef']['name']}"
        for each in documents.values()
        if each["kind"].endswith("Binding")
    }
    assert roles == bound


@MODES
def test_nothing_of_users_is_written(chosen: Installation) -> None:
    """Their objects are read, and their statuses patched: no more."""
    kinds = {(kind.group, kind.plural) for kind in KINDS if kind.group not in {"", "discovery.k8s.io"}}

    for _, group, resource, verbs, _ in granted(chosen):
        if (group, resource) in kinds:
            assert ("get", "list", "watch") == verbs
        if resource.endswith("/status"):
            assert ("patch",) == verbs


@MODES
def test_secrets_are_written_by_name_and_at_home(chosen: Installation) -> None:
    """Only those of the installation itself; to create cannot be limited by name, so it is limited to one namespace."""
    writing = [
        (place, verbs, names)
        for place, group, resource, verbs, names in granted(chosen)
        if (group, resource) == ("", "secrets") and set(verbs) - {"get", "list", "watch"}
    ]

    assert {"envoy-gateway-system"} == {place for place, _, _ in writing}
    assert all(names or verbs == ("create",) for _, verbs, names in writing)


@MODES
def test_proxies_are_made_only_where_they_run(chosen: Installation) -> None:
    """In one namespace, or in the namespaces that are watched."""
    places = {
        place for place, group, resource, verbs, _ in granted(chosen) if (resource, "create" in verbs) == ("deployments", True)
    }

    expected = {"envoy-gateway-system"} if chosen.mode == "ControllerNamespace" else set(chosen.watched_namespaces or ("",))
    assert expected == places


@MODES
def test_nobody_gets_everything(chosen: Installation) -> None:
    """No wildcards, and nothing by which one's own rights could grow."""
    for _, group, resource, verbs, _ in granted(chosen):
        assert "*" not in {group, resource, *verbs}
        assert group != "rbac.authorization.k8s.io"
        assert resource not in {"pods", "pods/exec", "serviceaccounts/token"}
        assert not {"escalate", "bind", "impersonate"} & set(verbs)


def test_every_kind_is_read() -> None:
    """Also one that was added to the table of kinds yesterday."""
    read = {(group, resource) for _, group, resource, verbs, _ in granted(EVERYTHING) if "watch" in verbs}

    assert {(kind.group, kind.plural) for kind in KINDS} <= read


def test_its_configuration_is_a_good_one() -> None:
    """The control plane will not refuse what it is given."""
    chosen = Installation(mode="GatewayNamespace", watched_namespaces=("a",), envoy_image="x/envoy:1")
    config = named(chosen)["ConfigMap/envoy-gateway-system/envoy-gateway-config"]["data"][CONFIG_FILE]

    read = msgspec.convert(yaml.safe_load(config), EnvoyGateway)
    assert read.provider.kubernetes is not None
    assert read.provider.kubernetes.deploy is not None
    assert read.provider.kubernetes.watch is not None
    assert ("GatewayNamespace", ("a",)) == (read.provider.kubernetes.deploy.type, read.provider.kubernetes.watch.namespaces)
    assert read.envoy_proxy is not None


def test_pods_keep_to_the_restricted_standard() -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards: what it asks of a Pod, ours has."""
    spec: dict[str, Any] = named(EVERYTHING)["Deployment/envoy-gateway-system/gatewright"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    security = container["securityContext"]

    assert {"configMap", "emptyDir"} == {name for volume in spec["volumes"] for name in volume if name != "name"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert (False, True, ["ALL"], "RuntimeDefault") == (
        security["allowPrivilegeEscalation"],
        security["runAsNonRoot"],
        security["capabilities"]["drop"],
        security["seccompProfile"]["type"],
    )
    assert security["readOnlyRootFilesystem"]
