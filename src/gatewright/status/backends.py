"""The status of a Backend: whether routes may refer to it."""

from gatewright.api.backend import Backend
from gatewright.api.meta import NamespacedName
from gatewright.flow import Read
from gatewright.graph.backends import judge
from gatewright.status.conditions import BACKEND, conditions
from gatewright.status.document import StatusDocument


def report(read: Read, key: NamespacedName, backend: Backend) -> StatusDocument:
    """Report on one Backend."""
    generation = backend.metadata.generation
    body = {"conditions": conditions(BACKEND, judge(read, backend), generation)}
    return StatusDocument("Backend", key, backend.api_version, generation, body)
