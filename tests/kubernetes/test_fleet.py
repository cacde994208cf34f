"""The fleet against a real API server: what is applied, mended and removed, and what is said of it.

The Pods run images that the test cluster does not know, which are ready at once: what Envoy does in them has tests of its own.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeAlias

import msgspec
import pytest
import yaml

from gatewright.api.envoyproxy import EnvoyProxySpec
from gatewright.api.meta import NamespacedName
from gatewright.apiserver import Api
from gatewright.fleet.kube.fleet import KubernetesFleet
from gatewright.fleet.kube.identity import Identity, TokenReviews, refusal
from gatewright.fleet.kube.objects import DEPLOYMENT, MANAGED_KINDS, SERVICE, ManagedKind
from gatewright.fleet.kube.observed import FleetState
from gatewright.fleet.kube.secrets import CertificateSecrets, Trust
from gatewright.fleet.kube.workload import Installation, ServedPort, Workload, hashed_name, resource_name
from gatewright.fleet.spec import Phase, ProxySpec
from gatewright.sources.kube.client import Client
from tests.kubernetes.cluster import Objects, measured

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Client]]
PROXY = "default/eg"
NAME = hashed_name(PROXY)
PAUSED = "{envoyDeployment: {container: {image: none/envoy:1}}}"


def installation(namespace: str) -> Installation:
    return Installation(namespace=namespace, controller_name="example.com/gatewright", shutdown_image="none/gatewright:1")


def workload(kubernetes: str = PAUSED, **changes: object) -> Workload:
    """A proxy whose Pods run nothing; `kubernetes` is YAML of the EnvoyProxy's provider."""
    provider = {"provider": {"type": "Kubernetes", "kubernetes": yaml.safe_load(kubernetes)}}
    wanted = Workload(
        proxy=ProxySpec(name=PROXY),
        gateway=NamespacedName("default", "eg"),
        gateway_class="eg",
        parameters=msgspec.convert(provider, EnvoyProxySpec),
        ports=(ServedPort(80, "HTTP", 10080),),
    )
    return msgspec.structs.replace(wanted, **changes)


