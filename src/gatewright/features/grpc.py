"""Calls of gRPC: gRPC-Web for browsers, and statistics by method.

The two filters stand in every chain, switched off, and the routes of GRPCRoutes switch them on, so that the first GRPCRoute of
a listener changes no listener (a changed one drains its connections) and an HTTPRoute beside it is left alone. Sources:
conventions, section 3; Envoy HttpFilter.disabled.
"""

from functools import cache
from typing import Final

from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.extensions.filters.http.grpc_stats.v3.config_pb2 import FilterConfig as GrpcStats
from envoy.extensions.filters.http.grpc_web.v3.grpc_web_pb2 import GrpcWeb
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue

from gatewright.features.base import packed

_FILTERS: Final[tuple[tuple[str, Message], ...]] = (
    ("envoy.filters.http.grpc_web", GrpcWeb()),
    ("envoy.filters.http.grpc_stats", GrpcStats(emit_filter_state=True, stats_for_all_methods=BoolValue(value=True))),
)


def http_filters() -> tuple[HttpFilter, ...]:
    """Return the filters of a chain, off until a route wants them."""
    return tuple(HttpFilter(name=name, disabled=True, typed_config=packed(settings)) for name, settings in _FILTERS)


@cache
def route() -> route_pb.Route:
    """Return what switches the filters on; a configuration that is there and empty does."""
    on = packed(route_pb.FilterConfig(config=AnyMessage()))
    return route_pb.Route(typed_per_filter_config={name: on for name, _ in _FILTERS})
