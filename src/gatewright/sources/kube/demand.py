"""What is asked for by name: the objects (or groups of them) that somebody refers to, and which of them are to be fetched.

A watch says that something about a name has changed, a fetch says how it is now. Whatever changes while a fetch is under way is
fetched again, so the last answer is never older than the last change.
"""

from collections.abc import Hashable, Iterable
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Demand(Generic[K]):
    """The names that are wanted."""

    def __init__(self) -> None:
        self.wanted: AbstractSet[K] = frozenset()
        self._due: dict[K, None] = {}
        self._asking: set[K] = set()

    @property
    def idle(self) -> bool:
        """Whether all that is wanted has been answered."""
        return not self._due and not self._asking

    @property
    def due(self) -> bool:
        """Whether `take` has something to give."""
        return any(key not in self._asking for key in self._due)

    def want(self, keys: AbstractSet[K], *, known: bool = False) -> AbstractSet[K]:
        """These are wanted from now on, and only these; returns what is no longer. With `known` nothing needs fetching."""
        new, gone = keys - self.wanted, self.wanted - keys
        self.wanted = frozenset(keys)
        if not known:
            self._due.update(dict.fromkeys(new))
        for key in gone:
            self._due.pop(key, None)
        return gone

    def touched(self, key: K) -> None:
        """Something about `key` has changed."""
        if key in self.wanted:
            self._due[key] = None

    def lost(self) -> None:
        """Changes may have been missed: everything is to be fetched again."""
        self._due.update(dict.fromkeys(self.wanted))

    def take(self) -> tuple[K, ...]:
        """What is to be fetched now; all of it comes back by `answered` or `failed`."""
        keys = tuple(key for key in self._due if key not in self._asking)
        for key in keys:
            del self._due[key]
        self._asking.update(keys)
        return keys

    def answered(self, keys: Iterable[K]) -> None:
        """The fetch of `keys` has ended."""
        self._asking.difference_update(keys)

    def failed(self, keys: Iterable[K]) -> None:
        """The fetch of `keys` has ended without an answer: try again."""
        for key in keys:
            self._asking.discard(key)
            self.touched(key)
