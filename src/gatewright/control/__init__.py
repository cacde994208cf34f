"""The composition root: one running control plane, from its settings to its last status.

`plane` is the loop; `outbox` turns settled rows into what proxies are sent; `publication` holds statuses until the proxies have
caught up; `overview` is what the console shows; `proxyspecs` shapes the processes.
"""

from gatewright.control.plane import serve

__all__ = ["serve"]
