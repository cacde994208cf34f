"""From command lines and EnvoyGateway files to settings."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from gatewright.api.envoygateway import KubernetesWatchMode
from gatewright.cli.configuration import OFF, Options, configure
from gatewright.cli.program import Failure
from gatewright.settings import ClusterSettings, ExtensionAPIs, ListenAddress, Settings

ENVIRON = {"HOME": "/home/me"}


def file(tmp_path: Path, **fields: object) -> Path:
    resource = {"type": "File", "file": {"paths": ["/routes"]}}
    provider = {"type": "Custom", "custom": {"resource": resource, "infrastructure": {"type": "Host", "host": {}}}}
    document = {"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyGateway", "provider": provider, **fields}
    path = tmp_path / "envoy-gateway.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def settings(options: Options) -> Settings:
    return configure(options, ENVIRON, 1000).settings


def changed(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {**document, first: changed(document.get(first) or {}, rest, value) if rest else value}


def test_a_folder_alone() -> None:
    """Everything else has a default; Backend is on."""
    made = settings(Options((Path("/routes"),)))
    assert (Path("/routes"),) == made.paths
    assert ExtensionAPIs(backend=True) == made.extension_apis
    assert ListenAddress("127.0.0.1", 19000, asked_for=False) == made.admin_address
    assert (made.state_dir, Path("/home/me/.local/state/gatewright")) == (made.socket_dir, made.state_dir.parent)


def test_relative_folders_are_made_absolute_and_links_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link may point elsewhere tomorrow."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    assert (tmp_path / "link", tmp_path / "real") == settings(Options((Path("link"), Path("./x/../real"), Path("real")))).paths


def test_a_file_sets_what_it_names(tmp_path: Path) -> None:
    """Paths, controller, logging, admin address, extension APIs and proxy defaults; Backend is off unless it says otherwise."""
    config = file(
        tmp_path,
        gateway={"controllerName": "example.com/mine"},
        logging={"level": {"default": "error"}, "encoder": "JSON"},
        admin={"address": {"port": 19500}},
        extensionApis={"enableEnvoyPatchPolicy": True},
        telemetry={"metrics": {"prometheus": {"disable": True}}},
        envoyProxy={"concurrency": 3},
    )
    made = settings(Options(config=config))
    assert ((Path("/routes"),), "example.com/mine") == (made.paths, made.controller_name)
    assert ("error", "json") == (made.log_level, made.log_format)
    assert (ListenAddress("127.0.0.1", 19500, asked_for=True), None) == (made.admin_address, made.metrics_address)
    assert ExtensionAPIs(backend=False, envoy_patch_policy=True) == made.extension_apis
    assert made.envoy_proxy
    assert 3 == made.envoy_proxy.concurrency


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    """Folders add up, everything else is replaced."""
    config = file(tmp_path, logging={"level": {"default": "error"}}, gateway={"controllerName": "example.com/mine"})
    options = Options((Path("/more"),), config, log_level="debug", controller_name="example.com/other", admin_address=OFF)
    made = settings(options)
    assert ((Path("/routes"), Path("/more")), "debug", "example.com/other", None) == (
        made.paths,
        made.log_level,
        made.controller_name,
        made.admin_address,
    )


def test_the_folders_of_the_host_infrastructure(tmp_path: Path) -> None:
    """State folders go to stateHome, sockets to runtimeDir."""
    made = settings(
        Options(config=_with(tmp_path, "provider.custom.infrastructure.host", {"stateHome": "/var/s", "runtimeDir": "/run/g"}))
    )
    assert (Path("/var/s"), Path("/run/g")) == (made.state_dir.parent, made.socket_dir.parent)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("provider", {"type": "Custom"}, "provider: custom must be specified for type Custom"),
        ("provider.custom.resource", {"type": "Kubernetes"}, "provider.custom.resource.type: only File is there yet"),
        ("provider.custom.resource.file.paths", [], "provider.custom.resource.file.paths: name at least one"),
        ("provider.custom.infrastructure", {"type": "Remote"}, "provider.custom.infrastructure.type: Remote is not there yet"),
        ("provider.custom.infrastructure.host.runtimeDir", "/r" * 40, "runtimeDir is too long for Unix sockets"),
        ("gatewey", {}, "gatewey"),
        ("kind", "Gateway", "kind: must be EnvoyGateway"),
        ("admin.address.port", "many", "admin.address.port"),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_field(tmp_path: Path, path: str, value: object, complaint: str) -> None:
    """The start ends with one line that names the file and the field."""
    with pytest.raises(Failure) as refused:
        settings(Options(config=_with(tmp_path, path, value)))
    assert complaint in refused.value.message
    assert 3 == refused.value.exit_code


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("rateLimit", {"backend": {"type": "Redis"}}, "rateLimit"),
        ("extensionManager", {"name": "x"}, "extensionManager"),
        ("telemetry.metrics.sinks", [{"type": "OpenTelemetry"}], "telemetry.metrics.sinks"),
        ("xdsServer.maxConnectionAge", "10h", "xdsServer"),
        ("runtimeFlags.enabled", ["XDSNameSchemeV2"], "runtimeFlags"),
        ("logging.level", {"default": "info", "provider": "debug"}, "logging.level"),
        ("provider.custom.infrastructure", None, "provider.custom.infrastructure"),
        ("provider.custom.infrastructure.host.dataHome", "/x", "provider.custom.infrastructure.host.dataHome"),
    ],
)
def test_what_is_not_acted_upon_is_said(tmp_path: Path, path: str, value: object, field: str) -> None:
    """The server starts, with a warning that names the field."""
    warnings = configure(Options(config=_with(tmp_path, path, value)), ENVIRON, 1000).warnings
    assert [field] == [warning.partition(":")[0] for warning in warnings]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", r"x\.yaml:2: "),
        ("[]", "must be an object, not a list"),
        ("", "must be EnvoyGateway"),
        ("kind: Gateway", "must be EnvoyGateway"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, text: str, complaint: str) -> None:
    """Broken YAML and other documents are one line, too."""
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(Failure, match=complaint):
        settings(Options(config=tmp_path / "x.yaml"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The system's word, and which file."""
    with pytest.raises(Failure, match=r"cannot read .*nope\.yaml: No such file"):
        settings(Options(config=tmp_path / "nope.yaml"))


