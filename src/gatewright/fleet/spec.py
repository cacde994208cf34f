"""What a host proxy should be: its settings, its place on disk, its command line.

A proxy of the fleet is one Envoy process. All that is known of a running one can be read back from its command line: which
proxy it is, which bootstrap it has (the file is named after its hash), where it stands in a chain of hot restarts. So there is no
pid file that could go stale: a restarted control plane finds its Envoys by their arguments and compares these with what it wants.
Nothing here touches the disk or a process.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:  # with the API's models Envoy's preStop hook would take a third longer; specs are not decoded
    from gatewright.api.envoyproxy import ProxyBootstrap

HIGHEST_BASE_ID: Final = 99_999_999  # Envoy appends ten times this to names of sockets, which must stay short
DEFAULT_COMPONENT_LOG_LEVELS: Final[Mapping[str, str]] = MappingProxyType({"misc": "error"})
# One JSON object a line: %j is the message escaped for JSON. https://www.envoyproxy.io/docs/envoy/latest/operations/cli
LOG_FORMAT: Final = '{"time":"%Y-%m-%dT%T.%e%z","level":"%l","logger":"%n","message":"%j"}'

_READABLE: Final = 48
_FREE_OPTIONS: Final = frozenset({"--log-level", "--component-log-level", "--base-id", "--restart-epoch"})


class Pipe(msgspec.Struct, frozen=True, tag=True):
    """A Unix socket; `mode` is its permission bits."""

    path: str
    mode: int = 0o600


class HostPort(msgspec.Struct, frozen=True, tag=True):
    """A TCP address; `ipv4_compat` lets `::` take IPv4 connections as well."""

    address: str
    port: int
    ipv4_compat: bool = False


class XdsCredentials(msgspec.Struct, frozen=True):
    """By what a proxy and its control plane know each other: paths of files that hold SDS answers, and are watched.

    `trusted_ca` says who may be the control plane; the proxy shows a client `certificate`, a bearer `token`, or both.
    """

    trusted_ca: str
    certificate: str | None = None
    token: str | None = None


class BootstrapSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What one Envoy is started with (conventions of Envoy Gateway); ports that are `None` are not listened on."""

    admin: Pipe | HostPort
    xds: Pipe | HostPort  # an address that is no IP address is a name, looked up again and again
    xds_credentials: XdsCredentials | None = None
    zone: str = ""
    stats: HostPort | None = None
    ready: HostPort | None = None
    max_downstream_connections: int = 50_000
    max_heap_bytes: int | None = None
    overrides: "ProxyBootstrap | None" = None


class ProxySpec(msgspec.Struct, frozen=True, kw_only=True):
    """A wanted proxy: `name` is the proxy key (`<namespace>/<gateway>` or a GatewayClass name); durations are seconds."""

    name: str
    log_level: str = "warn"
    component_log_levels: Mapping[str, str] = DEFAULT_COMPONENT_LOG_LEVELS
    concurrency: int | None = None
    drain_seconds: int = 60
    zone: str = ""
    stats: HostPort | None = None
    ready: HostPort | None = None
    max_downstream_connections: int = 50_000
    max_heap_bytes: int | None = None
    trusts_configuration: bool = True  # spares Envoy the search for unknown fields, a third of its time for large routes
    extra_arguments: tuple[str, ...] = ()
    bootstrap: "ProxyBootstrap | None" = None


class Phase(StrEnum):
    """Where a proxy is in its life."""

    STARTING = "Starting"  # the process runs, or is about to, and has not had its first configuration
    RUNNING = "Running"
    FAILED = "Failed"  # no process; it is tried again, ever less often
    DRAINING = "Draining"
    STOPPED = "Stopped"


class ProxyState(msgspec.Struct, frozen=True):
    """What became of a proxy; `message` is for people, `pid` is `None` while there is no process."""

    proxy: str
    phase: Phase
    message: str = ""
    pid: int | None = None


class ProxyFiles(msgspec.Struct, frozen=True):
    """The files of one proxy: logs and bootstraps in `directory`, sockets in `sockets`, where names must be short."""

    directory: Path
    sockets: Path
    digest: str

    @property
    def admin_socket(self) -> Path:
        """Envoy's admin interface."""
        return self.sockets / f"{self.digest}.admin.sock"

    @property
    def hot_restart_socket(self) -> Path:
        """Beginning of the names of the sockets by which two epochs talk; Envoy appends up to 21 bytes."""
        return self.sockets / self.digest

    @property
    def log(self) -> Path:
        """Envoy's own log (stderr), one JSON object a line."""
        return self.directory / "envoy.log"

    @property
    def access_log(self) -> Path:
        """Envoy's stdout, where access logs go unless configured otherwise."""
        return self.directory / "access.log"

    def bootstrap(self, content: bytes) -> Path:
        """File for a bootstrap of this content: another content is another path, so the command line tells them apart."""
        return self.directory / f"bootstrap-{hashlib.blake2b(content, digest_size=6).hexdigest()}.json"


