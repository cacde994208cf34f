"""From the command line and an EnvoyGateway file to `Settings`.

An option on the command line wins over the file, the file over the defaults. What the file asks for and this version cannot do is
never passed over in silence: `REFUSED` ends the start, `IGNORED` is a warning, and both name the field.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from gatewright import settings as defaults
from gatewright.api.admission import Refused, admit
from gatewright.api.envoygateway import EnvoyGateway
from gatewright.api.kinds import CONFIGURATION_KINDS
from gatewright.cli.cluster_settings import cluster_settings, own_folder
from gatewright.cli.program import Failure
from gatewright.settings import ExtensionAPIs, ListenAddress, LogFormat, LogLevel, Settings
from gatewright.sources.documents import Document, documents
from gatewright.sources.plain_yaml import PlainYaml

OFF: Final = ListenAddress("off", 0)


class Options(NamedTuple):
    """The options of `gatewright serve`; None: not given. An address may be `OFF`."""

    directories: Sequence[Path] = ()
    config: Path | None = None
    controller_name: str | None = None
    state_dir: Path | None = None
    status_dir: Path | None = None
    log_level: LogLevel | None = None
    log_format: LogFormat | None = None
    admin_address: ListenAddress | None = None
    metrics_address: ListenAddress | None = None
    health_address: ListenAddress | None = None
    envoy_path: Path | None = None
    drain_seconds: float | None = None
    from_scratch: bool = False
    kubeconfig: Path | None = None
    context: str | None = None


class Configured(NamedTuple):
    """The settings, and what of the configuration file is not acted upon."""

    settings: Settings
    warnings: tuple[str, ...] = ()


class Field(NamedTuple):
    """A field of EnvoyGateway, when it is in use, and what to tell the user then."""

    path: str
    used: Callable[[EnvoyGateway], object]
    advice: str


REFUSED: Final = (
    Field("provider.custom.resource.type", lambda file: _resource_type(file) != "File", "only File is there yet"),
    Field("provider.custom.resource.file.paths", lambda file: not _file_paths(file), "name at least one file or folder"),
    Field(
        "provider.custom.infrastructure.type", lambda file: _infrastructure(file) == "Remote", "Remote is not there yet: use Host"
    ),
)
IGNORED: Final = (
    Field("provider.kubernetes", lambda file: file.provider.kubernetes and file.provider.custom, "it is for type Kubernetes"),
    Field(
        "provider.kubernetes.client",
        lambda file: file.provider.kubernetes and file.provider.kubernetes.client,
        "requests are not limited",
    ),
    Field("provider.custom.infrastructure", lambda file: _infrastructure(file) is None, "not set: Envoys run on this host"),
    Field("provider.custom.infrastructure.host.configHome", lambda file: _host(file, "config_home"), "nothing is kept there"),
    Field("provider.custom.infrastructure.host.dataHome", lambda file: _host(file, "data_home"), "nothing is kept there"),
    Field("logging.level", lambda file: set(file.logging.level) - {"default"}, "only the level of 'default' is used"),
    Field("admin.enablePprof", lambda file: file.admin.enable_pprof, "there is no pprof in Python"),
    Field("telemetry.metrics.sinks", lambda file: file.telemetry.metrics.sinks, "metrics are offered to Prometheus only"),
    Field("telemetry.traces", lambda file: file.telemetry.traces, "the control plane is not traced"),
    Field("xdsServer", lambda file: file.xds_server != type(file.xds_server)(), "xDS is served on a private Unix socket"),
    Field("gatewayAPI.enabled", lambda file: file.gateway_api.enabled, "this kind is not there yet"),
    Field("runtimeFlags", lambda file: file.runtime_flags != type(file.runtime_flags)(), "there are no such flags here"),
    Field("rateLimit", lambda file: file.rate_limit, "global rate limits are not there yet"),
    Field("extensionManager", lambda file: file.extension_manager, "extension servers are not there yet"),
    Field("extensionManagers", lambda file: file.extension_managers, "extension servers are not there yet"),
)


def configure(options: Options, environ: Mapping[str, str], uid: int) -> Configured:
    """The settings that the options, the file they name and the environment amount to.

    Raises: Failure when the file cannot be read, is invalid, or asks for what this version cannot do.
    """
    if options.config is None:
        return Configured(_settings(options, None, {}, environ, uid))
    read = _document(options.config)
    file, document = _envoy_gateway(read, options.config), read.value or {}
    if refused := list(_objections(REFUSED, file)):
        raise Failure(f"{options.config}: {'; '.join(refused)}")
    return Configured(_settings(options, file, document, environ, uid), tuple(_objections(IGNORED, file)))


def _settings(
    options: Options, file: EnvoyGateway | None, document: Mapping[str, Any], environ: Mapping[str, str], uid: int
) -> Settings:
    named = (*(map(Path, _file_paths(file)) if file else ()), *options.directories)
    paths = tuple(dict.fromkeys(_absolute(path) for path in named))
    root = Path((_host(file, "state_home") if file else None) or defaults.state_root(environ))
    config = _absolute(options.config) if options.config else None
    state = _absolute(options.state_dir or defaults.state_dir(root, paths, config))
    values = _of_file(file, document) if file else {}
    values |= _of_options(options)
    values["cluster"] = cluster_settings(file, environ, options.kubeconfig, options.context) if file else None
    if values["cluster"] is not None:
        if options.directories:
            raise Failure("objects come from a cluster (provider.type: Kubernetes) or from folders, not from both")
        state = own_folder(state, uid)
    return Settings(paths=paths, state_dir=state, socket_dir=_socket_dir(file, state, environ, uid), **values)


def _of_file(file: EnvoyGateway, document: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a file makes. A port that it names is asked for; one it leaves to the default is not."""
    admin, apis = file.admin.address, file.extension_apis
    values: dict[str, Any] = {
        "controller_name": file.gateway.controller_name,
        "log_level": file.logging.level.get("default", "info"),
        "log_format": "json" if file.logging.encoder == "JSON" else "console",
        "admin_address": ListenAddress(admin.host, admin.port, asked_for="port" in _at(document, "admin", "address")),
        "extension_apis": ExtensionAPIs(
            backend=apis.enable_backend,
            envoy_patch_policy=apis.enable_envoy_patch_policy,
            lua=bool(apis.enable_lua),
            sds_secret_ref=apis.enable_sds_secret_ref,
        ),
        "envoy_proxy": file.envoy_proxy,
    }
    return values | ({"metrics_address": None} if file.telemetry.metrics.prometheus.disable else {})


