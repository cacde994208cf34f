"""What crosses the border of the ADS server, as plain values.

`Request` and `Response` are the two messages of the delta protocol without their encoding; `ResourceChange` comes in from the
tables, `Delivery`, `Progress` and `Late` go back to them. The state machines of this package take and return only these.
"""

from collections.abc import Mapping

import msgspec

from gatewright.wire.resource import Resource


class ResourceChange(msgspec.Struct, frozen=True, gc=False):
    """What `proxy` shall hold under this type and name from now on; no resource means nothing."""

    proxy: str
    type_url: str
    name: str
    resource: Resource | None


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """What `proxy` made of a resource: the version it holds, the one it refused if one is held back, and its words for that."""

    proxy: str
    type_url: str
    name: str
    accepted: str | None
    refused: str | None
    message: str = ""


class Progress(msgspec.Struct, frozen=True, gc=False):
    """Everything published up to batch `settled` is confirmed or refused by `proxy`; 0 before the first batch is."""

    proxy: str
    connected: bool
    settled: int


class Late(msgspec.Struct, frozen=True, gc=False):
    """`proxy` did not confirm these within the patience of the server, which went on without."""

    proxy: str
    type_url: str
    names: tuple[str, ...]


class Request(msgspec.Struct, frozen=True):
    """A DeltaDiscoveryRequest: changes of interest, and the answer to the response `nonce`; with an `error`, a refusal."""

    type_url: str
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial_versions: Mapping[str, str] = {}
    nonce: str = ""
    error: str | None = None


class Response(msgspec.Struct, frozen=True):
    """A DeltaDiscoveryResponse: `upserts` by name, and the names that do not, or no longer, exist."""

    type_url: str
    nonce: str
    upserts: Mapping[str, Resource]
    removals: frozenset[str] = frozenset()


class Counters(msgspec.Struct, frozen=True):
    """Totals since start by type URL; `streams` is how many are open now, `late` how many responses outlasted the patience."""

    streams: int
    pushes: Mapping[str, int]
    acks: Mapping[str, int]
    nacks: Mapping[str, int]
    late: int
