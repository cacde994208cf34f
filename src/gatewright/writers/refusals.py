"""What proxies refuse at one replica, told to the others: a Lease for each replica whose proxies refuse something.

A proxy is connected to one replica, and the statuses are written by another. A refusal says which version of which resource was
refused, and all replicas make the same bytes: so it holds for whoever wants to send that version, and means nothing to anybody
else. It does not matter in which order things are heard. A replica whose proxies refuse nothing has no Lease. One that has renews
it, or else (it may be dead) it is not believed any longer, and removed. Source: the annotations are ours; the Lease is as for
election.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from gatewright import log
from gatewright.apiserver import APPLY_PATCH, FIELD_MANAGER, NOT_FOUND, OK, SUCCESS, Requests, denied

LABEL: Final = "gatewright.dev/refusals"
ANNOTATION: Final = "gatewright.dev/refusals"
API_VERSION: Final = "coordination.k8s.io/v1"
PREFIX: Final = "gatewright-refusals-"
RENEW_SECONDS: Final = 10.0
BELIEVED_SECONDS: Final = 35.0  # without a renewal
LOOK_SECONDS: Final = 1.0
MOST: Final = 64  # refusals that are told; of a Lease, 256 KiB may be annotations
MESSAGE_LIMIT: Final = 2000

_log = log.logger(__name__)


class Name(NamedTuple):
    """A resource as a proxy knows it."""

    proxy: str
    type_url: str
    name: str


class Refusal(msgspec.Struct, frozen=True):
    """A proxy refuses this version of a resource, in these words; `accepted`: it goes on with an earlier one."""

    proxy: str
    type_url: str
    name: str
    version: str
    message: str
    accepted: bool

    @property
    def of(self) -> Name:
        """The resource."""
        return Name(self.proxy, self.type_url, self.name)


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    annotations: Mapping[str, str] = {}


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    holder_identity: str = ""
    renew_time: str = ""


class _Lease(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    spec: _Spec = _Spec()


class _Leases(msgspec.Struct, frozen=True):
    items: tuple[_Lease, ...] = ()


class OwnRefusals:
    """Tells what the proxies that are connected here refuse."""

    def __init__(self, api: Requests, namespace: str, identity: str) -> None:
        self._api = api
        self._identity = identity
        self._name, self._namespace = f"{PREFIX}{identity.lower()}", namespace
        self._path = f"/apis/{API_VERSION}/namespaces/{namespace}/leases/{self._name}"
        self._refusals: dict[Name, Refusal] = {}
        self._told = False
        self._wake = asyncio.Event()

    def note(self, name: Name, refusal: Refusal | None) -> None:
        """What a proxy says of a resource now."""
        before = self._refusals.pop(name, None)
        if refusal is not None:
            self._refusals[name] = refusal
        if before != refusal:
            self._wake.set()

    async def run(self) -> None:
        """Tell, and renew what was told, until cancelled; then nothing is left."""
        try:
            while True:
                try:
                    async with asyncio.timeout(RENEW_SECONDS if self._refusals else None):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._wake.clear()
                await self._tell()
        finally:
            if self._told:
                await self._remove()

    async def _tell(self) -> None:
        try:
            if self._refusals:
                await self._apply()
            elif self._told:
                await self._remove()
        except OSError as problem:
            _log.warning("refusals of proxies cannot be told", problem=str(problem))
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._wake.set)

    async def _apply(self) -> None:
        told = [msgspec.structs.replace(each, message=each.message[:MESSAGE_LIMIT]) for each in self._refusals.values()]
        lease: dict[str, Any] = {
            "apiVersion": API_VERSION,
            "kind": "Lease",
            "metadata": {
                "name": self._name,
                "namespace": self._namespace,
                "labels": {LABEL: "true"},
                "annotations": {ANNOTATION: msgspec.json.encode(told[:MOST]).decode()},
            },
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": int(BELIEVED_SECONDS),
                "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        }
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        answer = await self._api.request(
            "PATCH", self._path, query=query, body=msgspec.json.encode(lease), content_type=APPLY_PATCH
        )
        if answer.status not in SUCCESS:
            raise denied(answer)
        self._told = True

    async def _remove(self) -> None:
        answer = await self._api.request("DELETE", self._path)
        self._told = answer.status not in SUCCESS and answer.status != NOT_FOUND


class OthersRefusals:
    """Hears what proxies refuse at other replicas."""

    def __init__(self, api: Requests, namespace: str, identity: str, heard: Callable[[Mapping[Name, Refusal]], None]) -> None:
        """`heard` is given all of them, whenever that is another set."""
        self._api = api
        self._path = f"/apis/{API_VERSION}/namespaces/{namespace}/leases"
        self._identity = identity
        self._heard = heard
        self._known: Mapping[Name, Refusal] = {}
        self._renewed: dict[str, tuple[str, float]] = {}

    async def run(self) -> None:
        """Listen, until cancelled."""
        while True:
            try:
                await self._look()
            except OSError as problem:
                _log.debug("what other replicas' proxies refuse cannot be read", problem=str(problem))
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        answer = await self._api.request("GET", self._path, query={"labelSelector": LABEL})
        if answer.status != OK:
            raise denied(answer)
        leases = msgspec.json.decode(answer.body, type=_Leases).items
        now = time.monotonic()
        live = [lease for lease in leases if self._is_renewed(lease, now)]
        for lease in leases:
            if lease not in live:
                await self._api.request("DELETE", f"{self._path}/{lease.metadata.name}")
        others = (lease for lease in live if lease.spec.holder_identity != self._identity)
        known = {each.of: each for lease in others for each in _read(lease)}
        if known != self._known:
            self._known = known
            self._heard(known)

    def _is_renewed(self, lease: _Lease, now: float) -> bool:
        """Whether we have seen it renewed lately; clocks of machines differ."""
        seen, since = self._renewed.get(lease.metadata.name, ("", now))
        if seen != lease.spec.renew_time:
            since = now
        self._renewed[lease.metadata.name] = lease.spec.renew_time, since
        return now - since < BELIEVED_SECONDS


def _read(lease: _Lease) -> Iterable[Refusal]:
    try:
        return msgspec.json.decode(lease.metadata.annotations.get(ANNOTATION, "[]"), type=tuple[Refusal, ...])
    except msgspec.MsgspecError:  # of a version that says it otherwise
        return ()
