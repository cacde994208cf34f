"""From Envoy's gauges to what is still under way."""

from gatewright.fleet.drain import open_connections, under_way

IDLE = {
    "http.admin.downstream_cx_active": 1,
    "http.admin.downstream_rq_active": 1,
    "http.http-10080.downstream_cx_active": 2,
    "http.http-10080.downstream_rq_active": 0,
    "listener.127.0.0.1_10080.downstream_cx_active": 2,
    "listener.127.0.0.1_10080.worker_0.downstream_cx_active": 1,
    "listener.127.0.0.1_10080.worker_12.downstream_cx_active": 1,
    "listener.admin.downstream_cx_active": 1,
    "listener.admin.main_thread.downstream_cx_active": 1,
}


def test_connections_are_counted_once_and_without_the_admin_interface() -> None:
    """Workers' shares are part of the listener's number; asking for it is a connection as well."""
    assert 2 == open_connections(IDLE)


def test_idle_http_connections_are_not_under_way() -> None:
    """HTTP lets a server close a connection on which nothing was asked."""
    assert 0 == under_way(IDLE)


def test_requests_are_under_way() -> None:
    """A request, an upgraded connection included, counts until its answer has ended."""
    assert 1 == under_way({**IDLE, "http.http-10080.downstream_rq_active": 1})


def test_connections_that_are_not_http_are_under_way() -> None:
    """Of a TCP connection nobody can say that it is idle."""
    assert 3 == under_way({**IDLE, "listener.0.0.0.0_5432.downstream_cx_active": 3})
