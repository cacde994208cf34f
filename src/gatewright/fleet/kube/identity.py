"""Who a proxy is, and that it gets its own configuration and nobody else's.

Each proxy's Pods have a ServiceAccount of their own, and show a token of it that is meant for the control plane alone. The API
server says whose a token is; whether that account may have what is asked for is decided here. Source: Kubernetes, TokenReview.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gatewright.apiserver import Api
from gatewright.fleet.kube.pods import service_account_name
from gatewright.fleet.kube.workload import Installation, Workload, namespace_of

PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
REMEMBERED_SECONDS: Final = 60.0
MOST_REMEMBERED: Final = 4096
_USER: Final = "system:serviceaccount:"
_POD: Final = "authentication.kubernetes.io/pod-name"


class Identity(msgspec.Struct, frozen=True):
    """Whose a token is; `pod` is empty for one that is bound to no Pod."""

    namespace: str
    service_account: str
    pod: str = ""


class TokenReviews:
    """Asks the API server whose tokens are, and remembers it for a minute."""

    def __init__(self, api: Api, audience: str) -> None:
        self._api = api
        self._audience = audience
        self._known: dict[bytes, tuple[float, Identity]] = {}

    async def identify(self, token: str, now: float) -> Identity | None:
        """Whose `token` is, at `now` of a monotonic clock; None when it is not good for us. Raises: ApiProblem."""
        digest = hashlib.sha256(token.encode()).digest()
        until, identity = self._known.get(digest, (0.0, None))
        if identity is not None and now < until:
            return identity
        spec = {"token": token, "audiences": [self._audience]}
        document = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        found = identity_of(await self._api.create(PATH, document), self._audience)
        if found is not None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known = {key: known for key, known in self._known.items() if now < known[0]}
            self._known[digest] = (now + REMEMBERED_SECONDS, found)
        return found


def identity_of(review: Mapping[str, Any], audience: str) -> Identity | None:
    """What a TokenReview says; None unless it is a ServiceAccount's, and meant for `audience`."""
    status = review.get("status") or {}
    user = status.get("user") or {}
    name = str(user.get("username", ""))
    if status.get("authenticated") is not True or audience not in status.get("audiences", ()) or not name.startswith(_USER):
        return None
    namespace, _, account = name.removeprefix(_USER).partition(":")
    pods = (user.get("extra") or {}).get(_POD) or [""]
    return Identity(namespace, account, str(pods[0]))


def refusal(identity: Identity | None, proxy: str, node: str, wanted: Mapping[str, Workload], installation: Installation) -> str:
    """Why this identity may not have the configuration of `proxy`, as the Pod `node`; empty when it may."""
    workload = wanted.get(proxy)
    if identity is None or workload is None:  # which proxies there are is nobody's business who has no right to one
        return f"not authorised for proxy {proxy!r}"
    own = (namespace_of(workload, installation), service_account_name(workload, installation))
    if own != (identity.namespace, identity.service_account):
        return f"not authorised for proxy {proxy!r}"
    if identity.pod and identity.pod != node:
        return f"the token is of Pod {identity.pod}, not of {node}"
    return ""


def bearer(metadata: Mapping[str, str | bytes]) -> str:
    """The token in a request's metadata: Envoy sends it bare, others after `Bearer`."""
    value = metadata.get("authorization", "")
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return text[7:].strip() if text[:7].lower() == "bearer " else text.strip()