def _with(tmp_path: Path, path: str, value: object) -> Path:
    config = file(tmp_path)
    config.write_text(yaml.safe_dump(changed(yaml.safe_load(config.read_text()), path, value)))
    return config


def test_a_cluster(tmp_path: Path) -> None:
    """The Kubernetes provider, with what a Pod's manifest tells it; where nothing is told, Envoy Gateway's defaults hold."""
    provider = {
        "type": "Kubernetes",
        "kubernetes": {
            "deploy": {"type": "GatewayNamespace"},
            "shutdownManager": {"image": "example.com/gatewright:1"},
            "leaderElection": {"leaseDuration": "30s", "retryPeriod": "500ms"},
            "watch": {"type": "Namespaces", "namespaces": ["shop"]},
        },
    }
    config = _with(tmp_path, "provider", provider)
    pod = {**ENVIRON, "ENVOY_GATEWAY_NAMESPACE": "edge", "POD_NAME": "one", "KUBERNETES_CLUSTER_DOMAIN": "example.internal"}
    expected = ClusterSettings(
        namespace="edge",
        identity="one",
        kubeconfig="/k",
        context="test",
        dns_domain="example.internal",
        shutdown_image="example.com/gatewright:1",
        gateway_namespace_mode=True,
        watch=KubernetesWatchMode(type="Namespaces", namespaces=("shop",)),
        lease_duration=30.0,
        retry_period=0.5,
    )
    assert expected == configure(Options(config=config, kubeconfig=Path("/k"), context="test"), pod, 1000).settings.cluster
    bare = configure(Options(config=_with(tmp_path, "provider", {"type": "Kubernetes"})), ENVIRON, 1000).settings.cluster
    assert bare
    assert ("envoy-gateway-system", "cluster.local", 15.0, 10.0, 2.0) == (
        bare.namespace,
        bare.dns_domain,
        bare.lease_duration,
        bare.renew_deadline,
        bare.retry_period,
    )


def test_a_cluster_or_folders(tmp_path: Path) -> None:
    """Objects come from one of the two."""
    config = _with(tmp_path, "provider", {"type": "Kubernetes"})
    with pytest.raises(Failure, match=r"from a cluster .* or from folders, not from both"):
        settings(Options((Path("/more"),), config))
