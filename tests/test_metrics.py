"""Metric names that dashboards depend on, and series that end with their proxy."""

from gatewright.metrics import Metrics
from gatewright.wire import resource


def series(metrics: Metrics) -> dict[str, float]:
    lines = metrics.exposition().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def test_the_names_of_envoy_gateway_are_kept() -> None:
    """NACKs, snapshots and status updates have the names and labels that Envoy Gateway's dashboards use."""
    metrics = Metrics()
    metrics.refused("default/web", resource.LISTENER)
    metrics.published("default/web")
    metrics.status_written("HTTPRoute", 0.01)
    metrics.status_written("HTTPRoute", 0.01, failed=True)
    found = series(metrics)
    assert 1 == found[f'xds_nack_total{{nodeID="default/web",typeUrl="{resource.LISTENER}"}}']
    assert 1 == found['xds_snapshot_update_total{nodeID="default/web",status="success"}']
    assert 1 == found['status_update_total{kind="HTTPRoute",status="failure"}']
    assert 2 == found['status_update_duration_seconds_count{kind="HTTPRoute"}']


def test_every_observer_shows() -> None:
    """Each method moves a series of its own."""
    metrics = Metrics()
    metrics.settled(0.002, 5)
    metrics.changed({"HTTPRoute": 3})
    metrics.objects({"HTTPRoute": 3, "Gateway": 0})
    metrics.problems(2)
    metrics.delivered("default/web", resource.CLUSTER)
    metrics.confirmed("default/web", 0.004)
    metrics.connected("default/web", connected=True)
    metrics.proxies({"running": 2})
    metrics.proxy_restarted("default/web")
    metrics.lagged(0.001)
    metrics.ready(ready=True)
    found = series(metrics)
    assert {
        "gatewright_settle_duration_seconds_count": 1,
        "gatewright_settle_rows_sum": 5,
        'gatewright_source_changes_total{kind="HTTPRoute"}': 3,
        'gatewright_objects{kind="Gateway"}': 0,
        "gatewright_source_problems": 2,
        'gatewright_delivered_versions_total{proxy="default/web",type="Cluster"}': 1,
        'gatewright_confirm_duration_seconds_count{proxy="default/web"}': 1,
        'gatewright_proxy_connected{proxy="default/web"}': 1,
        'gatewright_proxies{phase="running"}': 2,
        'gatewright_proxy_restarts_total{proxy="default/web"}': 1,
        "gatewright_loop_lag_seconds_count": 1,
        "gatewright_ready": 1,
    }.items() <= found.items()


def test_a_proxy_that_is_gone_leaves_no_gauge() -> None:
    """A dashboard must not show a proxy that nobody wants as disconnected for ever; one never seen may go, too."""
    metrics = Metrics()
    metrics.connected("default/web", connected=True)
    metrics.proxies({"running": 1})
    metrics.proxy_gone("default/web")
    metrics.proxy_gone("default/unknown")
    metrics.proxies({})
    assert not [name for name in series(metrics) if "default/" in name or name.startswith("gatewright_proxies")]


def test_two_planes_in_one_process_do_not_share() -> None:
    """Each has a registry of its own."""
    one, other = Metrics(), Metrics()
    one.problems(7)
    assert 0 == series(other)["gatewright_source_problems"]
