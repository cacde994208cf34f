"""The status of a Backend and of an XBackend: whether routes may refer to it; of the latter for each Gateway that uses it."""

from typing import Final

from gatewright.api.backend import Backend
from gatewright.api.meta import NamespacedName
from gatewright.api.references import GATEWAY_GROUP
from gatewright.api.xbackend import XBackend
from gatewright.flow import Read
from gatewright.graph.backend_tls import x_backend_problems
from gatewright.graph.backends import judge
from gatewright.graph.tables import BACKEND_USERS, ONLY, SETTINGS, BackendKey
from gatewright.status.conditions import BACKEND, conditions
from gatewright.status.document import StatusDocument
from gatewright.status.policies import gateways_of

MOST_PARENTS: Final = 32


def report(read: Read, key: NamespacedName, backend: Backend) -> StatusDocument:
    """Report on one Backend."""
    generation = backend.metadata.generation
    body = {"conditions": conditions(BACKEND, judge(read, backend), generation)}
    return StatusDocument("Backend", key, backend.api_version, generation, body)


def report_external(read: Read, key: NamespacedName, backend: XBackend) -> StatusDocument | None:
    """Report on one XBackend, to every Gateway with routes to it."""
    settings = read(SETTINGS, ONLY)
    if settings is None:
        return None
    generation = backend.metadata.generation
    users = read(BACKEND_USERS, BackendKey("xbackend", *key)) or {}
    gateways = sorted({gateway for user in users for gateway in gateways_of(read, user)})
    judged = conditions(BACKEND, x_backend_problems(read, backend), generation)
    parents = [
        {
            "parentRef": {"group": GATEWAY_GROUP, "kind": "Gateway", "namespace": gateway.namespace, "name": gateway.name},
            "controllerName": settings.controller_name,
            "conditions": judged,
        }
        for gateway in gateways[:MOST_PARENTS]
    ]
    return StatusDocument("XBackend", key, backend.api_version, generation, {"parents": parents})
