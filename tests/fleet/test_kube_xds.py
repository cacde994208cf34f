"""Envoy and its control plane in a cluster: mutual TLS and token, and that both can be renewed while they talk."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import msgspec
from cryptography import x509
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from gatewright.fleet.bootstrap import bootstrap
from gatewright.fleet.certificates import (
    AUTHORITY_LIFE,
    OVERLAP,
    PROXY,
    SERVER,
    Certificates,
    cluster_subjects,
    renewed,
)
from gatewright.fleet.kube.objects import CONFIG_MAP, managed_objects
from gatewright.fleet.kube.secrets import Trust
from gatewright.fleet.kube.xds_tls import server_credentials
from gatewright.fleet.spec import BootstrapSpec, HostPort, Pipe, XdsCredentials
from tests.fleet.kube_cases import INSTALLATION, workload
from tests.support.ports import free_port

SHORT_CONNECTIONS = (("grpc.max_connection_age_ms", 300), ("grpc.max_connection_age_grace_ms", 1))
SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"


class Mounted:
    """A folder of files that are changed as a kubelet changes them: all at once, by renaming a link."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._round = 0
        folder.mkdir(parents=True)

    def write(self, files: dict[str, str]) -> None:
        self._round += 1
        content = self.folder / f"..round-{self._round}"
        content.mkdir()
        for name, text in files.items():
            (content / name).write_text(text)
        link = self.folder / "..data_tmp"
        link.symlink_to(content.name)
        link.rename(self.folder / "..data")
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")


class Plane:
    """An xDS server that has nothing to give, and notes who asks: the serial number of the certificate, and the token."""

    def __init__(self, certificates: Certificates) -> None:
        self.certificates = self.before = certificates
        self.callers: asyncio.Queue[tuple[int, str]] = asyncio.Queue()

    def trust(self) -> Trust:
        return Trust(self.certificates.leaves[SERVER], self.certificates.authority.trusted)

    async def serve(
        self,
        requests: AsyncIterator[DeltaDiscoveryRequest],
        context: grpc.aio.ServicerContext[DeltaDiscoveryRequest, DeltaDiscoveryResponse],
    ) -> None:
        found = x509.load_pem_x509_certificate(next(iter(context.auth_context()["x509_pem_cert"])))
        token = dict(context.invocation_metadata() or ())["authorization"]
        await self.callers.put((found.serial_number, str(token)))
        async for request in requests:
            if not request.response_nonce:
                await context.write(DeltaDiscoveryResponse(type_url=request.type_url, nonce="1", system_version_info="1"))


@asynccontextmanager
async def serving(plane: Plane, port: int) -> AsyncIterator[None]:
    server = grpc.aio.server(options=SHORT_CONNECTIONS)
    handler = grpc.stream_stream_rpc_method_handler(
        plane.serve, DeltaDiscoveryRequest.FromString, DeltaDiscoveryResponse.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"DeltaAggregatedResources": handler}),))
    server.add_secure_port(f"127.0.0.1:{port}", server_credentials(plane.trust, client_certificates=True))
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)


@asynccontextmanager
async def running(envoy: Path, config: Path) -> AsyncIterator[None]:
    arguments = (
        "-c",
        config,
        "--service-cluster",
        "default/eg",
        "--service-node",
        "pod-1",
        "--use-dynamic-base-id",
        "-l",
        "error",
    )
    process = await asyncio.create_subprocess_exec(envoy, *arguments, "--concurrency", "1")
    try:
        yield
    finally:
        process.kill()
        await process.wait()


def files(certificates: Certificates) -> dict[str, str]:
    """What a proxy's Pod has mounted of its Secret."""
    pair = certificates.leaves[PROXY]
    return {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": certificates.authority.trusted}


def serial(certificates: Certificates) -> int:
    return x509.load_pem_x509_certificate(certificates.leaves[PROXY].certificate.encode()).serial_number


def config_map() -> dict[str, str]:
    """The SDS files that a proxy's Pod has, as the fleet writes them."""
    (found,) = [each.document for each in managed_objects(workload(), INSTALLATION) if each.key.kind == CONFIG_MAP]
    assert found is not None
    data: dict[str, str] = found["data"]
    return data


@contextmanager
def pod(folder: Path, port: int) -> Iterator[tuple[Path, Mounted, Mounted]]:
    """The files of a Pod in `folder`: its bootstrap, its certificates, its token."""
    certs, token, sds = Mounted(folder / "certs"), Mounted(folder / "token"), Mounted(folder / "sds")
    sds.write(
        {
            name: text.replace("/certs/", f"{certs.folder}/").replace("/var/run/secrets/token/", f"{token.folder}/")
            for name, text in config_map().items()
        }
    )
    credentials = XdsCredentials(
        trusted_ca=f"{sds.folder}/xds-trusted-ca.json",
        certificate=f"{sds.folder}/xds-certificate.json",
        token=f"{sds.folder}/xds_service_account_token.json",
    )
    spec = BootstrapSpec(admin=Pipe(str(folder / "admin.sock")), xds=HostPort("127.0.0.1", port), xds_credentials=credentials)
    config = folder / "bootstrap.json"
    config.write_bytes(bootstrap(spec))
    yield config, certs, token
    shutil.rmtree(folder)


def test_certificates_and_tokens_are_renewed_while_they_are_used(envoy: Path, state_dir: Path) -> None:
    """A renewed token, a renewed certificate, at last a new authority: after each, the next connection is made with it."""
    now = datetime.now(UTC)
    subjects = cluster_subjects("infra")
    old = renewed(None, subjects, now - AUTHORITY_LIFE * 2 / 3 - timedelta(days=1))  # the authority is due since yesterday
    first = renewed(old, subjects, now - timedelta(days=3))
    again = msgspec.structs.replace(first, leaves=renewed(old, subjects, now - timedelta(days=2)).leaves)
    announced = renewed(again, subjects, now - OVERLAP)
    signing = renewed(announced, subjects, now)
    assert announced.authority.following == signing.authority.current

    async def scenario() -> None:
        plane, port = Plane(first), free_port()
        with pod(state_dir / "pod", port) as (config, certs, token):
            certs.write(files(first))
            token.write({"sa-token": "token-1"})
            async with serving(plane, port), running(envoy, config), asyncio.timeout(40):
                assert (serial(first), "token-1") == await plane.callers.get()
                token.write({"sa-token": "token-2"})
                await _until(plane, (serial(first), "token-2"))
                for step in (again, announced, signing):
                    plane.certificates = step  # the control plane is first
                    await _until(plane, (serial(plane.before), "token-2"))
                    certs.write(files(step))
                    await _until(plane, (serial(step), "token-2"))
                    plane.before = step

    asyncio.run(scenario())


async def _until(plane: Plane, expected: tuple[int, str]) -> None:
    """Wait until the proxy comes back as `expected`: the server ends every connection after a moment."""
    while await plane.callers.get() != expected:
        pass


def test_the_files_say_whom_to_trust() -> None:
    """The control plane's certificate must be of the authority, and for its name."""
    answer: dict[str, Any] = json.loads(config_map()["xds-trusted-ca.json"])

    assert [{"san_type": "DNS", "matcher": {"exact": "envoy-gateway"}}] == answer["resources"][0]["validation_context"][
        "match_typed_subject_alt_names"
    ]
