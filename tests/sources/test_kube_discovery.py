"""Which kinds are served, and when one is believed to be missing."""

import pytest

from gatewright.api.envoygateway import KubernetesWatchMode
from gatewright.api.meta import NamespacedName
from gatewright.api.references import LabelSelector
from gatewright.sources.kube.discovery import Definition, Missing, Unknown, confirmed, verdict
from gatewright.sources.kube.resource import BY_NAME, Resource
from gatewright.sources.kube.scope import Scope

GRANT = BY_NAME["ReferenceGrant"]
GROUP = GRANT.group
NOT_SERVED = Missing(GRANT, "not served")


def test_the_first_of_our_versions_counts() -> None:
    """Whatever else is served."""
    served = {(GROUP, "v1"): frozenset({"gateways"}), (GROUP, "v1beta1"): frozenset({"referencegrants"})}
    assert Resource(GRANT, "v1beta1") == verdict(GRANT, served)
    assert Resource(GRANT, "v1") == verdict(GRANT, served | {(GROUP, "v1"): frozenset({"referencegrants"})})


def test_kinds_of_the_server_itself() -> None:
    """They are never missing."""
    assert Resource(BY_NAME["Service"], "v1") == verdict(BY_NAME["Service"], {})


def test_no_answer_is_not_missing() -> None:
    """A server that does not say leaves everything as it is."""
    assert isinstance(verdict(GRANT, {(GROUP, "v1"): frozenset(), (GROUP, "v1beta1"): None}), Unknown)
    assert isinstance(verdict(GRANT, {(GROUP, "v1"): frozenset(), (GROUP, "v1beta1"): frozenset()}), Missing)


@pytest.mark.parametrize(
    ("definition", "lasting", "believed"),
    [
        ("absent", False, True),
        ("unknown", True, False),
        ("forbidden", False, False),
        ("forbidden", True, True),
        (frozenset({"v1beta1"}), True, False),
        (frozenset({"v2"}), False, True),
        (frozenset(), False, True),
    ],
)
def test_missing_needs_a_second_sign(definition: Definition, *, lasting: bool, believed: bool) -> None:
    """That of the CustomResourceDefinition; a server that has just started may not serve yet what it will."""
    assert believed == isinstance(confirmed(NOT_SERVED, definition, lasting=lasting), Missing)


def test_paths() -> None:
    """Of lists, objects and statuses; core kinds have another root."""
    key = NamespacedName("default", "a")
    assert "/api/v1/namespaces/default/services/a" == Resource(BY_NAME["Service"], "v1").object_path(key)
    assert f"/apis/{GROUP}/v1/httproutes" == Resource(BY_NAME["HTTPRoute"], "v1").list_path()
    path = Resource(BY_NAME["GatewayClass"], "v1").object_path(NamespacedName("", "c"), "status")
    assert f"/apis/{GROUP}/v1/gatewayclasses/c/status" == path


def test_scopes() -> None:
    """Some namespaces are listed one by one; objects outside namespaces always; a selector selects from all."""
    some = Scope.of(KubernetesWatchMode(type="Namespaces", namespaces=("a", "b")))
    assert (("a", "b"), ("",)) == (some.places(BY_NAME["HTTPRoute"]), some.places(BY_NAME["GatewayClass"]))
    selector = LabelSelector(match_labels={"team": "x"})
    chosen = Scope.of(KubernetesWatchMode(type="NamespaceSelector", namespace_selector=selector))
    assert (selector, ("",)) == (chosen.selector, chosen.places(BY_NAME["HTTPRoute"]))
    assert Scope() == Scope.of(None) == Scope.of(KubernetesWatchMode())
