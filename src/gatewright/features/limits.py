"""Timeouts and retries of a rule.

The request limit bounds the whole exchange, the backend limit each try; 0s is without limit. A try that fails to connect, is cut
off, or runs out of time is tried again wherever there is a retry, and so are answers with one of its codes; the last try's
failure is the client's answer. Envoy draws each wait by chance, its bound doubling from `backoff` on. Sources: GEP-1731 and
GEP-1742; Envoy RouteAction.timeout and RetryPolicy.
"""

from typing import Final

from envoy.config.route.v3 import route_components_pb2 as route_pb
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from gatewright.api.durations import milliseconds
from gatewright.api.httproute import HTTPRouteRetry, HTTPRouteTimeouts
from gatewright.features.base import packed

_CONNECTION_ERRORS: Final = "connect-failure,refused-stream,reset"
_BY_CODE: Final = "retriable-status-codes"
_RETRIES: Final = 2  # Envoy Gateway's, where the rule does not say
_ANOTHER_HOST: Final = 5  # how often another endpoint is looked for that has not failed yet
_BACKOFF: Final = 25  # milliseconds; Envoy's, where the rule does not say
_LONGEST_BACKOFF: Final = 10  # times the first one


def limits(timeouts: HTTPRouteTimeouts | None, retry: HTTPRouteRetry | None) -> route_pb.RouteAction:
    """Return the limits of a rule as part of its route's action."""
    action = route_pb.RouteAction()
    if retry is not None:
        action.retry_policy.CopyFrom(_policy(retry))
    if timeouts is None:
        return action
    request = None if timeouts.request is None else milliseconds(timeouts.request)
    each_try = None if timeouts.backend_request is None else milliseconds(timeouts.backend_request)
    # Without a request limit the exchange has as long as its tries: Envoy's default of 15 s must not cut them short.
    whole = _all_tries(each_try, retry) if request is None else request
    if whole is not None:
        action.timeout.CopyFrom(_duration(whole))
    if each_try:
        action.retry_policy.per_try_timeout.CopyFrom(_duration(each_try))
    return action


def _policy(retry: HTTPRouteRetry) -> route_pb.RetryPolicy:
    policy = route_pb.RetryPolicy(
        retry_on=f"{_CONNECTION_ERRORS},{_BY_CODE}" if retry.codes else _CONNECTION_ERRORS,
        retriable_status_codes=sorted(retry.codes),
        num_retries=UInt32Value(value=_retries(retry)),
        host_selection_retry_max_attempts=_ANOTHER_HOST,
        retry_host_predicate=[
            route_pb.RetryPolicy.RetryHostPredicate(
                name="envoy.retry_host_predicates.previous_hosts", typed_config=packed(PreviousHostsPredicate())
            )
        ],
    )
    if _backoff(retry) != _BACKOFF:
        policy.retry_back_off.base_interval.CopyFrom(_duration(_backoff(retry)))
    return policy


def _retries(retry: HTTPRouteRetry) -> int:
    return _RETRIES if retry.attempts is None else retry.attempts


def _backoff(retry: HTTPRouteRetry) -> int:
    """The first wait in milliseconds; Envoy knows no wait of 0."""
    return max(milliseconds(retry.backoff), 1) if retry.backoff else _BACKOFF


def _all_tries(each_try: int | None, retry: HTTPRouteRetry | None) -> int | None:
    """How long all tries together may take with their waits."""
    if not each_try or retry is None:
        return each_try
    return each_try * (_retries(retry) + 1) + _backoff(retry) * _LONGEST_BACKOFF * _retries(retry)


def _duration(whole: int) -> Duration:
    return Duration(seconds=whole // 1000, nanos=whole % 1000 * 1_000_000)
