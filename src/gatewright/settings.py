"""What the operator chose, as one frozen value that `serve` makes and everything else is given.

Pure: the environment is an argument, the disk is not touched. The folders follow the XDG conventions. Several servers on one
machine do not meet, and the same command started again finds its own folder: the default one is named after what is served.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from gatewright.api.envoygateway import KubernetesWatchMode
from gatewright.api.envoyproxy import EnvoyProxySpec

CONTROLLER_NAME: Final = "gateway.envoyproxy.io/gatewayclass-controller"
SOCKET_DIR_BYTES: Final = 72  # a Unix socket's path has 107 bytes at most (sun_path); this leaves 34 for a name in the folder
ADMIN_SOCKET: Final = "admin.sock"

LogLevel = Literal["trace", "debug", "info", "warn", "error", "critical", "off"]
LogFormat = Literal["console", "json"]


class ListenAddress(msgspec.Struct, frozen=True):
    """Where one of our HTTP servers listens; a busy port that was `asked_for` is an error, a default one gives way."""

    host: str
    port: int
    asked_for: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ExtensionAPIs(msgspec.Struct, frozen=True):
    """Which extensions of the Gateway API are on. `serve DIR` has Backend on; an EnvoyGateway file says for itself."""

    backend: bool = True
    envoy_patch_policy: bool = False
    lua: bool = False
    sds_secret_ref: bool = False


class ClusterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Objects from a cluster and proxies in it. Without `kubeconfig`, the cluster is found as kubectl does, or is our Pod's own.

    `namespace` is that of the control plane, `identity` names this replica in the Lease. Seconds as in the Lease; without
    `elects`, this replica leads. `xds_port` is the one that the Service forwards to.
    """

    namespace: str
    identity: str
    kubeconfig: str = ""
    context: str = ""
    dns_domain: str = "cluster.local"
    shutdown_image: str = ""
    gateway_namespace_mode: bool = False
    watch: KubernetesWatchMode | None = None
    elects: bool = True
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0
    xds_host: str = "0.0.0.0"  # noqa: S104 - proxies come from everywhere in the cluster, and show who they are
    xds_port: int = 18000


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One server's settings. Folders are absolute; an address that is None is not served.

    `socket_dir` is where Unix sockets go: `state_dir`, or a shorter path when that is too long for a socket.
    `drain_seconds`: how long an Envoy that is told to stop waits for its connections to end.
    """

    paths: tuple[Path, ...]
    state_dir: Path
    socket_dir: Path
    controller_name: str = CONTROLLER_NAME
    status_dir: Path | None = None
    log_level: LogLevel = "info"
    log_format: LogFormat = "console"
    admin_address: ListenAddress | None = ListenAddress("127.0.0.1", 19000)
    metrics_address: ListenAddress | None = ListenAddress("127.0.0.1", 19001)
    health_address: ListenAddress | None = ListenAddress("127.0.0.1", 8081)
    extension_apis: ExtensionAPIs = ExtensionAPIs()
    envoy_proxy: EnvoyProxySpec | None = None
    envoy_path: Path | None = None
    drain_seconds: float = 10.0
    from_scratch: bool = False
    cluster: ClusterSettings | None = None

    @property
    def admin_socket(self) -> Path:
        """The Unix socket on which `gatewright status` asks."""
        return self.socket_dir / ADMIN_SOCKET


def state_root(environ: Mapping[str, str]) -> Path:
    """The folder of all servers' state folders of this user."""
    home = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or "/tmp") / ".local" / "state")  # noqa: S108 - no home at all
    return Path(home) / "gatewright"


def state_dir(root: Path, served: Iterable[Path], config: Path | None) -> Path:
    """The state folder of the server of these absolute paths: the same for the same command, another for any other."""
    identity = "\0".join([*sorted(str(path) for path in served), f"config={config or ''}"])
    return root / short_hash(identity)


def socket_dir(state: Path, environ: Mapping[str, str], uid: int) -> Path:
    """Where the sockets of the server with this state folder go: there, or where the path is short enough for sockets."""
    if _fits(state):
        return state
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    name = short_hash(str(state))
    if runtime and _fits(Path(runtime, "gatewright", name)):
        return Path(runtime, "gatewright", name)
    return Path(f"/tmp/gatewright-{uid}", name)  # noqa: S108 - made with mode 0700, its owner is checked


def short_hash(text: str) -> str:
    """Ten hex digits that stand for `text` in a folder's name."""
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


def _fits(folder: Path) -> bool:
    return len(str(folder).encode()) <= SOCKET_DIR_BYTES
