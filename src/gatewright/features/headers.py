"""RequestHeaderModifier and ResponseHeaderModifier.

`set` overwrites, `add` appends, `remove` removes; the spec forbids one header in two of them. The two types differ only in the
fields of Envoy's Route (and ClusterWeight) that they fill, which have the same names in both messages.
"""

from typing import TypeVar

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.route.v3 import route_components_pb2 as route_pb

from gatewright.api.filters import HTTPFilter, HTTPHeaderFilter
from gatewright.features.base import Placement, RouteFilter
from gatewright.features.operators import escaped

Part = TypeVar("Part", route_pb.Route, route_pb.WeightedCluster.ClusterWeight)


class HeaderModifier(RouteFilter):
    """One of the two header filters."""

    def __init__(self, filter_type: str, direction: str) -> None:
        self.type = filter_type
        self._direction = direction

    def route(self, spec: HTTPFilter, placement: Placement) -> route_pb.Route:
        """Return the route's header changes."""
        del placement
        return self._part(route_pb.Route(), spec)

    def weight(self, spec: HTTPFilter, placement: Placement) -> route_pb.WeightedCluster.ClusterWeight:
        """Return one weighted cluster's header changes."""
        del placement
        return self._part(route_pb.WeightedCluster.ClusterWeight(), spec)

    def _part(self, part: Part, spec: HTTPFilter) -> Part:
        headers = spec.request_header_modifier if self._direction == "request" else spec.response_header_modifier
        if headers is None:
            return part
        if self._direction == "request":
            part.request_headers_to_add.extend(options(headers))
            part.request_headers_to_remove.extend(headers.remove)
        else:
            part.response_headers_to_add.extend(options(headers))
            part.response_headers_to_remove.extend(headers.remove)
        return part


def options(headers: HTTPHeaderFilter) -> list[HeaderValueOption]:
    """Return header changes as Envoy's options, overwriting ones first."""
    return [
        HeaderValueOption(header=HeaderValue(key=header.name, value=escaped(header.value)), append_action=action)
        for action, changes in (
            (HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD, headers.set),
            (HeaderValueOption.APPEND_IF_EXISTS_OR_ADD, headers.add),
        )
        for header in changes
    ]


REQUEST_HEADERS = HeaderModifier("RequestHeaderModifier", "request")
RESPONSE_HEADERS = HeaderModifier("ResponseHeaderModifier", "response")
