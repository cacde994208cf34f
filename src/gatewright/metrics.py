"""Every metric of the control plane, in one table-like module.

Names that dashboards of Envoy Gateway use are kept where they mean the same; what is ours alone begins with `gatewright_`. Label
values come from small closed sets (kinds, phases, xDS types); a proxy is a label, an object's name never is. `control` calls the
methods of `Metrics` at the events they are named after; `exposition` renders all of them in Prometheus' text format.
"""

from collections.abc import Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS: Final = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
SUCCESS, FAILURE = "success", "failure"


class Metrics:
    """The metrics of one control plane, in a registry of their own."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=self.registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

        # As Envoy Gateway names them.
        self._snapshots = counter(
            "xds_snapshot_update_total", "Settled batches whose changes went to a proxy.", "status", "nodeID"
        )
        self._nacks = counter("xds_nack_total", "Resources that Envoy refused.", "nodeID", "typeUrl")
        self._streams = histogram(
            "xds_stream_duration_seconds", "Life of an xDS stream.", (1, 10, 60, 600, 3_600, 86_400), "nodeID"
        )
        self._writes = counter("status_update_total", "Status documents written.", "kind", "status")
        self._write_seconds = histogram("status_update_duration_seconds", "Time to write a status document.", SECONDS, "kind")

        # Ours alone.
        self._settles = histogram(
            "gatewright_settle_duration_seconds", "Time to bring all tables up to date with one batch.", SECONDS
        )
        self._changes = counter("gatewright_source_changes_total", "Changes of objects that sources delivered.", "kind")
        self._rows = histogram("gatewright_settle_rows", "Rows that changed in one batch.", ROWS)
        self._objects = gauge("gatewright_objects", "Objects in memory.", "kind")
        self._watches = gauge("gatewright_source_watches", "Watches begun since the start.", "kind")
        self._lists = gauge("gatewright_source_lists", "Lists begun since the start.", "kind")
        self._problems = gauge("gatewright_source_problems", "Problems of documents that were not taken.")
        self._proxies = gauge("gatewright_proxies", "Proxies by phase.", "phase")
        self._restarts = counter("gatewright_proxy_restarts_total", "Proxies started again after they died.", "proxy")
        self._connected = gauge("gatewright_proxy_connected", "1 while the proxy's xDS stream is open.", "proxy")
        self._delivered = counter(
            "gatewright_delivered_versions_total", "Resource versions that Envoy confirmed.", "proxy", "type"
        )
        self._confirm = histogram(
            "gatewright_confirm_duration_seconds", "From settled to confirmed by a proxy.", SECONDS, "proxy"
        )
        self._lag = histogram("gatewright_loop_lag_seconds", "How late a timer of the event loop fires.", SECONDS)
        self._ready = gauge("gatewright_ready", "1 when every desired proxy serves the settled configuration.")

    def settled(self, seconds: float, rows: int) -> None:
        """A batch was settled in `seconds`, and `rows` rows changed."""
        self._settles.observe(seconds)
        self._rows.observe(rows)

    def changed(self, changes: Mapping[str, int]) -> None:
        """Sources delivered so many changes, by kind."""
        for kind, count in changes.items():
            self._changes.labels(kind).inc(count)

    def objects(self, counts: Mapping[str, int]) -> None:
        """So many objects are in memory, by kind; name a kind again when its last object is gone."""
        for kind, count in counts.items():
            self._objects.labels(kind).set(count)

    def followed(self, kind: str, watches: int, lists: int) -> None:
        """So many watches and lists of a kind have been begun since the start."""
        self._watches.labels(kind).set(watches)
        self._lists.labels(kind).set(lists)

    def problems(self, count: int) -> None:
        """So many problems stand against documents that were not taken."""
        self._problems.set(count)

    def published(self, proxy: str) -> None:
        """A batch had changes for `proxy`."""
        self._snapshots.labels(SUCCESS, proxy).inc()

    def delivered(self, proxy: str, type_url: str) -> None:
        """Envoy confirmed one version of one resource."""
        self._delivered.labels(proxy, type_name(type_url)).inc()

    def refused(self, proxy: str, type_url: str) -> None:
        """Envoy refused one version of one resource."""
        self._nacks.labels(proxy, type_url).inc()

    def confirmed(self, proxy: str, seconds: float) -> None:
        """A proxy confirmed (or refused) everything of a batch, `seconds` after it was settled."""
        self._confirm.labels(proxy).observe(seconds)

    def connected(self, proxy: str, *, connected: bool) -> None:
        """The proxy's xDS stream opened or closed."""
        self._connected.labels(proxy).set(connected)

    def stream_closed(self, proxy: str, seconds: float) -> None:
        """An xDS stream ended after `seconds`."""
        self._streams.labels(proxy).observe(seconds)

    def proxies(self, phases: Mapping[str, int]) -> None:
        """So many proxies are in each phase; phases that are not named have none."""
        self._proxies.clear()
        for phase, count in phases.items():
            self._proxies.labels(phase).set(count)

    def proxy_restarted(self, proxy: str) -> None:
        """A proxy died and was started again."""
        self._restarts.labels(proxy).inc()

    def proxy_gone(self, proxy: str) -> None:
        """A proxy is no longer desired: its series end."""
        self._connected.remove(proxy)
        self._confirm.remove(proxy)

    def status_written(self, kind: str, seconds: float, *, failed: bool = False) -> None:
        """A status document was written in `seconds`, or could not be."""
        self._writes.labels(kind, FAILURE if failed else SUCCESS).inc()
        self._write_seconds.labels(kind).observe(seconds)

    def lagged(self, seconds: float) -> None:
        """A timer of the event loop fired `seconds` late."""
        self._lag.observe(seconds)

    def ready(self, *, ready: bool) -> None:
        """Whether every desired proxy serves the settled configuration."""
        self._ready.set(ready)

    def exposition(self) -> bytes:
        """Every series in Prometheus' text format (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)


def type_name(type_url: str) -> str:
    """The message's own name: `type.googleapis.com/envoy.config.cluster.v3.Cluster` → `Cluster`."""
    return type_url.rsplit(".", 1)[-1]
