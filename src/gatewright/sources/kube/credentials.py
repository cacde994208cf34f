"""How the API server is reached, and who we are to it: kubeconfig files, or the ServiceAccount of our own Pod.

`kubernetes_asyncio` reads them (merged KUBECONFIG files, contexts, client certificates, exec plugins, OIDC, proxies) and nothing
else of it is used. What it says is good for a while: tokens of Pods are rotated, exec plugins give credentials that expire.
Then, and whenever the server answers 401, everything is read anew.
"""

import asyncio
import importlib
import os
import ssl
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in typeshed

from gatewright import log

TOKEN_SECONDS: Final = 60.0  # how long the token of a Pod is believed; its file is replaced well before it expires
SKEW_SECONDS: Final = 300.0  # how long before their end credentials of exec plugins are renewed
RETRY_SECONDS: Final = 5.0  # between attempts to renew what could not be renewed
SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_NAMESPACE: Final = "default"

_log = log.logger(__name__)


class Unconfigured(Exception):  # noqa: N818 - says what is so, like FileNotFoundError does not
    """There is no usable configuration of an API server; the message says what was tried."""


class Access(NamedTuple):
    """An API server, and what to show it."""

    url: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | bool
    server_name: str | None
    proxy: str | None
    namespace: str
    renew_at: float | None
    """When to read everything again, by the monotonic clock; None is not before the server refuses us."""


class Credentials:
    """The access that holds now."""

    def __init__(
        self, environ: Mapping[str, str], kubeconfig: str = "", context: str = "", service_account: Path = SERVICE_ACCOUNT
    ) -> None:
        """Take `kubeconfig` when it is given, else KUBECONFIG, else our Pod's ServiceAccount, else ~/.kube/config."""
        self._environ = environ
        self._kubeconfig = kubeconfig
        self._context = context
        self._service_account = service_account
        self._access: Access | None = None
        self._lock = asyncio.Lock()

    async def access(self, refused: Access | None = None) -> Access:
        """The access to use; `refused` is one that the server has just answered 401.

        Raises: Unconfigured, unless there is an access that may still do.
        """
        async with self._lock:
            held = self._access
            if held is not None and held is not refused and (held.renew_at is None or time.monotonic() < held.renew_at):
                return held
            try:
                self._access = await self._read()
            except Unconfigured as problem:
                if held is None:
                    raise
                _log.warning("credentials cannot be renewed", problem=str(problem))
                self._access = held._replace(renew_at=time.monotonic() + RETRY_SECONDS)
            return self._access

    async def _read(self) -> Access:
        # What reading can raise is nowhere said: the library's own error, those of YAML, of files, TLS and subprocesses.
        try:
            if not self._kubeconfig and not self._environ.get("KUBECONFIG") and self._environ.get("KUBERNETES_SERVICE_HOST"):
                return self._of_pod()
            return await self._of_kubeconfig()
        except Exception as error:
            raise Unconfigured(f"{type(error).__name__}: {error}") from error

    def _of_pod(self) -> Access:
        configuration = _configuration()
        folder = self._service_account
        loader = _library("config.incluster_config").InClusterConfigLoader(
            str(folder / "token"), str(folder / "ca.crt"), try_refresh_token=False, environ=dict(self._environ)
        )
        loader.load_and_set(configuration)
        named = folder / "namespace"
        namespace = named.read_text().strip() if named.exists() else DEFAULT_NAMESPACE
        return self._access_by(configuration, namespace, time.monotonic() + TOKEN_SECONDS)

    async def _of_kubeconfig(self) -> Access:
        configuration = _configuration()
        home = self._environ.get("HOME", "/")
        files = self._kubeconfig or self._environ.get("KUBECONFIG") or str(Path(home, ".kube", "config"))
        if not any(map(os.path.exists, files.split(os.pathsep))):
            raise FileNotFoundError(f"there is no kubeconfig at {files}")
        loader = await _library("config.kube_config").load_kube_config(
            files, self._context or None, configuration, persist_config=False
        )
        namespace = loader.current_context["context"].get("namespace") or DEFAULT_NAMESPACE
        expiry = getattr(loader, "exec_plugin_expiry", None)
        return self._access_by(configuration, namespace, _renewal(expiry))

    def _access_by(self, configuration: "_Configuration", namespace: str, renew_at: float | None) -> Access:
        token = configuration.api_key.get("BearerToken")
        url = configuration.host.rstrip("/")
        return Access(
            url=url,
            headers={"Authorization": token.strip()} if token else {},
            tls=_tls(configuration),
            server_name=configuration.tls_server_name,
            proxy=configuration.proxy or self._proxy(url),
            namespace=namespace,
            renew_at=renew_at,
        )

    def _proxy(self, url: str) -> str | None:
        """The proxy that the environment names for this server; aiohttp would look for it in a thread, at each request."""
        parts = urlsplit(url)
        named = {name.lower(): value for name, value in self._environ.items() if name.lower().endswith("_proxy") and value}
        bypassed = proxy_bypass_environment(parts.netloc, {"no": named.get("no_proxy", "")})
        return None if bypassed else named.get(f"{parts.scheme}_proxy")


def _library(module: str) -> Any:  # noqa: ANN401 - a module
    """A module of `kubernetes_asyncio`, imported when it is needed: that takes a second, and 40 MB for good."""
    return importlib.import_module(f"kubernetes_asyncio.{module}")


class _Configuration(Protocol):
    """What of the library's Configuration is read here."""

    host: str
    api_key: Mapping[str, str]
    ssl_ca_cert: str | None
    cert_file: str | None
    key_file: str | None
    verify_ssl: bool
    tls_server_name: str | None
    proxy: str | None


def _configuration() -> _Configuration:
    configuration: _Configuration = _library("client").Configuration()
    return configuration


def _tls(configuration: _Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # certificates of clusters often lack what newer Pythons ask for
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _renewal(expiry: datetime | None) -> float | None:
    if expiry is None:
        return None
    return time.monotonic() + max(RETRY_SECONDS, expiry.timestamp() - time.time() - SKEW_SECONDS)
