"""Objects of a real API server become batches."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeAlias

import pytest

from gatewright.api.core import ConfigMap, Secret
from gatewright.api.kinds import KINDS
from gatewright.api.meta import NamespacedName
from gatewright.api.references import LabelSelector
from gatewright.sources.kube.client import Client
from gatewright.sources.kube.resource import BY_NAME, Resource
from gatewright.sources.kube.scope import Scope
from gatewright.sources.kube.source import KubeSource
from tests.kubernetes.accounts import allow, pod, token_for
from tests.kubernetes.bed import Bed
from tests.kubernetes.cluster import (
    DEFINITIONS,
    Followed,
    Objects,
    definition,
    eventually,
    following,
    is_missing,
    measured,
    route_spec,
    shows,
)

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Client]]


def test_a_thousand_objects(connect: Connect, namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The initial read is pages of lists and one batch; a second source is as fast as the server sends."""

    async def scenario() -> None:
        async with connect() as client:
            objects = Objects(client)
            await objects.namespace(namespace)
            began = time.perf_counter()
            await objects.routes(namespace, 1000)
            created = time.perf_counter()
            async with following(KubeSource(client)) as seen:
                read = time.perf_counter()
                assert 1000 == len(seen.names("HTTPRoute", namespace))
                assert [] == seen.gone
            measured(capsys, f"1,000 HTTPRoutes: created in {created - began:.1f} s, initial read {read - created:.2f} s")

    asyncio.run(scenario())