class StateLayout(msgspec.Struct, frozen=True):
    """The state directory of a control plane, and the directory of its Unix sockets; both absolute, often the same."""

    root: Path
    sockets: Path

    @property
    def lock(self) -> Path:
        """Held by the control plane that owns the directory; contains its pid."""
        return self.root / "lock"

    @property
    def xds_socket(self) -> Path:
        """Where the control plane serves ADS to its host proxies."""
        return self.sockets / "xds.sock"

    @property
    def proxies(self) -> Path:
        """Parent of the proxies' directories."""
        return self.root / "proxies"

    def proxy(self, name: str) -> ProxyFiles:
        """Files of the proxy with this key."""
        return ProxyFiles(self.proxies / slug(name), self.sockets, digest(name))


def slug(name: str) -> str:
    """File-system-safe, unique name for a proxy key: `default/eg` is `default-eg-` and its digest, as in a Deployment's name."""
    readable = re.sub(r"[^A-Za-z0-9.-]", "-", name)[:_READABLE].strip("-.")
    return f"{readable}-{digest(name)}" if readable else digest(name)


def digest(name: str) -> str:
    """Eight hex digits that stand for a proxy key."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def bootstrap_spec(spec: ProxySpec, state: StateLayout) -> BootstrapSpec:
    """Bootstrap of a proxy that runs on this machine: admin and ADS over Unix sockets."""
    return BootstrapSpec(
        admin=Pipe(str(state.proxy(spec.name).admin_socket)),
        xds=Pipe(str(state.xds_socket)),
        zone=spec.zone,
        stats=spec.stats,
        ready=spec.ready,
        max_downstream_connections=spec.max_downstream_connections,
        max_heap_bytes=spec.max_heap_bytes,
        overrides=spec.bootstrap,
    )


def command(envoy: Path, spec: ProxySpec, files: ProxyFiles, config: Path, base_id: int, epoch: int) -> tuple[str, ...]:
    """Command line of one Envoy; `base_id` is shared by the epochs of one chain of hot restarts.

    https://www.envoyproxy.io/docs/envoy/latest/operations/cli
    """
    levels = component_log_levels(spec)
    return (
        *(str(envoy), "--config-path", str(config)),
        *("--service-cluster", spec.name, "--service-node", slug(spec.name)),
        *("--base-id", str(base_id), "--restart-epoch", str(epoch), "--socket-path", str(files.hot_restart_socket)),
        *("--log-level", spec.log_level, "--log-format", LOG_FORMAT),
        *(("--component-log-level", levels) if levels else ()),
        *("--drain-strategy", "immediate", "--drain-time-s", str(spec.drain_seconds)),
        *("--parent-shutdown-time-s", str(parent_shutdown_seconds(spec.drain_seconds))),
        *(("--concurrency", str(spec.concurrency)) if spec.concurrency else ()),
        *(("--ignore-unknown-dynamic-fields",) if spec.trusts_configuration else ()),
        *spec.extra_arguments,
    )


def parent_shutdown_seconds(drain_seconds: int) -> int:
    """How long a replaced epoch may go on; longer than it drains, as Envoy demands."""
    return drain_seconds + 2


def option(arguments: Sequence[str], name: str) -> str | None:
    """Value of option `name` on a command line made by `command`."""
    return next((value for flag, value in pairwise(arguments) if flag == name), None)


def epoch_of(arguments: Sequence[str]) -> int:
    """How many hot restarts lie before this Envoy."""
    return int(option(arguments, "--restart-epoch") or 0)


def base_id_of(arguments: Sequence[str]) -> int:
    """The base id that this Envoy shares with its successors."""
    return int(option(arguments, "--base-id") or 0)


def drain_seconds_of(arguments: Sequence[str]) -> int:
    """How long this Envoy lets requests finish."""
    return int(option(arguments, "--drain-time-s") or 0)


def fixed(arguments: Sequence[str]) -> tuple[str, ...]:
    """The part of a command line that only another process can change: no log levels, base id or epoch."""
    pairs = pairwise(("", *arguments))
    return tuple(argument for before, argument in pairs if not {before, argument} & _FREE_OPTIONS)


def component_log_levels(spec: ProxySpec) -> str:
    """The wanted levels of components as Envoy reads them, `misc:error,upstream:debug`."""
    # While no control plane answers, component `config` warns several times a second; refusals reach us through ADS anyway.
    quiet = {"config": "error"} if spec.log_level == "warn" else {}
    return ",".join(f"{component}:{level}" for component, level in sorted({**quiet, **spec.component_log_levels}.items()))
