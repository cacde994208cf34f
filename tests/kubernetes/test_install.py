"""An installation in a real cluster: what `gatewright install` prints is taken, and its rights are enough, and no more."""

import asyncio
import base64
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
import yaml

from gatewright.api.kinds import KINDS
from gatewright.api.meta import NamespacedName
from gatewright.apiserver import Api, ApiProblem
from gatewright.cli.manifests import Installation, Mode, manifests
from gatewright.fleet.kube.fleet import KubernetesFleet
from gatewright.fleet.kube.identity import TokenReviews
from gatewright.fleet.kube.observed import FleetState
from gatewright.fleet.kube.secrets import CertificateSecrets
from gatewright.fleet.kube.workload import Installation as Fleet
from gatewright.fleet.spec import Phase
from gatewright.sources.kube import discovery
from gatewright.sources.kube.client import Client
from gatewright.sources.kube.credentials import Credentials
from gatewright.sources.kube.resource import Resource
from gatewright.writers.events import Events, Regarding, Said
from gatewright.writers.lease import NAME as LEASE
from gatewright.writers.refusals import OthersRefusals, OwnRefusals, Refusal
from tests.kubernetes.bed import Bed
from tests.kubernetes.cluster import Objects
from tests.kubernetes.test_fleet import PROXY, workload

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Client]]
APPLY = "application/apply-patch+yaml"


@pytest.fixture
def as_installed(bed: Bed, namespace: str, tmp_path: Path) -> Iterator[Callable[[Mode], AbstractAsyncContextManager[Client]]]:
    """Installs in this mode, without starting the control plane, and connects with its rights."""
    applied: list[dict[str, Any]] = []

    @asynccontextmanager
    async def connected(mode: Mode) -> AsyncIterator[Client]:
        chosen = Installation(namespace=namespace, mode=mode, image="none/gatewright:1", gateway_class=namespace)
        async with Client(Credentials({}, str(bed.kubeconfig))) as admin:
            for document in manifests(chosen):
                await _apply(admin, document)
                applied.append(document)
            path = f"/api/v1/namespaces/{namespace}/serviceaccounts/gatewright/token"
            token = (await Objects(admin).ask("POST", path, {"spec": {}}))["status"]["token"]
        config = yaml.safe_load(bed.kubeconfig.read_text())
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
        own = tmp_path / "kubeconfig"
        own.write_text(yaml.safe_dump(config))
        async with Client(Credentials({}, str(own))) as client:
            yield client

    yield connected
    cluster_wide = [
        each for each in applied if "namespace" not in each["metadata"] and each["kind"] != "CustomResourceDefinition"
    ]
    asyncio.run(_remove(bed, cluster_wide))


async def _apply(client: Client, document: dict[str, Any]) -> None:
    path = f"{_list_path(document)}/{document['metadata']['name']}"
    query = {"fieldManager": "kubectl", "force": "true", "fieldValidation": "Strict"}
    answer = await client.request("PATCH", path, query=query, body=msgspec.json.encode(document), content_type=APPLY)
    assert answer.status in {200, 201}, (path, answer.body)


def _list_path(document: dict[str, Any]) -> str:
    root = f"/apis/{document['apiVersion']}" if "/" in document["apiVersion"] else f"/api/{document['apiVersion']}"
    place = f"/namespaces/{document['metadata']['namespace']}" if "namespace" in document["metadata"] else ""
    kind = document["kind"].lower()
    return f"{root}{place}/{kind}es" if kind.endswith("ss") else f"{root}{place}/{kind}s"


async def _remove(bed: Bed, documents: list[dict[str, Any]]) -> None:
    async with Client(Credentials({}, str(bed.kubeconfig))) as admin:
        for document in documents:
            await admin.request("DELETE", f"{_list_path(document)}/{document['metadata']['name']}")


@pytest.mark.parametrize("mode", ["ControllerNamespace", "GatewayNamespace"])
def test_its_rights_are_enough(
    as_installed: Callable[[Mode], AbstractAsyncContextManager[Client]], connect: Connect, namespace: str, mode: Mode
) -> None:
    """To read every kind, to make and remove proxies, to keep certificates and the Lease, to ask whose a token is."""

    async def scenario() -> None:
        async with as_installed(mode) as client, connect() as admin:
            gateways = namespace
            if mode == "GatewayNamespace":
                gateways = f"{namespace}-gateways"
                await Objects(admin).namespace(gateways)
            served = await discovery.served(admin, KINDS)
            found = [each for kind in KINDS if isinstance(each := discovery.verdict(kind, served), Resource)]
            paths = [each.list_path() for each in found]
            assert {"HTTPRoute", "Gateway", "Backend", "Secret"} <= {each.kind.name for each in found}
            questions = [(path, query) for path in paths for query in ({}, {"watch": "1", "timeoutSeconds": "1"})]
            answers = await asyncio.gather(*(_asked(client, *question) for question in questions))
            assert dict.fromkeys(range(len(questions)), 200) == dict(enumerate(answers)), questions
            api = Api(client)
            trust = await CertificateSecrets(api, namespace).settle(datetime.now(UTC))
            assert trust == await CertificateSecrets(api, namespace).settle(datetime.now(UTC))
            assert await TokenReviews(api, "anyone").identify("no token", 0) is None
            leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
            lease = await api.create(leases, {"metadata": {"name": LEASE}, "spec": {}})
            await api.replace(f"{leases}/{LEASE}", lease)
            await _replicas_talk(client, namespace)
            await _events_are_made(client, admin, namespace)
            await _proxy_comes_and_goes(api, namespace, gateways, mode)

    asyncio.run(scenario())


