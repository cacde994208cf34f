"""What of a status is worth an Event."""

from typing import Any

from gatewright.api.meta import NamespacedName
from gatewright.writers.events import Regarding, complaints

OURS = "gateway.envoyproxy.io/gatewayclass-controller"
ROUTE = Regarding("gateway.networking.k8s.io/v1", "HTTPRoute", NamespacedName("shop", "web"), "uid")
GATEWAY = Regarding("gateway.networking.k8s.io/v1", "Gateway", NamespacedName("shop", "web"), "uid")


def condition(kind: str, status: str, reason: str, message: str = "why") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def parent(controller: str, *conditions: dict[str, str]) -> dict[str, Any]:
    return {"parentRef": {"name": "gw"}, "controllerName": controller, "conditions": list(conditions)}


def told(regarding: Regarding, status: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each.action, each.reason, each.note) for each in complaints(regarding, status, OURS)]


def test_what_is_wrong_is_told_and_what_is_well_or_undecided_is_not() -> None:
    status = {
        "parents": [
            parent(
                OURS,
                condition("Accepted", "True", "Accepted"),
                condition("ResolvedRefs", "False", "BackendNotFound", "no such Service"),
                condition("PartiallyInvalid", "True", "UnsupportedValue", "Dropped Rule(s) [0]"),
                condition("Programmed", "Unknown", "Pending"),
            )
        ]
    }
    assert [
        ("ResolveRefs", "BackendNotFound", "Gateway shop/gw: ResolvedRefs=False: no such Service"),
        ("Check", "UnsupportedValue", "Gateway shop/gw: PartiallyInvalid=True: Dropped Rule(s) [0]"),
    ] == told(ROUTE, status)


def test_entries_of_other_controllers_are_theirs_to_tell() -> None:
    assert [] == told(ROUTE, {"parents": [parent("example.com/other", condition("Accepted", "False", "No"))]})


def test_a_listener_is_named() -> None:
    refused = condition("Programmed", "False", "Invalid", "Envoy refuses it")
    status = {"conditions": [condition("Accepted", "True", "Accepted")], "listeners": [{"name": "http", "conditions": [refused]}]}
    assert [("Program", "Invalid", "listener http: Programmed=False: Envoy refuses it")] == told(GATEWAY, status)


def test_a_note_is_as_long_as_the_api_allows() -> None:
    (found,) = told(GATEWAY, {"conditions": [condition("Accepted", "False", "Invalid", "x" * 5000)]})
    assert 1024 == len(found[2])
