"""The status of a Backend: whether routes may refer to it."""

from gatewright.api.backend import Backend
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.backends import judge
from gatewright.graph.tables import ONLY, SETTINGS
from gatewright.status.conditions import BACKEND, conditions
from gatewright.status.document import StatusDocument


def report(read: Read, key: NamespacedName, backend: Backend) -> StatusDocument:
    """Report on one Backend."""
    settings = read(SETTINGS, ONLY)
    findings = judge(backend, enabled=settings is not None and settings.backend_enabled)
    generation = backend.metadata.generation
    body = {"conditions": conditions(BACKEND, findings, generation)}
    return StatusDocument("Backend", key, backend.api_version, generation, body)
