"""A model of an API server's lists and watches: objects, a history, pages of snapshots, and forgetting."""

import json
from typing import Any, NamedTuple

from gatewright.api.meta import NamespacedName
from gatewright.sources.kube.mirror import List


class Told(NamedTuple):
    """One event of the history."""

    version: int
    type: str
    object: dict[str, Any]


class Server:
    """HTTPRoutes by key; each write is a version."""

    def __init__(self) -> None:
        self.version = 10
        self.objects: dict[NamespacedName, dict[str, Any]] = {}
        self.history: list[Told] = []
        self.oldest = 10
        self.deleted: set[str] = set()
        self._snapshots: dict[str, list[dict[str, Any]]] = {}

    def put(self, namespace: str, name: str, backend: str) -> None:
        """Create an object, or change it."""
        self.version += 1
        key = NamespacedName(namespace, name)
        before = self.objects.get(key)
        made = route(key, backend, self.version, before["metadata"]["uid"] if before else f"u{self.version}")
        self.objects[key] = made
        self.history.append(Told(self.version, "MODIFIED" if before else "ADDED", made))

    def delete(self, key: NamespacedName) -> None:
        """Delete an object that is there."""
        self.version += 1
        gone = self.objects.pop(key)
        self.deleted.add(gone["metadata"]["uid"])
        last = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
        self.history.append(Told(self.version, "DELETED", last))

    def compact(self) -> None:
        """Forget the history, and the snapshots of lists that are under way."""
        self.oldest = self.version
        self._snapshots.clear()

    def page(self, request: List, size: int, namespace: str = "") -> bytes | None:
        """A page; None is 410 Gone."""
        token = request.continue_
        if not token:
            items = [each for key, each in sorted(self.objects.items()) if namespace in {"", key.namespace}]
            version, start = self.version, 0
            token = f"{namespace}:{version}"
            self._snapshots[token] = items
        else:
            token, _, begin = token.rpartition(":")
            start, version = int(begin), int(token.rpartition(":")[2])
            if token not in self._snapshots:
                return None
        items = self._snapshots[token]
        size = min(size, request.limit)
        end = start + size
        rest = f"{token}:{end}" if end < len(items) else ""
        return json.dumps({"metadata": {"resourceVersion": str(version), "continue": rest}, "items": items[start:end]}).encode()

    def since(self, version: str) -> list[Told] | None:
        """What came after a version; None is 410 Gone."""
        return None if int(version) < self.oldest else [told for told in self.history if told.version > int(version)]


def line(told: Told) -> bytes:
    """An event as a line of a watch."""
    return json.dumps({"type": told.type, "object": told.object}).encode() + b"\n"


def bookmark(version: int) -> bytes:
    """A bookmark as a line of a watch."""
    return (
        json.dumps({"type": "BOOKMARK", "object": {"kind": "HTTPRoute", "metadata": {"resourceVersion": str(version)}}}).encode()
        + b"\n"
    )


def gone() -> bytes:
    """The line by which a watch says that it has forgotten where we were."""
    status = {"kind": "Status", "metadata": {}, "status": "Failure", "message": "too old", "reason": "Expired", "code": 410}
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


def route(key: NamespacedName, backend: str, version: int = 1, uid: str = "u1", generation: int = 1) -> dict[str, Any]:
    """An HTTPRoute as an API server sends it."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "resourceVersion": str(version),
            "uid": uid,
            "generation": generation,
            "managedFields": [{"manager": "somebody", "fieldsV1": {"f:spec": {}}}],
        },
        "spec": {"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": backend, "port": 80}]}]},
    }