def test_what_happens_is_seen(connect: Connect, namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Added, changed and deleted, each within a moment; a status alone is no change."""

    async def scenario() -> None:
        async with connect() as client:
            objects = Objects(client)
            await objects.namespace(namespace)
            key = NamespacedName(namespace, "web")
            async with following(KubeSource(client)) as seen:
                delays = []
                for version in range(20):
                    backend = f"v{version}"
                    if version:
                        await objects.merge("HTTPRoute", key, {"spec": route_spec(backend)})
                    else:
                        await objects.route(key, backend)
                    began = time.perf_counter()
                    await seen.until(shows(namespace, web=backend))
                    delays.append(time.perf_counter() - began)
                batches = seen.batches
                await objects.merge("HTTPRoute", key, {"status": {"parents": []}}, "status")
                await objects.merge("HTTPRoute", key, {"metadata": {"annotations": {"seen": "last"}}})
                await seen.until(lambda now: now.batches > batches)
                assert batches + 1 == seen.batches
                await objects.delete("HTTPRoute", key)
                await seen.until(lambda now: now.gone == [("HTTPRoute", key)])
                middle, worst = sorted(delays)[10] * 1000, max(delays) * 1000
                measured(capsys, f"from answered to seen: median {middle:.1f} ms, worst {worst:.1f} ms")

    asyncio.run(scenario())


def test_a_kind_that_is_not_installed(connect: Connect, namespace: str) -> None:
    """It is noted and holds up nobody, is followed as soon as it is installed, and its objects go when it goes."""

    async def scenario() -> None:
        async with connect() as client:
            objects = Objects(client)
            await objects.namespace(namespace)
            crd = definition("udproutes")
            await objects.ask("DELETE", f"{DEFINITIONS}/{crd['metadata']['name']}")
            await eventually(lambda: objects.ask("GET", f"{DEFINITIONS}/{crd['metadata']['name']}"), is_missing)
            async with following(KubeSource(client)) as seen:
                states = {state.kind: state for state in seen.source.states()}
                assert "missing" == states["UDPRoute"].phase
                assert "its CRD is not installed" in states["UDPRoute"].message
                assert "watching" == states["HTTPRoute"].phase
                await objects.ask("POST", DEFINITIONS, crd)
                began = time.monotonic()
                await seen.told(lambda now: now.source.resource("UDPRoute"))
                assert time.monotonic() - began < 5
                key = NamespacedName(namespace, "dns")
                spec = {"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "dns", "port": 53}]}]}
                await eventually(lambda: objects.create("UDPRoute", key, spec=spec), lambda made: made["kind"] == "UDPRoute")
                await seen.until(lambda now: now.names("UDPRoute", namespace) == {"dns"})
                await objects.ask("DELETE", f"{DEFINITIONS}/{crd['metadata']['name']}")
                await seen.until(lambda now: ("UDPRoute", key) in now.gone)
                await seen.told(lambda now: now.source.resource("UDPRoute") is None)
                await eventually(lambda: objects.ask("POST", DEFINITIONS, crd), lambda made: "code" not in made)
                await seen.told(lambda now: now.source.resource("UDPRoute"))

    asyncio.run(scenario())


def test_kinds_that_may_not_be_listed(bed: Bed, connect: Connect, namespace: str, tmp_path: Path) -> None:
    """They are noted and hold up nobody; each is followed as soon as a role allows it."""

    async def scenario() -> None:
        async with connect() as admin:
            objects = Objects(admin)
            await objects.namespace(namespace)
            key = NamespacedName(namespace, "web")
            await objects.route(key)
            await objects.create("Secret", key, data={"k": "djE="})
            older = [kind.plural for kind in KINDS if kind.name not in {"HTTPRoute", "Secret"}]
            credentials = pod(bed, tmp_path, await token_for(objects, namespace, "earlier"))
            await allow(objects, namespace, "earlier", *older)
            async with Client(credentials) as client:
                began = time.monotonic()
                async with following(KubeSource(client), {"Secret": {key}}) as seen:
                    assert time.monotonic() - began < 15
                    states = {state.kind: state for state in seen.source.states()}
                    forbidden = {kind for kind, state in states.items() if state.phase == "forbidden"}
                    assert ({"HTTPRoute", "Secret"}, "watching") == (forbidden, states["Gateway"].phase)
                    for place in ("httproutes", "secrets"):
                        (problem,) = seen.problems[f"kubernetes/{place}"]
                        assert f'cannot list resource "{place}" in API group' in str(problem)
                    assert namespace in seen.names("Namespace", "")
                    await allow(objects, namespace, "earlier", "httproutes", "secrets")
                    began = time.monotonic()
                    await seen.until(lambda now: {("HTTPRoute", key), ("Secret", key)} <= now.objects.keys())
                    await seen.until(
                        lambda now: not any(now.problems[f"kubernetes/{each}"] for each in ("httproutes", "secrets"))
                    )
                    assert time.monotonic() - began < 15
                    await objects.merge("HTTPRoute", key, {"spec": route_spec("two")})
                    await seen.until(shows(namespace, web="two"))
                    assert [] == seen.gone

    asyncio.run(scenario())


def test_no_rights_at_all(bed: Bed, connect: Connect, namespace: str, tmp_path: Path) -> None:
    """A cluster that shows no Gateways is not taken for an empty one: the initial read goes on until a role allows it."""

    async def scenario() -> None:
        async with connect() as admin:
            objects = Objects(admin)
            await objects.namespace(namespace)
            credentials = pod(bed, tmp_path, await token_for(objects, namespace, "poor"))
            async with Client(credentials) as client:
                followed = Followed(KubeSource(client))
                task = asyncio.create_task(followed.follow())
                await followed.told(lambda now: "forbidden" in {s.phase for s in now.source.states() if s.kind == "Gateway"})
                assert 0 == followed.batches
                await allow(objects, namespace, "poor", "*")
                await followed.until(lambda now: namespace in now.names("Namespace", ""))
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())


def test_a_kind_in_an_older_version_only(connect: Connect, namespace: str) -> None:
    """It is followed in the version that is served; when a newer one comes, its objects stay what they are."""

    async def scenario() -> None:
        async with connect() as client:
            objects = Objects(client)
            await objects.namespace(namespace)
            path = f"{DEFINITIONS}/referencegrants.gateway.networking.k8s.io"
            crd = await objects.ask("GET", path)
            versions = crd["spec"]["versions"]
            older_grant = Resource(BY_NAME["ReferenceGrant"], "v1beta1")
            older = [{**each, "served": each["name"] == "v1beta1"} for each in versions]
            await objects.ask("PATCH", path, {"spec": {"versions": older}}, "application/merge-patch+json")
            try:
                async with following(KubeSource(client)) as seen:
                    await seen.told(lambda now: now.source.resource("ReferenceGrant") == older_grant)
                    spec = {
                        "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "x"}],
                        "to": [{"group": "", "kind": "Service"}],
                    }
                    body = {
                        "apiVersion": older_grant.api_version,
                        "kind": "ReferenceGrant",
                        "metadata": {"name": "g"},
                        "spec": spec,
                    }
                    await objects.ask("POST", older_grant.list_path(namespace), body)
                    await seen.until(lambda now: now.names("ReferenceGrant", namespace) == {"g"})
                    await objects.ask("PATCH", path, {"spec": {"versions": versions}}, "application/merge-patch+json")
                    key = ("ReferenceGrant", NamespacedName(namespace, "g"))
                    await seen.until(lambda now: getattr(now.objects[key], "api_version", "").endswith("/v1"))
                    assert [] == seen.gone
            finally:
                await objects.ask("PATCH", path, {"spec": {"versions": versions}}, "application/merge-patch+json")

    asyncio.run(scenario())


def test_secrets_on_demand(connect: Connect, namespace: str) -> None:
    """Only those that are wanted are there; they follow their changes, and go with the last who wants them."""

    async def scenario() -> None:
        async with connect() as client:
            objects = Objects(client)
            await objects.namespace(namespace)
            first, second, other = (NamespacedName(namespace, name) for name in ("first", "second", "other"))
            for key in (first, other):
                await objects.create("Secret", key, data={"k": "djE="})
            async with following(KubeSource(client), {"Secret": {first}}) as seen:
                assert {"first"} == seen.names("Secret", namespace)
                assert seen.source.want({"Secret": {first, second}}) is False
                batches = seen.batches
                await seen.until(lambda now: now.batches > batches)
                assert (True, {"first"}) == (seen.source.answered, seen.names("Secret", namespace))
                await objects.create("Secret", second, data={"k": "djE="})
                await seen.until(lambda now: now.names("Secret", namespace) == {"first", "second"})
                await objects.merge("Secret", first, {"data": {"k": "djI="}})
                await seen.until(lambda now: value(now.objects["Secret", first]) == b"v2")
                await objects.delete("Secret", second)
                await seen.until(lambda now: now.names("Secret", namespace) == {"first"})
                seen.source.want({"Secret": set(), "ConfigMap": {NamespacedName(namespace, "kube-root-ca.crt")}})
                await seen.until(lambda now: now.names("ConfigMap", namespace) == {"kube-root-ca.crt"})
                assert set() == seen.names("Secret", namespace)
                root = seen.objects["ConfigMap", NamespacedName(namespace, "kube-root-ca.crt")]
                assert isinstance(root, ConfigMap)
                assert "BEGIN CERTIFICATE" in root.data["ca.crt"]

    asyncio.run(scenario())


def value(secret: object) -> bytes | None:
    """What a Secret holds under "k"."""
    assert isinstance(secret, Secret)
    return secret.decoded("k")


def test_endpoints_on_demand(connect: Connect, namespace: str) -> None:
    """Those of Services that are wanted, one by one or many at once; they follow their changes."""

    async def scenario() -> None:
        async with connect() as client:
            objects = Objects(client)
            await objects.namespace(namespace)

            async def publish(service: str, address: str) -> None:
                await objects.create(
                    "EndpointSlice",
                    NamespacedName(namespace, f"{service}-1"),
                    metadata={"labels": {"kubernetes.io/service-name": service}},
                    addressType="IPv4",
                    endpoints=[{"addresses": [address]}],
                    ports=[{"name": "", "port": 80}],
                )

            for number in range(60):
                await publish(f"s{number}", f"10.1.0.{number + 1}")
            services = [NamespacedName(namespace, f"s{number}") for number in range(61)]
            async with following(KubeSource(client), {"EndpointSlice": set(services[:2])}) as seen:
                assert {"s0-1", "s1-1"} == seen.names("EndpointSlice", namespace)
                seen.source.want({"EndpointSlice": set(services)})
                await seen.until(lambda now: len(now.names("EndpointSlice", namespace)) == 60)
                await publish("s60", "10.1.0.99")
                await seen.until(lambda now: len(now.names("EndpointSlice", namespace)) == 61)
                slice_ = NamespacedName(namespace, "s0-1")
                await objects.merge("EndpointSlice", slice_, {"endpoints": [{"addresses": ["10.1.0.200"]}]})
                await seen.until(lambda now: "10.1.0.200" in repr(now.objects["EndpointSlice", slice_]))
                seen.source.want({"EndpointSlice": {services[1]}})
                await seen.until(lambda now: now.names("EndpointSlice", namespace) == {"s1-1"})

    asyncio.run(scenario())


def test_some_namespaces(connect: Connect, namespace: str) -> None:
    """Objects elsewhere are not seen; those without a namespace always are."""

    async def scenario() -> None:
        async with connect() as client:
            objects = Objects(client)
            places = [f"{namespace}-{name}" for name in "abc"]
            for place in places:
                await objects.namespace(place)
                await objects.route(NamespacedName(place, "early"))
            async with following(KubeSource(client, scope=Scope(namespaces=tuple(places[:2])))) as seen:
                for place in places:
                    await objects.route(NamespacedName(place, "late"))
                await seen.until(lambda now: all(len(now.names("HTTPRoute", place)) == 2 for place in places[:2]))
                assert (set(), True) == (seen.names("HTTPRoute", places[2]), places[2] in seen.names("Namespace", ""))

    asyncio.run(scenario())


def test_namespaces_by_label(connect: Connect, namespace: str) -> None:
    """A namespace comes and goes with its label, and its objects with it."""

    async def scenario() -> None:
        async with connect() as client:
            objects = Objects(client)
            here, there = f"{namespace}-here", f"{namespace}-there"
            await objects.namespace(here, {"team": namespace})
            await objects.namespace(there)
            for place in (here, there):
                await objects.route(NamespacedName(place, "web"))
                await objects.create("Secret", NamespacedName(place, "cert"), data={})
            scope = Scope(selector=LabelSelector(match_labels={"team": namespace}))
            wanted = {"Secret": {NamespacedName(place, "cert") for place in (here, there)}}
            async with following(KubeSource(client, scope=scope), wanted) as seen:
                assert {("HTTPRoute", here), ("Secret", here)} == visible(seen.objects, namespace)
                await objects.merge("Namespace", NamespacedName("", there), {"metadata": {"labels": {"team": namespace}}})
                await seen.until(lambda now: len(visible(now.objects, namespace)) == 4)
                await objects.merge("Namespace", NamespacedName("", here), {"metadata": {"labels": {"team": None}}})
                await seen.until(lambda now: visible(now.objects, namespace) == {("HTTPRoute", there), ("Secret", there)})
                await objects.merge("HTTPRoute", NamespacedName(here, "web"), {"spec": route_spec("two")})
                await objects.merge("HTTPRoute", NamespacedName(there, "web"), {"spec": route_spec("two")})
                await seen.until(lambda now: now.backends(there) == {"web": "two"})
                assert {} == seen.backends(here)

    asyncio.run(scenario())


def visible(objects: Iterable[tuple[str, NamespacedName]], prefix: str) -> set[tuple[str, str]]:
    """Kinds and namespaces of what is in the namespaces of a test."""
    return {(kind, key.namespace) for kind, key in objects if key.namespace.startswith(prefix) and kind != "EndpointSlice"}
