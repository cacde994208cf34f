"""What an API server sends, read."""

import json
from typing import Any

import pytest

from gatewright.api.core import EndpointSlice, Secret, Service
from gatewright.api.gateway import Gateway
from gatewright.api.httproute import HTTPRoute
from gatewright.api.kinds import KINDS
from gatewright.api.meta import NamespacedName
from gatewright.sources.kube.resource import BY_NAME, Resource
from gatewright.sources.kube.wire import LAST_APPLIED, Bookmark, Event, Failure, Reader, Seen, failure
from tests.sources.kube_server import bookmark, gone, route

KEY = NamespacedName("default", "a")


def reader(kind: str, version: str = "v1") -> Reader:
    return Reader(Resource(BY_NAME[kind], version))


def read(kind: str, document: dict[str, Any]) -> Seen:
    return reader(kind).object(json.dumps(document).encode())


def text(seen: Seen) -> list[str]:
    return [str(problem) for problem in seen.problems]


def test_a_line_is_an_event() -> None:
    """Added, changed or gone, with the object's version, generation and uid."""
    line = json.dumps({"type": "MODIFIED", "object": route(KEY, "one", version=12, uid="u", generation=3)}).encode()
    event = reader("HTTPRoute").line(line)
    assert isinstance(event, Event)
    assert (False, KEY, 12, 3) == (event.gone, *(getattr(event.seen, name) for name in Seen.__struct_fields__[:3]))
    assert isinstance(event.seen.object, HTTPRoute)
    assert "u" == event.seen.object.metadata.uid
    deleted = reader("HTTPRoute").line(line.replace(b"MODIFIED", b"DELETED"))
    assert isinstance(deleted, Event)
    assert deleted.gone


@pytest.mark.parametrize("kind", ["HTTPRoute", "Service", "Secret"])
def test_bookmarks_and_errors(kind: str) -> None:
    """Both are no objects of the kind, whatever the kind lets be absent."""
    assert Bookmark("7") == reader(kind).line(bookmark(7))
    told = reader(kind).line(gone())
    assert isinstance(told, Failure)
    assert 410 == told.code


def test_what_only_got_a_status_is_equal() -> None:
    """Versions, managedFields and the status are not part of the object; the status is kept as it stands."""
    before = route(KEY, "one", version=5)
    after = route(KEY, "one", version=6) | {"status": {"parents": [{"controllerName": "theirs"}]}}
    after["metadata"]["managedFields"] = [{"manager": "status"}]
    first, second = read("HTTPRoute", before), read("HTTPRoute", after)
    assert first.object == second.object
    assert b"" == first.status
    assert {"parents": [{"controllerName": "theirs"}]} == json.loads(second.status)


def test_the_copy_of_kubectl_is_not_kept() -> None:
    """The command apply puts the whole object into an annotation once more."""
    document = route(KEY, "one")
    document["metadata"]["annotations"] = {LAST_APPLIED: "{}", "kept": "yes"}
    seen = read("HTTPRoute", document)
    assert isinstance(seen.object, HTTPRoute)
    assert {"kept": "yes"} == seen.object.metadata.annotations


def test_items_of_lists_of_core_kinds_do_not_say_what_they_are() -> None:
    """The list does; and a Service's status is read."""
    document = {
        "metadata": {"name": "s", "namespace": "default", "resourceVersion": "3"},
        "spec": {"clusterIP": "10.96.0.7", "ports": [{"port": 80}], "sessionAffinity": "None"},
        "status": {"loadBalancer": {"ingress": [{"ip": "10.97.0.1", "ipMode": "VIP"}]}},
    }
    service = read("Service", document).object
    assert isinstance(service, Service)
    assert ("v1", "Service", "10.96.0.7") == (service.api_version, service.kind, service.spec.cluster_ip)
    assert service.status is not None
    assert "10.97.0.1" == service.status.load_balancer.ingress[0].ip