def _of_options(options: Options) -> dict[str, Any]:
    """The settings that the command line makes."""
    addresses = {name: getattr(options, name) for name in ("admin_address", "metrics_address", "health_address")}
    values: dict[str, Any] = {
        "controller_name": options.controller_name,
        "status_dir": options.status_dir and _absolute(options.status_dir),
        "log_level": options.log_level,
        "log_format": options.log_format,
        "envoy_path": options.envoy_path and _absolute(options.envoy_path),
        "drain_seconds": options.drain_seconds,
        "from_scratch": options.from_scratch or None,
        **addresses,
    }
    given = {name: value for name, value in values.items() if value is not None}
    return given | {name: None for name, address in addresses.items() if address == OFF}


def _socket_dir(file: EnvoyGateway | None, state: Path, environ: Mapping[str, str], uid: int) -> Path:
    """Where sockets go: below the file's runtimeDir if it names one.

    Raises: Failure when that is too long for a socket.
    """
    runtime = _host(file, "runtime_dir") if file else None
    if runtime is None:
        return defaults.socket_dir(state, environ, uid)
    folder = _absolute(Path(runtime)) / defaults.short_hash(str(state))
    if len(str(folder).encode()) > defaults.SOCKET_DIR_BYTES:
        limit = defaults.SOCKET_DIR_BYTES - len(f"/{folder.name}")
        raise Failure(f"provider.custom.infrastructure.host.runtimeDir is too long for Unix sockets: at most {limit} bytes")
    return folder


def _document(path: Path) -> Document:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from error
    found = next(documents(text, PlainYaml()), None)
    if found is None or (found.value is not None and found.value.get("kind") != "EnvoyGateway"):
        raise Failure(f"{path}: kind: must be EnvoyGateway")
    if found.fault is not None:
        raise Failure(f"{path}:{found.fault.line}: {found.fault.message}")
    return found


def _envoy_gateway(document: Document, path: Path) -> EnvoyGateway:
    verdict = admit(document.value or {}, known=CONFIGURATION_KINDS)
    if isinstance(verdict, Refused):
        raise Failure("; ".join(f"{path}:{document.line_of(problem.path)}: {problem}" for problem in verdict.problems))
    if not isinstance(verdict.object, EnvoyGateway):
        raise Failure(f"{path}: kind: must be EnvoyGateway")
    return verdict.object


def _objections(fields: Sequence[Field], file: EnvoyGateway) -> Iterator[str]:
    """What to tell about the fields in use; a missing provider makes those below it pointless."""
    for field in fields:
        if field.path.startswith("provider.custom.") and file.provider.custom is None:
            continue
        if field.used(file):
            yield f"{field.path}: {field.advice}"


def _file_paths(file: EnvoyGateway) -> tuple[str, ...]:
    custom = file.provider.custom
    return custom.resource.file.paths if custom and custom.resource.file else ()


def _resource_type(file: EnvoyGateway) -> str | None:
    return file.provider.custom.resource.type if file.provider.custom else None


def _infrastructure(file: EnvoyGateway) -> str | None:
    custom = file.provider.custom
    return custom.infrastructure.type if custom and custom.infrastructure else None


def _host(file: EnvoyGateway, folder: str) -> str | None:
    custom = file.provider.custom
    host = custom.infrastructure.host if custom and custom.infrastructure else None
    found: str | None = getattr(host, folder, None)
    return found


def _at(document: Mapping[str, Any], *fields: str) -> Mapping[str, Any]:
    for field in fields:
        document = document.get(field) or {}
    return document


def _absolute(path: Path) -> Path:
    """Absolute and without `..`, links kept: a ConfigMap's folder is a link that moves."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute leaves `..` in, Path.resolve follows links
