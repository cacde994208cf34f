"""The composition root: one running control plane, from its settings to its last status.

`plane` is the loop, `host` and `cluster` are the places in which it runs; `outbox` turns settled rows into what proxies are sent;
`publication` holds statuses until the proxies have caught up; `overview` is what the console shows; `proxyspecs` and `workloads`
shape the proxies.
"""

from gatewright.settings import Settings

__all__ = ["serve"]


async def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    if settings.cluster is not None:
        from gatewright.control.cluster import ClusterPlane  # noqa: PLC0415 - neither of the two pays for the other's libraries

        return await ClusterPlane(settings, settings.cluster).run()
    from gatewright.control.host import HostPlane  # noqa: PLC0415 - as above

    return await HostPlane(settings).run()
