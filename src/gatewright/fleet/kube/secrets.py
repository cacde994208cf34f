"""The certificates of an installation as Secrets in the controller's namespace.

Any replica may make and renew them: each Secret is created once, and replaced only as it was read, so of two that try one wins
and the other reads what it wrote. A Secret that somebody else provides (cert-manager, `certgen` of Envoy Gateway) is used as it
is and never touched.
"""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from gatewright.apiserver import CONFLICT, Api, ApiProblem
from gatewright.fleet.certificates import (
    PROXY,
    SERVER,
    Authority,
    Certificates,
    Pair,
    Subject,
    cluster_subjects,
    hmac_key,
    renewed,
)
from gatewright.fleet.kube.objects import Document

AUTHORITY_SECRET: Final = "gatewright-ca"  # noqa: S105 - a name
HMAC_SECRET: Final = "envoy-oidc-hmac"  # noqa: S105 - a name
MADE_BY_US: Final = "gatewright.io/rotated"
LABELS: Final = {"control-plane": "envoy-gateway"}
ATTEMPTS: Final = 10
PAUSE: Final = 0.05  # seconds, longer with each attempt: replicas that start together write one Secret after another


class Trust(msgspec.Struct, frozen=True):
    """What the control plane shows, and whom it trusts; PEM."""

    server: Pair
    trusted_ca: str


class CertificateSecrets:
    """The Secrets of one installation."""

    def __init__(self, api: Api, namespace: str, dns_domain: str = "cluster.local") -> None:
        self._api = api
        self._subjects = cluster_subjects(namespace, dns_domain)
        self._path = f"/api/v1/namespaces/{namespace}/secrets"
        self._namespace = namespace

    async def settle(self, now: datetime, *, overwrite: bool = False) -> Trust:
        """Make what is missing, renew what is due, and return what is to be used. Raises: ApiProblem.

        `overwrite` makes everything anew, whoever made it.
        """
        for attempt in range(ATTEMPTS):
            try:
                return await self._settle(now, overwrite=overwrite and attempt == 0)
            except ApiProblem as problem:
                if problem.status != CONFLICT or attempt == ATTEMPTS - 1:
                    raise
            await asyncio.sleep(PAUSE * (attempt + 1))
        raise ApiProblem(CONFLICT, "the certificates' Secrets are changed again and again by somebody else")

    async def _settle(self, now: datetime, *, overwrite: bool) -> Trust:
        found = {name: await self._api.read(f"{self._path}/{name}") for name in (*self._subjects, AUTHORITY_SECRET, HMAC_SECRET)}
        foreign = {name for name in self._subjects if found[name] is not None and not overwrite and not _is_ours(found[name])}
        ours: Mapping[str, Subject] = {name: each for name, each in self._subjects.items() if name not in foreign}
        if ours:
            before = None if overwrite else _certificates(found, ours)
            after = renewed(before, ours, now)
            trusted = after.authority.trusted + "".join(_text(found[name], "ca.crt") for name in sorted(foreign))
            await self._write(AUTHORITY_SECRET, found, _authority_data(after.authority), "kubernetes.io/tls")
            for name, pair in after.leaves.items():
                data = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": trusted}
                found[name] = await self._write(name, found, data, "kubernetes.io/tls")
        if found[HMAC_SECRET] is None:
            await self._write(HMAC_SECRET, found, {"hmac-secret": hmac_key().decode("latin-1")}, "Opaque")
        server = found[SERVER]
        return Trust(Pair(_text(server, "tls.crt"), _text(server, "tls.key")), _text(found[PROXY], "ca.crt"))

    async def _write(self, name: str, found: Mapping[str, Document | None], data: Mapping[str, str], kind: str) -> Document:
        encoded = {key: base64.b64encode(value.encode("latin-1")).decode() for key, value in data.items()}
        there = found[name]
        if there is None:
            metadata = {"name": name, "namespace": self._namespace, "labels": LABELS, "annotations": {MADE_BY_US: "true"}}
            document = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": encoded}
            return await self._api.create(self._path, document)
        if there.get("data") == encoded:
            return there
        annotations = {**(there["metadata"].get("annotations") or {}), MADE_BY_US: "true"}
        changed = {**there, "metadata": {**there["metadata"], "annotations": annotations}, "data": encoded}
        return await self._api.replace(f"{self._path}/{name}", changed)


def _is_ours(secret: Document | None) -> bool:
    return secret is not None and (secret["metadata"].get("annotations") or {}).get(MADE_BY_US) == "true"


def _certificates(found: Mapping[str, Document | None], names: Mapping[str, Subject]) -> Certificates | None:
    """What the Secrets hold; None without an authority."""
    authority = found[AUTHORITY_SECRET]
    if authority is None:
        return None
    following = _pair(authority, "next.crt", "next.key")
    retired = tuple(f"{block}{_END}" for block in _text(authority, "retired.crt").split(_END) if block.strip())
    leaves = {name: pair for name in names if (pair := _pair(found[name], "tls.crt", "tls.key"))}
    current = _pair(authority, "tls.crt", "tls.key") or Pair("", "")
    return Certificates(Authority(current, following, retired), leaves)


_END: Final = "-----END CERTIFICATE-----\n"


def _authority_data(authority: Authority) -> dict[str, str]:
    following = authority.following
    return {
        "tls.crt": authority.current.certificate,
        "tls.key": authority.current.key,
        **({"next.crt": following.certificate, "next.key": following.key} if following else {}),
        **({"retired.crt": "".join(authority.retired)} if authority.retired else {}),
    }


def _pair(secret: Document | None, certificate: str, key: str) -> Pair | None:
    pair = Pair(_text(secret, certificate), _text(secret, key))
    return pair if pair.certificate and pair.key else None


def _text(secret: Document | None, name: str) -> str:
    """One entry of a Secret; empty when it is not there, or no base64."""
    try:
        return base64.b64decode(((secret or {}).get("data") or {}).get(name, ""), validate=True).decode("latin-1")
    except binascii.Error:
        return ""
