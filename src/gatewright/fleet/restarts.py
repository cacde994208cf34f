"""How long to wait before a fallen Envoy is started again: not at all, unless it falls again and again.

A value that is replaced at every fall; the clock is the caller's.
"""

from typing import Final

import msgspec

STEADY_SECONDS: Final = 30.0  # an Envoy that lived this long was well
FIRST_DELAY: Final = 0.25
LONGEST_DELAY: Final = 10.0


class Restarts(msgspec.Struct, frozen=True):
    """Falls in quick succession so far."""

    falls: int = 0

    def fell(self, lived: float) -> "Restarts":
        """The state after an Envoy ended that had lived for so many seconds."""
        return Restarts(1 if lived >= STEADY_SECONDS else self.falls + 1)

    @property
    def delay(self) -> float:
        """Seconds to wait before the next start."""
        return 0.0 if self.falls <= 1 else min(FIRST_DELAY * 2 ** (min(self.falls, 32) - 2), LONGEST_DELAY)