async def _replicas_talk(client: Client, namespace: str) -> None:
    """One tells what its proxies refuse, and another hears it, until it is over."""
    heard: list[set[str]] = []
    own = OwnRefusals(client, namespace, "One")
    others = OthersRefusals(client, namespace, "two", lambda found: heard.append({each.message for each in found.values()}))
    refusal = Refusal("default/web", "type", "listener", "version", "no", accepted=False)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(own.run()), group.create_task(others.run())]
        own.note(refusal.of, refusal)
        async with asyncio.timeout(20):
            while heard != [{"no"}]:  # noqa: ASYNC110 - others decide
                await asyncio.sleep(0.05)
            own.note(refusal.of, None)
            while heard != [{"no"}, set()]:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()


async def _events_are_made(client: Client, admin: Client, namespace: str) -> None:
    about = Regarding("v1", "ConfigMap", NamespacedName(namespace, "any"))
    events = Events(client, "example.com/c", "one")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(events.run())
        events.say(Said(about, "Warning", "Accept", "Invalid", "why"))
        path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        async with asyncio.timeout(20):
            while "why" not in str(await Objects(admin).ask("GET", path)):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
        task.cancel()


async def _asked(client: Client, path: str, query: dict[str, str]) -> int:
    """The status of an answer, once the server is done with the definitions that were just applied."""
    async with asyncio.timeout(20):
        while (answer := await client.request("GET", path, query=query)).status in {404, 429}:  # noqa: ASYNC110 - others decide
            await asyncio.sleep(0.2)
    return answer.status


async def _proxy_comes_and_goes(api: Api, namespace: str, gateways: str, mode: Mode) -> None:
    states: dict[str, FleetState | None] = {}
    of = Fleet(
        namespace=namespace,
        controller_name="c",
        shutdown_image="none/gatewright:1",
        gateway_namespace_mode=mode == "GatewayNamespace",
        trusted_ca="PEM",
    )
    fleet = KubernetesFleet(api, of, states.__setitem__)
    wanted = workload()
    if wanted.gateway is not None:
        wanted = msgspec.structs.replace(wanted, gateway=wanted.gateway._replace(namespace=gateways))
    task = asyncio.create_task(fleet.run())
    try:
        fleet.apply({PROXY: wanted})
        async with asyncio.timeout(30):
            while (state := states.get(PROXY)) is None or state.phase is not Phase.RUNNING:  # noqa: ASYNC110 - others decide
                await asyncio.sleep(0.05)
        fleet.apply({})
        async with asyncio.timeout(30):
            while states[PROXY] is not None:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_its_rights_are_no_more(
    as_installed: Callable[[Mode], AbstractAsyncContextManager[Client]], connect: Connect, namespace: str
) -> None:
    """It cannot write users' objects, other Secrets, or anything in another namespace."""

    async def scenario() -> None:
        async with as_installed("ControllerNamespace") as client, connect() as admin:
            other = f"{namespace}-other"
            await Objects(admin).namespace(other)
            secret = {"metadata": {"name": "mine"}, "data": {"a": base64.b64encode(b"b").decode()}}
            await Objects(admin).ask("POST", f"/api/v1/namespaces/{namespace}/secrets", secret)
            api = Api(client)
            core, routes = "/api/v1/namespaces", f"/apis/gateway.networking.k8s.io/v1/namespaces/{other}/httproutes"
            attempts = [
                api.create(f"{core}/{other}/secrets", secret),
                api.replace(f"{core}/{namespace}/secrets/mine", secret),
                api.create(f"{core}/{other}/configmaps", {"metadata": {"name": "a"}}),
                api.create(routes, {"metadata": {"name": "a"}, "spec": {}}),
                api.create(f"{core}/{namespace}/pods", {"metadata": {"name": "a"}}),
                api.create("/apis/rbac.authorization.k8s.io/v1/clusterroles", {"metadata": {"name": "a"}, "rules": []}),
            ]
            found = await asyncio.gather(*attempts, return_exceptions=True)
            assert [403] * len(attempts) == [each.status for each in found if isinstance(each, ApiProblem)]

    asyncio.run(scenario())


def test_the_control_planes_pods_are_admitted(
    as_installed: Callable[[Mode], AbstractAsyncContextManager[Client]], connect: Connect, namespace: str
) -> None:
    """Under the restricted Pod security standard, which its namespace enforces."""

    async def scenario() -> None:
        async with as_installed("ControllerNamespace"), connect() as admin:
            api = Api(admin)
            async with asyncio.timeout(30):
                while True:
                    found = await api.read(f"/apis/apps/v1/namespaces/{namespace}/deployments/gatewright")
                    if found and found.get("status", {}).get("readyReplicas") == 2:
                        return
                    await asyncio.sleep(0.1)

    asyncio.run(scenario())


def test_certgen_writes_secrets_once(bed: Bed, connect: Connect, namespace: str) -> None:
    """The command does what the control plane would."""

    async def secrets() -> dict[str, str]:
        async with connect() as client:
            listed = await Api(client).list(f"/api/v1/namespaces/{namespace}/secrets")
            return {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in listed.documents}

    async def prepare() -> None:
        async with connect() as client:
            await Objects(client).namespace(namespace)

    def certgen() -> None:
        options = ("--namespace", namespace, "--kubeconfig", str(bed.kubeconfig))
        done = subprocess.run(
            [sys.executable, "-m", "gatewright", "certgen", *options], capture_output=True, text=True, check=True
        )
        assert f"certificates are in Secrets of namespace {namespace}\n" == done.stdout

    asyncio.run(prepare())
    certgen()
    first = asyncio.run(secrets())
    assert {"envoy", "envoy-gateway", "envoy-oidc-hmac", "envoy-rate-limit", "gatewright-ca"} == set(first)
    certgen()
    assert first == asyncio.run(secrets())
