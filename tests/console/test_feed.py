"""The feed of statuses: what watchers are told, and what a slow one costs."""

import asyncio
from contextlib import aclosing

from gatewright.console.feed import StatusFeed
from gatewright.console.source import StatusKey, StatusMetadata, StatusView


def view(name: str, **status: object) -> StatusView:
    return StatusView("HTTPRoute", "gateway.networking.k8s.io/v1", StatusMetadata(name, "default"), status)


def key(name: str) -> StatusKey:
    return StatusKey("HTTPRoute", "default", name)


def test_views_are_ordered_and_the_newest_counts() -> None:
    """By kind, namespace and name, whatever the order of publication."""
    feed = StatusFeed()
    feed.publish([view("b"), view("a", old=True)])
    feed.publish([view("a", old=False)], [key("nobody")])
    assert [view("a", old=False), view("b")] == feed.views()


def test_a_slow_watcher_hears_the_newest_of_each_object_once() -> None:
    """A thousand changes between two reads are one event; what came and went meanwhile is none."""

    async def scenario() -> None:
        feed = StatusFeed()
        feed.publish([view("a"), view("c")])
        async with aclosing(feed.watch()) as watch:
            assert ["a", "c"] == [(await anext(watch)).object.metadata.name for _ in range(2)]
            for number in range(1_000):
                feed.publish([view("a", number=number), view("b")])
            feed.publish([], [key("b"), key("c")])
            events = [await anext(watch) for _ in range(2)]
        assert [("MODIFIED", view("a", number=999)), ("DELETED", view("c"))] == [(event.type, event.object) for event in events]

    asyncio.run(asyncio.wait_for(scenario(), 5))


def test_an_object_that_went_before_it_was_told_of_is_never_mentioned() -> None:
    """No deletion without an addition."""

    async def scenario() -> list[tuple[str, str]]:
        feed = StatusFeed()
        feed.publish([view("a")])
        events: list[tuple[str, str]] = []
        async with aclosing(feed.watch()) as watch:
            async for event in watch:
                events.append((event.type, event.object.metadata.name))
                if len(events) == 1:
                    feed.publish([view("b")])
                    feed.publish([view("c")], [key("b"), key("a")])
                if len(events) == 3:
                    break
        return events

    assert [("ADDED", "a"), ("ADDED", "c"), ("DELETED", "a")] == sorted(asyncio.run(scenario()))


def test_an_equal_status_is_no_change() -> None:
    """Whoever watches is not woken for nothing."""

    async def scenario() -> None:
        feed = StatusFeed()
        feed.publish([view("a")])
        async with aclosing(feed.watch()) as watch:
            await anext(watch)
            waiting = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
            feed.publish([view("a")])
            await asyncio.sleep(0.01)
            assert not waiting.done()
            feed.publish([view("a", new=True)])
            assert "MODIFIED" == (await waiting).type

    asyncio.run(scenario())
