"""Real Envoy under requests without pause while routes and clusters come, change and go."""

import asyncio
import itertools
from collections import Counter

import aiohttp

from tests.ads.plane import plane
from tests.ads.proxies import backend, envoy, free_port
from tests.ads.resources import cluster, endpoints, gone, listener, routes, set_to


async def serves(client: aiohttp.ClientSession, port: int, host: str) -> tuple[int, str]:
    """The answer, as soon as the port is bound: Envoy's workers take up a listener a moment after it is confirmed."""
    while True:
        try:
            return await get(client, port, host)
        except aiohttp.ClientConnectorError:
            await asyncio.sleep(0.01)


async def first_found(client: aiohttp.ClientSession, port: int, host: str) -> tuple[int, str]:
    """The first answer that is not 404, asking without pause."""
    while (answer := await get(client, port, host))[0] == 404:
        pass
    return answer


async def get(client: aiohttp.ClientSession, port: int, host: str) -> tuple[int, str]:
    async with client.get(f"http://127.0.0.1:{port}/", headers={"Host": host}) as answer:
        return answer.status, await answer.text()


def test_new_routes_never_answer_wrongly() -> None:
    """Each new route with a cluster of its own: 404 before, 200 from then on, nothing else, for it and its elders."""
    asyncio.run(_new_routes(120))


async def _new_routes(count: int) -> None:
    port = free_port()
    answers: Counter[int] = Counter()
    relapses = 0
    async with (
        plane() as control,
        backend("here") as upstream,
        envoy(control.socket, control.folder),
        aiohttp.ClientSession() as web,
    ):
        await control.begin(listener("http", port), routes("http", {}))
        await serves(web, port, "nobody")
        targets: dict[str, str] = {}
        for index in range(count):
            name = f"service/default/n{index}/80"
            targets[f"h{index}.example"] = name
            control.publish(set_to(cluster(name), endpoints(name, upstream), routes("http", targets)))
            status = 404
            while status == 404:
                status, _ = await get(web, port, f"h{index}.example")
                answers[status] += 1
            relapses += (await get(web, port, "h0.example"))[0] != 200

    assert {200: count} == {status: times for status, times in answers.items() if status != 404}
    assert 0 == relapses


def test_flipping_a_route_loses_nothing() -> None:
    """A route moves between clusters that come with the flip and go after it, under load: not one request is lost."""
    asyncio.run(_flip(60))


async def _flip(times: int) -> None:
    port = free_port()
    answers: Counter[tuple[int, str]] = Counter()
    stopped = asyncio.Event()

    async def load(web: aiohttp.ClientSession) -> None:
        while not stopped.is_set():
            answers[await get(web, port, "flip")] += 1

    async with (
        plane() as control,
        backend("a") as one,
        backend("b") as two,
        envoy(control.socket, control.folder),
        aiohttp.ClientSession() as web,
        asyncio.TaskGroup() as group,
    ):
        await control.begin(listener("http", port), routes("http", {"flip": "old"}), cluster("old"), endpoints("old", one))
        assert (200, "a") == await serves(web, port, "flip")
        for _ in range(4):
            group.create_task(load(web))
        names = ["old", *(f"n{index}" for index in range(times))]
        for index, (old, new) in enumerate(itertools.pairwise(names)):
            new_ones = set_to(cluster(new), endpoints(new, (two, one)[index % 2]), routes("http", {"flip": new}))
            await control.deliver(new_ones, gone(cluster(old), endpoints(old)))
        stopped.set()

    assert {(200, "a"), (200, "b")} == set(answers)
    assert answers.total() > times


def test_updated_clusters_lose_nothing() -> None:
    """A cluster that is changed again and again, and its endpoints with it, goes on serving."""
    asyncio.run(_update(40))


async def _update(times: int) -> None:
    port = free_port()
    answers: Counter[int] = Counter()
    async with plane() as control, backend("a") as one, envoy(control.socket, control.folder), aiohttp.ClientSession() as web:
        await control.begin(listener("http", port), routes("http", {"up": "c"}), cluster("c"), endpoints("c", one))
        await serves(web, port, "up")
        for index in range(times):
            control.publish(set_to(cluster("c", connect_timeout=f"{index + 2}s"), endpoints("c", one, *([one] * (index % 2)))))
            for _ in range(5):
                answers[(await get(web, port, "up"))[0]] += 1
        assert await control.server.wait(control.batch, 10)

    assert {200: 5 * times} == answers


def test_listener_moves_to_a_new_name() -> None:
    """A listener that is renamed keeps its port: the new one serves at once."""
    asyncio.run(_rename())


async def _rename() -> None:
    port = free_port()
    async with plane() as control, backend("a") as one, envoy(control.socket, control.folder), aiohttp.ClientSession() as web:
        await control.begin(listener("first", port, routes="r"), routes("r", {"x": "c"}), cluster("c"), endpoints("c", one))
        await control.deliver(set_to(listener("second", port, routes="r")), gone(listener("first", port)))
        assert control.accepted(listener("second", port, routes="r"))
        assert (200, "a") == await serves(web, port, "x")
