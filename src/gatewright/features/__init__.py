"""Features: one module a policy field or filter.

`ROUTE_FILTERS` are the filters of HTTPRoute rules that become part of Envoy's Route itself, by the name of their type.
"""

from collections.abc import Mapping
from typing import Final

from gatewright.features.base import Placement, RouteFilter
from gatewright.features.cors import CROSS_ORIGIN
from gatewright.features.extension import EXTENSION
from gatewright.features.external_auth import EXTERNAL_AUTH
from gatewright.features.headers import REQUEST_HEADERS, RESPONSE_HEADERS
from gatewright.features.mirror import REQUEST_MIRROR
from gatewright.features.redirect import REQUEST_REDIRECT
from gatewright.features.rewrite import URL_REWRITE

_FILTERS: Final = (
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    REQUEST_REDIRECT,
    URL_REWRITE,
    REQUEST_MIRROR,
    CROSS_ORIGIN,
    EXTERNAL_AUTH,
    EXTENSION,
)

ROUTE_FILTERS: Final[Mapping[str, RouteFilter]] = {feature.type: feature for feature in _FILTERS}

__all__ = ["ROUTE_FILTERS", "Placement", "RouteFilter"]
