"""Letting a proxy finish what it has begun, before it is told to quit.

Envoy asks its clients to go (`connection: close`, GOAWAY) and goes on serving. It is done when no connection is left, or when for
a moment nothing was under way on those that are: HTTP lets a server close idle connections, and waiting for clients that merely
hold one would make every stop last the whole drain time. Connections that are not HTTP are busy for as long as they are open.
Nobody balances load in front of a proxy on a host, so there is no minimum drain time as in a cluster.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Final

from gatewright.fleet.admin import AdminClient

QUIET_SECONDS: Final = 1.0
POLL_SECONDS: Final = 0.1
GAUGES: Final = r"downstream_(cx|rq)_active$"

_CONNECTIONS: Final = re.compile(
    r"listener\.(?!admin\.).*(?<!\.worker_\d)(?<!\.worker_\d\d)(?<!\.worker_\d\d\d)\.downstream_cx_active"
)
_HTTP: Final = re.compile(r"http\.(?!admin\.).*\.downstream_(cx|rq)_active")


def open_connections(gauges: Mapping[str, int]) -> int:
    """Connections of clients, those to the admin interface left out."""
    return sum(value for name, value in gauges.items() if _CONNECTIONS.fullmatch(name))


def under_way(gauges: Mapping[str, int]) -> int:
    """Requests being answered, and connections that are not HTTP."""
    http = {name: value for name, value in gauges.items() if _HTTP.fullmatch(name)}
    requests = sum(value for name, value in http.items() if name.endswith("rq_active"))
    http_connections = sum(http.values()) - requests
    return requests + max(open_connections(gauges) - http_connections, 0)


async def drain(admin: AdminClient, remaining: Callable[[], float], kept: Callable[[], bool]) -> None:
    """Drains and stops listening, until nothing is under way or no `remaining()` seconds are left; or until the proxy is `kept`.

    Raises AdminError when Envoy does not answer.
    """
    await admin.begin_drain()
    quiet_since: float | None = None
    while remaining() > 0 and not kept():
        gauges = await admin.gauges(GAUGES)
        if open_connections(gauges) == 0:
            break
        quiet_since = None if under_way(gauges) else quiet_since or time.monotonic()
        if quiet_since is not None and time.monotonic() - quiet_since >= QUIET_SECONDS:
            break
        await asyncio.sleep(min(POLL_SECONDS, max(remaining(), 0)))
    if not kept():
        await _close_the_door(admin, remaining)


async def _close_the_door(admin: AdminClient, remaining: Callable[[], float]) -> None:
    """A request may have come in since we last looked: take no more, then let it finish."""
    await admin.stop_listening()
    while under_way(await admin.gauges(GAUGES)) and remaining() > 0:  # noqa: ASYNC110 - only Envoy knows, and it has to be asked
        await asyncio.sleep(min(POLL_SECONDS, max(remaining(), 0)))
