"""Who leads: the replica that holds a Lease, and renews it before it runs out.

`decide` is pure. Clocks of machines differ, so a Lease is not judged by the times in it, but by how long we have seen it
unchanged. A leader that could not renew for the deadline ceases to lead by itself, well before anybody else may begin; one that
stops hands the Lease back. Source: client-go, leaderelection; the name and the times are Envoy Gateway's.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import random
from typing import Final, Literal, TypeAlias

import msgspec

from gatewright import log
from gatewright.apiserver import CONFLICT, CREATED, NOT_FOUND, OK, Requests, denied

NAME: Final = "5b9825d2.gateway.envoyproxy.io"
API_VERSION: Final = "coordination.k8s.io/v1"
RELEASE_SECONDS: Final = 2.0  # given to the last request of one that stops

Decision: TypeAlias = Literal["create", "claim", "renew", "wait"]

_log = log.logger(__name__)


class Timing(msgspec.Struct, frozen=True):
    """In seconds: how long a Lease holds, how long a leader tries to renew it before it gives up, and how often it tries."""

    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0


class Metadata(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Metadata of a Lease."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class LeaseSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Who holds a Lease. The times are for people."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(msgspec.Struct, frozen=True, rename="camel"):
    """The kind Lease (coordination.k8s.io/v1)."""

    metadata: Metadata
    spec: LeaseSpec = LeaseSpec()
    api_version: str = API_VERSION
    kind: str = "Lease"


class Observed(msgspec.Struct, frozen=True):
    """A Lease as it was read (None: there is none), and since when, by our clock, it has been so."""

    lease: Lease | None
    since: float


def observed(before: Observed | None, lease: Lease | None, now: float) -> Observed:
    """What we know after reading `lease` at `now`."""
    if before is not None and before.lease is not None and lease is not None and before.lease.spec == lease.spec:
        return Observed(lease, before.since)
    return Observed(lease, now)


def decide(seen: Observed, identity: str, now: float, timing: Timing) -> Decision:
    """What the candidate `identity` does with what it has seen."""
    if seen.lease is None:
        return "create"
    spec = seen.lease.spec
    if spec.holder_identity == identity:
        return "renew"
    held_for = spec.lease_duration_seconds or timing.lease_duration
    return "wait" if spec.holder_identity and now < seen.since + held_for else "claim"


def claimed(lease: Lease | None, identity: str, now: str, timing: Timing) -> LeaseSpec:
    """The spec by which `identity` takes or keeps a Lease; without an identity, gives it back."""
    before = lease.spec if lease is not None else LeaseSpec()
    kept = before.holder_identity == identity or not identity
    return LeaseSpec(
        holder_identity=identity,
        lease_duration_seconds=max(1, round(timing.lease_duration)) if identity else 1,
        acquire_time=before.acquire_time if kept else now,
        renew_time=now,
        lease_transitions=(before.lease_transitions or 0) + (lease is not None and not kept),
    )


class Election:
    """One candidate."""

    def __init__(
        self, api: Requests, namespace: str, identity: str, lead: Callable[[bool], None], timing: Timing | None = None
    ) -> None:
        """Stand for the Lease in `namespace`; `lead` is told whenever we begin or cease to lead."""
        self.leading = False
        self._api = api
        self._namespace = namespace
        self._identity = identity
        self._lead = lead
        self._timing = timing or Timing()
        self._path = f"/apis/{API_VERSION}/namespaces/{namespace}/leases"
        self._seen: Observed | None = None
        self._renewed = 0.0

    @property
    def leader(self) -> str:
        """The identity of whoever held the Lease when it was last seen; empty when nobody did."""
        lease = self._seen.lease if self._seen else None
        return (lease.spec.holder_identity or "") if lease else ""

    async def run(self) -> None:
        """Stand, and lead whenever elected, until cancelled; then the Lease is given back."""
        try:
            while True:
                began = time.monotonic()
                await self._turn(began)
                await self._rest(began)
        finally:
            led = self.leading
            self._become(leading=False)
            if led:
                with contextlib.suppress(OSError, TimeoutError):
                    async with asyncio.timeout(RELEASE_SECONDS):
                        await self._put("")

    async def _turn(self, now: float) -> None:
        deadline = self._renewed + self._timing.renew_deadline if self.leading else now + self._timing.renew_deadline
        try:
            async with asyncio.timeout(max(0.0, deadline - now)):
                await self._stand(now)
        except (OSError, TimeoutError) as problem:
            _log.warning("the lease cannot be renewed or read", leading=self.leading, problem=str(problem) or "no answer")
        if self.leading and time.monotonic() >= self._renewed + self._timing.renew_deadline:
            self._become(leading=False)

    async def _rest(self, began: float) -> None:
        """Wait for the next turn, a leader no longer than it may lead; candidates spread their turns."""
        pause = self._timing.retry_period * (1.0 if self.leading else 1.0 + 0.2 * random())  # noqa: S311 - spreads load
        await asyncio.sleep(max(0.05, began + pause - time.monotonic()))

    async def _stand(self, now: float) -> None:
        if not self.leading or self._seen is None:
            await self._read(now)
        if self._seen is not None:
            decision = decide(self._seen, self._identity, now, self._timing)
            if decision != "wait" and await self._put(self._identity):
                self._renewed = now
                self._become(leading=True)
            elif self.leading:
                await self._read(now)
                self._become(leading=self.leader == self._identity)

    async def _read(self, now: float) -> None:
        answer = await self._api.request("GET", f"{self._path}/{NAME}")
        if answer.status not in {OK, NOT_FOUND}:
            raise denied(answer)
        lease = msgspec.json.decode(answer.body, type=Lease) if answer.status == OK else None
        self._seen = observed(self._seen, lease, now)

    async def _put(self, identity: str) -> bool:
        """Write our claim, for the version that we have seen; says whether it was taken."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = self._seen.lease if self._seen else None
        version = before.metadata.resource_version if before else ""
        lease = Lease(Metadata(NAME, self._namespace, version), claimed(before, identity, now, self._timing))
        path = f"{self._path}/{NAME}" if before else self._path
        answer = await self._api.request("PUT" if before else "POST", path, body=msgspec.json.encode(lease))
        if answer.status in {OK, CREATED}:
            self._seen = observed(self._seen, msgspec.json.decode(answer.body, type=Lease), time.monotonic())
            return True
        if answer.status not in {CONFLICT, NOT_FOUND}:
            raise denied(answer)
        return False

    def _become(self, *, leading: bool) -> None:
        if leading != self.leading:
            self.leading = leading
            _log.info("this replica leads now" if leading else "this replica does not lead any more", identity=self._identity)
            self._lead(leading)
