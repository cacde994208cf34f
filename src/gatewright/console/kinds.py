"""The names by which people call a kind: `HTTPRoute`, `httproutes`, `httproute.gateway.networking.k8s.io`, `gtw`.

Short names are those of the official CRDs, and a few that people type anyway.
"""

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from gatewright.api.kinds import KINDS

SHORT_NAMES: Final[Mapping[str, str]] = {
    "be": "Backend",
    "btlspolicy": "BackendTLSPolicy",
    "btp": "BackendTrafficPolicy",
    "cm": "ConfigMap",
    "ctp": "ClientTrafficPolicy",
    "eep": "EnvoyExtensionPolicy",
    "epp": "EnvoyPatchPolicy",
    "eproxy": "EnvoyProxy",
    "gc": "GatewayClass",
    "gr": "GRPCRoute",
    "gtw": "Gateway",
    "gw": "Gateway",
    "hr": "HTTPRoute",
    "hrf": "HTTPRouteFilter",
    "lset": "ListenerSet",
    "ns": "Namespace",
    "refgrant": "ReferenceGrant",
    "route": "HTTPRoute",
    "sp": "SecurityPolicy",
    "svc": "Service",
    "svcim": "ServiceImport",
    "xbtrafficpolicy": "XBackendTrafficPolicy",
}


def resolve(text: str, also: Iterable[str] = ()) -> str | None:
    """The kind that `text` names in any case, singular, plural, short or with its group, or None; `also` are more kinds."""
    names = _names()
    first = text.lower().split(".", 1)[0]
    return names.get(first) or next((kind for kind in also if kind.lower() == first), None)


def suggestions(text: str) -> list[str]:
    """Kinds whose name looks like `text`, the likeliest first."""
    close = difflib.get_close_matches(text.lower().split(".", 1)[0], _names(), n=3, cutoff=0.6)
    return list(dict.fromkeys(_names()[name] for name in close))


@cache
def _names() -> dict[str, str]:
    known = {kind.name for kind in KINDS}
    names = {short: kind for short, kind in SHORT_NAMES.items() if kind in known}
    for kind in KINDS:
        names |= {kind.name.lower(): kind.name, kind.plural: kind.name}
    return names
