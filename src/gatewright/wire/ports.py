"""Ports as proxies bind them: shifted in a container, where low ones need rights that its user does not have."""

from typing import Final

from gatewright.flow import Read
from gatewright.graph.tables import ONLY, SETTINGS

_WELL_KNOWN_LIMIT: Final = 1024
_SHIFT: Final = 10000


def bound_port(read: Read, port: int) -> int:
    """The port that the proxy binds for a listener's port: shifted in a container, the same on a host."""
    settings = read(SETTINGS, ONLY)
    return port + _SHIFT if settings and settings.shift_low_ports and port < _WELL_KNOWN_LIMIT else port
