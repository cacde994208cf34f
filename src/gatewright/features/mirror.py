"""RequestMirror: a copy of each request, or of a share of them, to another backend, whose answer is thrown away.

A mirror whose backend cannot be resolved is left out and the main request is served all the same (checklist, trap 15). Source:
Envoy RouteAction.RequestMirrorPolicy.
"""

from envoy.config.core.v3.base_pb2 import RuntimeFractionalPercent
from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.type.v3.percent_pb2 import FractionalPercent

from gatewright.api.filters import HTTPFilter, HTTPRequestMirrorFilter
from gatewright.features.base import Placement, RouteFilter

_PER_MILLION = 1_000_000


class RequestMirror(RouteFilter):
    """The filter RequestMirror."""

    type = "RequestMirror"

    def route(self, spec: HTTPFilter, placement: Placement) -> route_pb.Route:
        """Return the mirror policy; nothing where its backend is not resolved."""
        if spec.request_mirror is None or not placement.cluster:
            return route_pb.Route()
        policy = route_pb.RouteAction.RequestMirrorPolicy(
            cluster=placement.cluster, runtime_fraction=_share(spec.request_mirror), disable_shadow_host_suffix_append=True
        )
        return route_pb.Route(route=route_pb.RouteAction(request_mirror_policies=[policy]))


def _share(mirror: HTTPRequestMirrorFilter) -> RuntimeFractionalPercent:
    if mirror.fraction is not None:
        millionths = mirror.fraction.numerator * _PER_MILLION // mirror.fraction.denominator
        percent = FractionalPercent(numerator=millionths, denominator=FractionalPercent.MILLION)
    else:
        percent = FractionalPercent(numerator=100 if mirror.percent is None else mirror.percent)
    return RuntimeFractionalPercent(default_value=percent)


REQUEST_MIRROR = RequestMirror()
