"""Waiting for what is about to be so: asked again and again, with the last answer in the failure."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(ask: Callable[[], T], holds: Callable[[T], bool], seconds: float = 10) -> T:
    """The first answer that `holds`; fails after `seconds` with the last one."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if holds(answer):
            return answer
        assert time.monotonic() < deadline, f"not so after {seconds} s; the last answer was {answer!r}"
        time.sleep(0.02)