def test_a_secret_shows_nothing() -> None:
    """Neither its text nor its problems do."""
    seen = read(
        "Secret", {"metadata": {"name": "s", "namespace": "default", "resourceVersion": "3"}, "data": {"key": "c2VjcmV0"}}
    )
    assert isinstance(seen.object, Secret)
    assert b"secret" == seen.object.decoded("key")
    assert "c2VjcmV0" not in repr(seen)


def test_a_field_of_a_newer_crd_is_left_out() -> None:
    """The object is taken, and a problem names the field."""
    document = route(KEY, "one")
    document["spec"]["rules"][0]["newField"] = {"deep": 1}
    seen = read("HTTPRoute", document)
    assert isinstance(seen.object, HTTPRoute)
    assert "one" == seen.object.spec.rules[0].backend_refs[0].name
    assert ["spec.rules[0].newField: is not known to this version of Gatewright, and ignored"] == text(seen)


def test_a_value_of_a_newer_crd_is_a_problem() -> None:
    """What a new type of filter does cannot be left out: the object is refused, and says of what."""
    document = route(KEY, "one")
    document["spec"]["rules"][0]["filters"] = [{"type": "Teleport"}]
    seen = read("HTTPRoute", document)
    assert seen.object is None
    assert ["spec.rules[0].filters[0].type"] == [problem.path for problem in seen.problems]
    assert '"Teleport" is not supported' in text(seen)[0]


def test_a_rule_that_an_older_crd_did_not_have() -> None:
    """An object that no present CRD would take is refused here."""
    document = route(KEY, "one")
    document["spec"]["rules"][0]["matches"] = [{"path": {"type": "Exact", "value": "no-slash"}}]
    seen = read("HTTPRoute", document)
    assert seen.object is None
    assert ["spec.rules[0].matches[0].path"] == [problem.path.removesuffix(".value") for problem in seen.problems]


def test_an_older_version_of_a_kind() -> None:
    """The object says in which version it was read."""
    document = {"metadata": {"name": "g", "namespace": "default", "resourceVersion": "3"}, "spec": {"from": [], "to": []}}
    seen = reader("ReferenceGrant", "v1beta1").object(json.dumps(document).encode())
    assert seen.object is None
    assert {"spec.from", "spec.to"} == {problem.path for problem in seen.problems}
    document["spec"] = {
        "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "x"}],
        "to": [{"group": "", "kind": "Service"}],
    }
    assert "gateway.networking.k8s.io/v1beta1" == getattr(
        reader("ReferenceGrant", "v1beta1").object(json.dumps(document).encode()).object, "api_version", ""
    )


def test_every_kind_can_be_read() -> None:
    """A reader can be made for each kind and version."""
    assert len(KINDS) == len([Reader(Resource(kind, version)) for kind in KINDS for version in kind.versions[:1]])


def test_other_kinds() -> None:
    """Kinds whose fields are renamed or stand beside the spec."""
    gateway = {
        "metadata": {"name": "g", "namespace": "default", "resourceVersion": "3"},
        "spec": {"gatewayClassName": "c", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    }
    assert isinstance(read("Gateway", gateway).object, Gateway)
    endpoints = {
        "metadata": {"name": "e", "namespace": "default", "resourceVersion": "3", "labels": {"kubernetes.io/service-name": "s"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
        "ports": [{"name": "", "port": 80, "protocol": "TCP"}],
    }
    found = read("EndpointSlice", endpoints).object
    assert isinstance(found, EndpointSlice)
    assert ("s", "10.0.0.1") == (found.owner, found.endpoints[0].addresses[0])


def test_refusals() -> None:
    """A Status object says why; anything else is shown as it came, in part."""
    assert "403 Forbidden: no" == str(
        failure(403, b'{"kind":"Status","status":"Failure","reason":"Forbidden","message":"no","code":403}')
    )
    assert "<html>" == failure(502, b"<html>").message
