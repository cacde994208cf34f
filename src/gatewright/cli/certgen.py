"""`gatewright certgen`: the certificates by which control plane and proxies know each other, as Secrets or as files.

An installation makes and renews them by itself; this is for those who want them made beforehand, or anew. What is there and good
stays as it is.
"""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click

from gatewright.cli.manifests import NAMESPACE
from gatewright.cli.program import Failure

if TYPE_CHECKING:
    from gatewright.fleet.certificates import Certificates

AUTHORITY: Final = "gatewright-ca"
HMAC: Final = "envoy-oidc-hmac"
EXAMPLES: Final = """\
[bold]Examples[/]

  gatewright certgen                               [dim]Secrets in envoy-gateway-system, as far as they are missing or due[/]

  gatewright certgen --overwrite                   [dim]everything anew: proxies are cut off until they have read it[/]

  gatewright certgen --local --config-home ./conf  [dim]files in ./conf/certs[/]
"""


@click.command(epilog=EXAMPLES)
@click.option("-l", "--local", is_flag=True, help="Write files, for proxies on this machine.")
@click.option("--config-home", type=click.Path(path_type=Path, file_okay=False), help="Where files go, below certs/.")
@click.option("-o", "--overwrite", is_flag=True, help="Make everything anew, also what others have made.")
@click.option("-n", "--namespace", default=NAMESPACE, show_default=True, help="Namespace of the control plane.")
@click.option("--cluster-domain", default="cluster.local", show_default=True, help="DNS domain of the cluster.")
@click.option("--kubeconfig", default="", help="How the cluster is reached (default: as kubectl does, or from within a Pod).")
@click.option("--context", default="", help="Context of the kubeconfig.")
@click.option(
    "--disable-topology-injector", is_flag=True, hidden=True, help="Taken for the sake of scripts; there is no injector."
)
def certgen(  # noqa: PLR0913 - one argument an option
    *,
    local: bool,
    config_home: Path | None,
    overwrite: bool,
    namespace: str,
    cluster_domain: str,
    kubeconfig: str,
    context: str,
    disable_topology_injector: bool,
) -> None:
    """Make the certificates of an installation."""
    del disable_topology_injector
    if local:
        write_files(_config_home(config_home) / "certs", overwrite=overwrite)
    else:
        asyncio.run(_write_secrets(namespace, cluster_domain, kubeconfig, context, overwrite=overwrite))


def _config_home(chosen: Path | None) -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return chosen or Path(base, "gatewright")


def write_files(folder: Path, *, overwrite: bool) -> None:
    """Make what is missing in `folder`, and renew what is due. Raises: Failure."""
    from gatewright.fleet.certificates import hmac_key, local_subjects, renewed

    subjects = local_subjects()
    found = None if overwrite else _read(folder, list(subjects))
    made = renewed(found, subjects, datetime.now(UTC))
    files = {f"{AUTHORITY}/tls.crt": made.authority.current.certificate, f"{AUTHORITY}/tls.key": made.authority.current.key}
    for name, pair in made.leaves.items():
        files |= {f"{name}/tls.crt": pair.certificate, f"{name}/tls.key": pair.key, f"{name}/ca.crt": made.authority.trusted}
    try:
        for name, text in files.items():
            _write(folder / name, text.encode())
        if overwrite or not (folder / HMAC / "hmac-secret").exists():
            _write(folder / HMAC / "hmac-secret", hmac_key())
    except OSError as error:
        raise Failure(f"cannot write {error.filename}: {error.strerror}") from error
    click.echo(f"certificates are in {folder}")


def _read(folder: Path, names: list[str]) -> "Certificates | None":
    from gatewright.fleet.certificates import Authority, Certificates, Pair

    def pair(name: str) -> Pair | None:
        try:
            return Pair((folder / name / "tls.crt").read_text(), (folder / name / "tls.key").read_text())
        except (OSError, ValueError):
            return None

    authority = pair(AUTHORITY)
    leaves = {name: found for name in names if (found := pair(name))}
    return Certificates(Authority(authority), leaves) if authority else None


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and for this user only; a file that is as it should be is not touched."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.read_bytes() == content:
        return
    beside = path.with_name(f".{path.name}.new")
    beside.touch(mode=0o600)
    beside.write_bytes(content)
    beside.replace(path)


async def _write_secrets(namespace: str, domain: str, kubeconfig: str, context: str, *, overwrite: bool) -> None:
    from gatewright.apiserver import Api, ApiProblem
    from gatewright.fleet.kube.secrets import CertificateSecrets
    from gatewright.sources.kube.client import Client
    from gatewright.sources.kube.credentials import Credentials

    async with Client(Credentials(os.environ, kubeconfig, context)) as client:
        certificates = CertificateSecrets(Api(client), namespace, domain)
        try:
            await certificates.settle(datetime.now(UTC), overwrite=overwrite)
        except ApiProblem as problem:
            raise Failure(f"cannot write the Secrets: {problem}") from problem
    click.echo(f"certificates are in Secrets of namespace {namespace}")
