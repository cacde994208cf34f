"""Who we are to an API server: as a Pod, by client certificate, by an exec plugin; and what we may not do."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeAlias

import pytest
import yaml

from gatewright.api.meta import NamespacedName
from gatewright.sources.changes import Batch
from gatewright.sources.kube.client import Client, Unreachable
from gatewright.sources.kube.credentials import Credentials, Unconfigured
from gatewright.sources.kube.source import KubeSource
from tests.kubernetes.accounts import allow, kubeconfig_of, pod, token_for
from tests.kubernetes.bed import Bed
from tests.kubernetes.cluster import Objects, eventually, following

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Client]]
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
EXPIRED, LASTING = "2026-01-01T00:00:00Z", "2126-01-01T00:00:00Z"


async def user_of(client: Client) -> str:
    """Who the server takes us for."""
    review = await Objects(client).ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", REVIEW)
    name: str = review["status"]["userInfo"]["username"]
    return name


def test_a_client_certificate(bed: Bed, connect: Connect) -> None:
    """As in the kubeconfig, which KUBECONFIG may name as well."""

    async def scenario() -> None:
        async with connect() as client, Client(Credentials({"KUBECONFIG": str(bed.kubeconfig)})) as same:
            assert await user_of(client) == await user_of(same)

    asyncio.run(scenario())


def test_a_pod(bed: Bed, connect: Connect, namespace: str, tmp_path: Path) -> None:
    """Its token is read again when the server does not take it any more, within the same request."""

    async def scenario() -> None:
        async with connect() as admin:
            objects = Objects(admin)
            await objects.namespace(namespace)
            credentials = pod(bed, tmp_path, "an old token")
            await credentials.access()
            (tmp_path / "token").write_text(await token_for(objects, namespace, "gatewright") + "\n")
            async with Client(credentials) as client:
                assert f"system:serviceaccount:{namespace}:gatewright" == await user_of(client)
                assert "here" == await client.namespace()

    asyncio.run(scenario())


@pytest.mark.parametrize(("expiry", "runs"), [(LASTING, 1), (EXPIRED, 1), (None, 1)])
def test_an_exec_plugin(bed: Bed, connect: Connect, namespace: str, tmp_path: Path, *, expiry: str | None, runs: int) -> None:
    """It is run when it is needed: not at each request, but again when what it gave is refused."""

    async def scenario() -> None:
        async with connect() as admin:
            objects = Objects(admin)
            await objects.namespace(namespace)
            status = {"token": await token_for(objects, namespace, "plugin")} | (
                {"expirationTimestamp": expiry} if expiry else {}
            )
            answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
            (tmp_path / "answer.json").write_text(json.dumps({**answer, "status": {"token": "refused"}}))
            plugin = tmp_path / "plugin"
            plugin.write_text(f'#!/bin/sh\necho run >> "{tmp_path}/runs"\ncat "{tmp_path}/answer.json"\n')
            plugin.chmod(0o755)
            config = kubeconfig_of(bed)
            config["users"][0]["user"] = {"exec": {"apiVersion": answer["apiVersion"], "command": str(plugin)}}
            (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
            credentials = Credentials({}, str(tmp_path / "kubeconfig"))
            await credentials.access()
            (tmp_path / "answer.json").write_text(json.dumps(answer))
            async with Client(credentials) as client:
                for _ in range(5):
                    assert f"system:serviceaccount:{namespace}:plugin" == await user_of(client)
            assert runs + 1 == len((tmp_path / "runs").read_text().split())

    asyncio.run(scenario())


def test_what_is_wrong_is_said(bed: Bed, tmp_path: Path) -> None:
    """No configuration, no such context, a server that nobody certifies, and one that is not there."""

    async def scenario() -> None:
        with pytest.raises(Unconfigured, match=r"\.kube/config"):
            await Credentials({"HOME": str(tmp_path)}).access()
        with pytest.raises(Unconfigured, match="elsewhere"):
            await Credentials({}, str(bed.kubeconfig), "elsewhere").access()
        config = kubeconfig_of(bed)
        cluster = config["clusters"][0]["cluster"]
        stranger = {"server": cluster["server"]}
        nobody = {**cluster, "server": "https://127.0.0.1:1"}
        for changed, said in ((stranger, "CERTIFICATE_VERIFY_FAILED"), (nobody, "Cannot connect")):
            config["clusters"][0]["cluster"] = changed
            (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
            async with Client(Credentials({}, str(tmp_path / "kubeconfig"))) as client:
                with pytest.raises(Unreachable, match=said):
                    await client.request("GET", "/version")

    asyncio.run(scenario())


def test_proxies_of_the_environment(bed: Bed, tmp_path: Path) -> None:
    """Are used for servers that NO_PROXY does not name."""

    async def proxy(**environ: str) -> str | None:
        config = kubeconfig_of(bed)
        config["clusters"][0]["cluster"]["server"] = "https://api.example.com:6443"
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        return (await Credentials(environ, str(tmp_path / "kubeconfig")).access()).proxy

    async def scenario() -> None:
        there = "http://proxy.example.com:3128"
        assert there == await proxy(HTTPS_PROXY=there)
        assert there == await proxy(https_proxy=there, no_proxy="example.org")
        assert await proxy(HTTPS_PROXY=there, NO_PROXY="example.com") is None
        assert await proxy(HTTP_PROXY=there) is None

    asyncio.run(scenario())


async def first_batch(source: KubeSource) -> Batch:
    """Wait for something to be read."""
    async for batch in source.batches():
        return batch
    raise AssertionError("batches have no end")


def test_what_we_may_not_read(bed: Bed, connect: Connect, namespace: str, tmp_path: Path) -> None:
    """A Secret that we may not read holds up nobody, and its kind says why; with no rights at all, rights are waited for."""

    async def scenario() -> None:
        async with connect() as admin:
            objects = Objects(admin)
            await objects.namespace(namespace)
            key = NamespacedName(namespace, "cert")
            await objects.create("Secret", key, data={})
            credentials = pod(bed, tmp_path, await token_for(objects, namespace, "limited"))
            async with Client(credentials) as client:
                source = KubeSource(client)
                task = asyncio.create_task(first_batch(source))
                states = await eventually(
                    lambda: asyncio.sleep(0.1, source.states()), lambda now: all(each.message for each in now)
                )
                assert all("403" in each.message or "not say" in each.message or "served" in each.message for each in states)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await allow(objects, namespace, "limited", "*", verbs=("list", "watch"))
                async with following(KubeSource(client), {"Secret": {key}}) as seen:
                    assert set() == seen.names("Secret", namespace)
                    secrets = next(state for state in seen.source.states() if state.kind == "Secret")
                    assert ("failing", True) == (secrets.phase, "403" in secrets.message)

    asyncio.run(scenario())
