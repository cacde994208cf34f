"""What a proxy made of its resources when several Envoys run under its name.

Each stream speaks for one Envoy. A proxy refuses what any of its Envoys refuses, and has accepted what all of them hold; as
long as they differ, that is the version of the one that lags behind. An Envoy whose stream ended goes on with what it holds, so
the last stream's word stays.
"""

from collections.abc import Hashable, Iterable, Iterator

from gatewright.ads.messages import Delivery

Key = tuple[str, str]


class Ledger:
    """The facts of one proxy, by stream and joined."""

    def __init__(self) -> None:
        self._by_stream: dict[Hashable, dict[Key, Delivery]] = {}
        self._joined: dict[Key, Delivery] = {}

    def note(self, stream: Hashable, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """Take in what `stream` said; the joined facts that changed."""
        facts = self._by_stream.setdefault(stream, {})
        changed: dict[Key, None] = {}
        for delivery in deliveries:
            key = (delivery.type_url, delivery.name)
            facts[key] = delivery
            changed[key] = None
        return list(self._join(changed))

    def leave(self, stream: Hashable) -> list[Delivery]:
        """The stream ended; the joined facts that changed. The facts of the last one stay."""
        facts = self._by_stream.get(stream, {})
        if len(self._by_stream) <= 1:
            return []
        self._by_stream.pop(stream, None)
        return list(self._join(facts))

    def arrive(self, stream: Hashable, connected: Iterable[Hashable]) -> None:
        """A stream begins; what only ended streams said is superseded by what it says of itself."""
        kept = set(connected)
        self._by_stream = {other: facts for other, facts in self._by_stream.items() if other in kept}
        self._by_stream[stream] = {}

    def _join(self, keys: Iterable[Key]) -> Iterator[Delivery]:
        for key in keys:
            said = [facts[key] for facts in self._by_stream.values() if key in facts]
            known = self._joined.get(key)
            if not said:
                continue
            versions = [delivery.accepted for delivery in said]
            lagging = known.accepted if known is not None and known.accepted in versions else versions[0]
            word = min(said, key=lambda delivery: delivery.refused is None)
            joined = Delivery(word.proxy, *key, lagging, word.refused, word.message)
            if joined != known:
                self._joined[key] = joined
                yield joined