class Running:
    """A fleet at work, and what it has said."""

    def __init__(self, fleet: KubernetesFleet, api: Api, namespace: str) -> None:
        self.fleet = fleet
        self.api = api
        self.namespace = namespace
        self.states: dict[str, FleetState] = {}

    async def until(self, condition: Callable[[dict[str, FleetState]], object]) -> None:
        async with asyncio.timeout(30):
            while not condition(self.states):  # noqa: ASYNC110 - a clock is all there is
                await asyncio.sleep(0.02)

    async def serving(self) -> FleetState:
        await self.until(lambda states: PROXY in states and states[PROXY].phase is Phase.RUNNING and states[PROXY].addresses)
        return self.states[PROXY]

    async def versions(self) -> dict[str, int]:
        """The versions of what we decide: a status that others write changes a resourceVersion, and no generation."""
        found = {}
        for kind in MANAGED_KINDS:
            for each in (await self.api.list(kind.path(self.namespace), "app.kubernetes.io/name=envoy")).documents:
                manager = [m for m in each["metadata"]["managedFields"] if m["manager"] == "gatewright"]
                found[f"{kind.kind}/{each['metadata']['name']}"] = hash(json.dumps(manager, sort_keys=True))
        return found

    async def read(self, kind: ManagedKind, name: str = NAME) -> dict[str, Any] | None:
        return await self.api.read(kind.path(self.namespace, name))

    async def becomes(self, kind: ManagedKind, holds: Callable[[dict[str, Any] | None], object], name: str = NAME) -> None:
        async with asyncio.timeout(30):
            while not holds(await self.read(kind, name)):  # noqa: ASYNC110 - the server has to be asked
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running(connect: Connect, namespace: str) -> AsyncIterator[Running]:
    """A fleet in a namespace of its own."""
    async with connect() as client:
        api = Api(client)
        if await api.read(f"/api/v1/namespaces/{namespace}") is None:
            await Objects(client).namespace(namespace)
        states: dict[str, FleetState] = {}

        def told(proxy: str, state: FleetState | None) -> None:
            states.pop(proxy, None)
            states.update({proxy: state} if state else {})

        fleet = KubernetesFleet(api, installation(namespace), told)
        found = Running(fleet, api, namespace)
        found.states = states
        task = asyncio.create_task(fleet.run())
        try:
            yield found
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def test_a_proxy_comes_and_goes(connect: Connect, namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its Pods are ready, it has an address, nothing is written twice; then all of it is gone."""

    async def scenario() -> None:
        async with running(connect, namespace) as at:
            began = asyncio.get_running_loop().time()
            at.fleet.apply({PROXY: workload()})
            state = await at.serving()
            measured(capsys, f"a proxy serves {asyncio.get_running_loop().time() - began:.2f} s after it was wanted")
            assert (1, 1) == (state.available, state.wanted)
            before = await at.versions()
            assert {"ServiceAccount", "ConfigMap", "Service", "Deployment"} == {each.partition("/")[0] for each in before}
            at.fleet.apply({PROXY: workload()})
            await asyncio.sleep(1)
            assert before == await at.versions()

            at.fleet.apply({})
            await at.until(lambda states: not states)
            async with asyncio.timeout(20):
                while await at.versions():  # noqa: ASYNC110 - the server has to be asked
                    await asyncio.sleep(0.05)

    asyncio.run(scenario())


def test_what_somebody_changes_is_mended(connect: Connect, namespace: str) -> None:
    """A deleted Service, a label that was overwritten; a replica count that we do not set stays."""

    async def scenario() -> None:
        async with running(connect, namespace) as at, connect() as client:
            at.fleet.apply({PROXY: workload()})
            await at.serving()
            others = Objects(client)
            await others.ask("DELETE", SERVICE.path(namespace, NAME))
            change = {"metadata": {"labels": {"app.kubernetes.io/component": "mine"}}, "spec": {"replicas": 2}}
            await others.ask("PATCH", DEPLOYMENT.path(namespace, NAME), change, "application/merge-patch+json")

            await at.becomes(SERVICE, lambda found: found)
            await at.becomes(
                DEPLOYMENT, lambda found: found and found["metadata"]["labels"]["app.kubernetes.io/component"] == "proxy"
            )
            await at.until(lambda states: states[PROXY].available == 2)

    asyncio.run(scenario())


def test_a_change_of_shape(connect: Connect, namespace: str) -> None:
    """A DaemonSet for a Deployment, another name for a Service: the new one first, then the old one goes."""

    async def scenario() -> None:
        async with running(connect, namespace) as at:
            at.fleet.apply({PROXY: workload()})
            await at.serving()
            other = "{envoyDaemonSet: {container: {image: none/envoy:1}}, envoyService: {name: front}}"
            at.fleet.apply({PROXY: workload(other)})
            await at.becomes(DEPLOYMENT, lambda found: found is None)
            await at.becomes(SERVICE, lambda found: found is None)
            assert (await at.serving()).addresses
            assert await at.read(SERVICE, "front")

    asyncio.run(scenario())


def test_addresses(connect: Connect, namespace: str) -> None:
    """By the type of the Service; an internal one can change its address, although a Service's cannot be changed."""

    async def scenario() -> None:
        async with running(connect, namespace) as at:
            for kind in ("LoadBalancer", "NodePort", "ClusterIP"):
                at.fleet.apply({PROXY: workload(f"{PAUSED[:-1]}, envoyService: {{type: {kind}}}}}")})
                await at.becomes(SERVICE, partial(_has_type, kind))
                await at.serving()
            internal = f"{PAUSED[:-1]}, envoyService: {{type: ClusterIP}}}}"
            for address in ("10.96.200.1", "10.96.200.2"):
                at.fleet.apply({PROXY: workload(internal, addresses=(address,))})
                await at.until(partial(_has_address, address))

    asyncio.run(scenario())


def _has_type(kind: str, service: dict[str, Any] | None) -> bool:
    return service is not None and service["spec"]["type"] == kind


def _has_address(address: str, states: dict[str, FleetState]) -> bool:
    return [each.value for each in states[PROXY].addresses] == [address]


def test_leftovers_of_an_earlier_control_plane(connect: Connect, namespace: str) -> None:
    """It was killed, and its Gateway deleted meanwhile: the next one removes what is left, and only that."""

    async def scenario() -> None:
        async with running(connect, namespace) as at:
            at.fleet.apply({PROXY: workload()})
            await at.serving()
            foreign = {"metadata": {"name": "foreign", "labels": {"app.kubernetes.io/name": "envoy"}}, "data": {}}
            await at.api.create(f"/api/v1/namespaces/{namespace}/configmaps", foreign)
        async with running(connect, namespace) as at:
            at.fleet.apply({})
            async with asyncio.timeout(20):
                while len(await at.versions()) > 1:  # noqa: ASYNC110 - the server has to be asked
                    await asyncio.sleep(0.05)
            assert {"ConfigMap/foreign"} == set(await at.versions())

    asyncio.run(scenario())


def test_what_the_cluster_refuses_is_said(connect: Connect, namespace: str) -> None:
    """A policy, in the words of the Deployment's controller; a bad patch, in the API server's; mended, all is well."""

    async def scenario() -> None:
        async with running(connect, namespace) as at, connect() as client:
            restricted = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
            await Objects(client).merge("Namespace", NamespacedName("", namespace), restricted)
            greedy = f"{PAUSED[:-2]}, patch: {{value: {{spec: {{template: {{spec: {{hostNetwork: true}}}}}}}}}}}}}}"
            at.fleet.apply({PROXY: workload(greedy)})
            await at.until(lambda states: PROXY in states and "violates PodSecurity" in states[PROXY].message)
            assert Phase.FAILED == at.states[PROXY].phase
            at.fleet.apply({PROXY: workload()})
            await at.serving()

            bad = f"{PAUSED[:-1]}, envoyService: {{patch: {{value: {{spec: {{externalTrafficPolicy: Nowhere}}}}}}}}}}"
            at.fleet.apply({PROXY: workload(bad)})
            await at.until(lambda states: "Nowhere" in states[PROXY].message)
            at.fleet.apply({PROXY: workload()})
            await at.until(lambda states: states[PROXY].message == "1/1 envoy replicas available")

    asyncio.run(scenario())


def test_replicas_agree_on_certificates(connect: Connect, namespace: str) -> None:
    """Five start at once where there is none: all end up with the same; later ones change nothing."""

    async def scenario() -> None:
        async with connect() as client:
            await Objects(client).namespace(namespace)
            api = Api(client)
            now = datetime.now(UTC)

            async def settle() -> Trust:
                return await CertificateSecrets(api, namespace).settle(now)

            found = await asyncio.gather(*(settle() for _ in range(5)))
            last = await settle()
            assert last == await settle()
            assert all(each.trusted_ca == last.trusted_ca for each in found)

            path = f"/api/v1/namespaces/{namespace}/secrets/envoy"
            await Objects(client).ask("PATCH", path, {"metadata": {"annotations": None}}, "application/merge-patch+json")
            theirs = await api.read(path)
            await settle()
            assert theirs == await api.read(path)

    asyncio.run(scenario())


def test_a_proxy_gets_only_its_own(connect: Connect, namespace: str) -> None:
    """The token of its ServiceAccount says who it is; another proxy's configuration, or another audience, is refused."""

    async def scenario() -> None:
        async with running(connect, namespace) as at, connect() as client:
            at.fleet.apply({PROXY: workload()})
            await at.serving()
            wanted = {
                PROXY: workload(),
                "default/other": workload(proxy=ProxySpec(name="default/other"), gateway=NamespacedName("default", "other")),
            }
            own = installation(namespace)
            account = resource_name(wanted[PROXY], own)

            async def token(audience: str) -> str:
                path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
                answer = await Objects(client).ask("POST", path, {"spec": {"audiences": [audience]}})
                return str(answer["status"]["token"])

            reviews = TokenReviews(at.api, own.xds_host)
            good = await reviews.identify(await token(own.xds_host), 0)
            assert Identity(namespace, account) == good
            assert "" == refusal(good, PROXY, "any", wanted, own)
            assert "not authorised for proxy 'default/other'" == refusal(good, "default/other", "any", wanted, own)
            assert "not authorised for proxy 'default/none'" == refusal(good, "default/none", "any", wanted, own)
            assert await reviews.identify(await token("https://elsewhere"), 0) is None
            assert await reviews.identify("no token", 0) is None

    asyncio.run(scenario())
