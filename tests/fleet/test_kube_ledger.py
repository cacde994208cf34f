"""What the fleet does about its objects: when one is applied, when one is deleted, what is said of a proxy."""

import copy
from typing import Any

import pytest

from gatewright.fleet.kube.ledger import LONGEST_PAUSE, Apply, Delete, Ledger, projection
from gatewright.fleet.kube.objects import DEPLOYMENT, MANAGED_KINDS, SERVICE, SERVICE_ACCOUNT, ManagedKind, ObjectKey
from gatewright.fleet.kube.workload import Workload
from gatewright.fleet.spec import Phase
from tests.fleet.kube_cases import INSTALLATION, workload

PROXY = "default/eg"
DAEMON_SET = "{provider: {type: Kubernetes, kubernetes: {envoyDaemonSet: {}}}}"


class Server:
    """An API server without a network: keeps what is applied, adds what a real one adds, and tells the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.version = 100
        self.objects: dict[ObjectKey, dict[str, Any]] = {}
        for kind in MANAGED_KINDS:
            ledger.listed(kind, "envoy-gateway-system", [])

    def take(self, now: float = 0.0) -> list[str]:
        """Take all steps that are due; what they are, in short."""
        done = []
        for steps in self.ledger.steps(now).values():
            for step in steps:
                if isinstance(step, Apply):
                    self.ledger.applied(step, self.store(step.key, step.document), now)
                    done.append(f"apply {step.key.kind.kind}")
                else:
                    self.objects.pop(step.key)
                    self.ledger.removed(step.key)
                    done.append(f"delete {step.key.kind.kind}")
        return done

    def store(self, key: ObjectKey, document: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        made = copy.deepcopy(document)
        made["metadata"] |= {"uid": f"uid-{self.version}", "resourceVersion": str(self.version), "managedFields": []}
        made["status"] = self.objects.get(key, {}).get("status", {})
        self.objects[key] = made
        return made

    def change(self, kind: ManagedKind, **fields: dict[str, Any]) -> None:
        """Somebody else changes top-level fields of the object of a kind."""
        key = next(key for key in self.objects if key.kind == kind)
        self.version += 1
        before = self.objects[key]
        self.objects[key] = {
            **before,
            **fields,
            "metadata": {**before["metadata"], **fields.get("metadata", {}), "resourceVersion": str(self.version)},
        }
        self.ledger.changed(kind, self.objects[key])


@pytest.fixture
def server() -> Server:
    return Server(Ledger(INSTALLATION))


def want(server: Server, *workloads: Workload) -> None:
    server.ledger.want({each.proxy.name: each for each in workloads}, INSTALLATION)


def test_everything_is_applied_once(server: Server) -> None:
    """In an order in which nothing waits for what comes later; then nothing is due until something changes."""
    want(server, workload())

    assert ["apply ServiceAccount", "apply ConfigMap", "apply Service", "apply Deployment"] == server.take()
    assert [] == server.take()
    assert server.ledger.deadline() is None


def test_only_what_has_changed_is_applied(server: Server) -> None:
    """Another port is another Service, and the same Pods."""
    want(server, workload())
    server.take()
    want(server, workload(ports=()))

    assert ["apply Service"] == server.take()


def test_what_others_decide_is_theirs(server: Server) -> None:
    """A status, a replica count that we do not set, an annotation of a load balancer: none of our business."""
    want(server, workload())
    server.take()
    server.change(DEPLOYMENT, status={"replicas": 1})
    key = next(key for key in server.objects if key.kind == DEPLOYMENT)
    server.change(DEPLOYMENT, spec={**server.objects[key]["spec"], "replicas": 7})

    assert [] == server.take()


def test_what_others_undo_is_done_again(server: Server) -> None:
    """At once the first time, ever less often when it goes on: two controllers must not fight at full speed."""
    want(server, workload())
    server.take()
    server.change(SERVICE, spec={"type": "ClusterIP"})
    assert ["apply Service"] == server.take(1.0)

    server.change(SERVICE, spec={"type": "ClusterIP"})
    assert [] == server.take(1.0)
    deadline = server.ledger.deadline()
    assert deadline is not None
    assert ["apply Service"] == server.take(deadline)


def test_what_is_deleted_comes_back(server: Server) -> None:
    """Somebody has deleted the Service by mistake."""
    want(server, workload())
    server.take()
    key = next(key for key in server.objects if key.kind == SERVICE)
    server.ledger.removed(key)

    assert ["apply Service"] == server.take()


def test_news_that_are_older_than_our_own_change_nothing(server: Server) -> None:
    """A watch is behind: what it tells of the time before our change is no reason to change it again."""
    want(server, workload())
    server.take()
    key = next(key for key in server.objects if key.kind == SERVICE)
    old = {**server.objects[key], "spec": {}, "metadata": {**server.objects[key]["metadata"], "resourceVersion": "1"}}
    server.ledger.changed(SERVICE, old)

    assert [] == server.take()


def test_a_proxy_that_is_not_wanted_leaves_nothing_behind(server: Server) -> None:
    """All its objects go."""
    want(server, workload())
    server.take()
    want(server)

    assert sorted(["delete ServiceAccount", "delete ConfigMap", "delete Service", "delete Deployment"]) == sorted(server.take())
    assert {} == server.objects


def test_leftovers_of_an_earlier_life_go(server: Server) -> None:
    """A Gateway was deleted while no control plane ran: its objects are known by our annotation."""
    want(server, workload())
    server.take()
    left = list(server.objects.values())
    again = Ledger(INSTALLATION)
    for kind in MANAGED_KINDS:
        again.listed(kind, "", [each for each in left if each["kind"] == kind.kind])
    again.want({}, INSTALLATION)

    assert len(left) == len(again.steps(0)[""])


def test_the_objects_of_another_controller_are_not_touched(server: Server) -> None:
    """Envoy Gateway's have the same labels, and so have those of a second Gatewright."""
    want(server, workload())
    server.take()
    for kind in MANAGED_KINDS:
        if any(key.kind == kind for key in server.objects):
            server.change(kind, metadata={"annotations": {"gatewright.io/controller": "elsewhere/other"}})
    want(server)

    assert [] == server.take()


def test_a_deployment_goes_when_its_daemon_set_serves(server: Server) -> None:
    """The other way round, nobody would serve for a while."""
    want(server, workload())
    server.take()
    server.change(DEPLOYMENT, status={"replicas": 1, "availableReplicas": 1})
    want(server, workload(DAEMON_SET))
    assert ["apply DaemonSet"] == server.take()

    server.change(
        next(k for k in MANAGED_KINDS if k.kind == "DaemonSet"), status={"numberAvailable": 1, "desiredNumberScheduled": 1}
    )
    assert ["delete Deployment"] == server.take()


def test_a_renamed_service_goes_after_its_successor_has_come(server: Server) -> None:
    """And nothing else does."""
    want(server, workload())
    server.take()
    want(server, workload("{provider: {type: Kubernetes, kubernetes: {envoyService: {name: front}}}}"))

    assert ["apply Service"] == server.take()
    assert ["delete Service"] == server.take()


def test_two_proxies_may_share_a_service_account(server: Server) -> None:
    """It is applied for one of them, and goes with the last."""
    parameters = "{provider: {type: Kubernetes, kubernetes: {envoyServiceAccount: {name: shared}}}}"
    first = workload(parameters)
    second = workload(parameters, proxy=type(first.proxy)(name="default/other"), gateway=None)
    want(server, first, second)
    assert 1 == server.take().count("apply ServiceAccount")
    assert [] == server.take()

    want(server, second)
    assert "delete ServiceAccount" not in server.take()
    want(server)
    assert "delete ServiceAccount" in server.take()


def test_what_is_refused_is_tried_again_ever_less_often(server: Server) -> None:
    """The API server's words are shown meanwhile; the other objects are not held up."""
    want(server, workload())
    (steps,) = server.ledger.steps(0).values()
    account = next(step.key for step in steps if step.key.kind == SERVICE_ACCOUNT)
    pauses = []
    now = 0.0
    for _ in range(12):
        server.ledger.failed(account, "quota exceeded", now)
        until = server.ledger.deadline()
        assert until is not None
        pauses.append(until - now)
        now = until
    assert 0.2 == pauses[0]
    assert LONGEST_PAUSE == pauses[-1]
    assert sorted(pauses) == pauses
    server.ledger.failed(account, "quota exceeded", now)
    assert ["apply ConfigMap", "apply Service", "apply Deployment"] == server.take(now)
    assert "quota exceeded" in server.ledger.states()[PROXY].message

    want(server, workload(labels={"a": "b"}))  # what is wanted has changed: perhaps it is good now
    assert "apply ServiceAccount" in server.take(now)


def test_states(server: Server) -> None:
    """Starting without Pods, running with them, draining when it is to go, and then gone."""
    want(server, workload())
    assert Phase.STARTING == server.ledger.states()[PROXY].phase
    server.take()
    server.change(SERVICE, status={"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}]}})
    server.change(DEPLOYMENT, status={"replicas": 2, "availableReplicas": 1})
    state = server.ledger.states()[PROXY]
    assert (Phase.RUNNING, 1, 2, "10.0.0.9") == (state.phase, state.available, state.wanted, state.addresses[0].value)
    want(server)
    assert Phase.DRAINING == server.ledger.states()[PROXY].phase
    server.take()
    assert {} == server.ledger.states()


def test_deleting_is_of_the_very_object_that_was_seen(server: Server) -> None:
    """Its uid goes with the request: one of the same name that came since is another."""
    want(server, workload())
    server.take()
    uids = {key: each["metadata"]["uid"] for key, each in server.objects.items()}
    want(server)

    assert uids == {step.key: step.uid for step in server.ledger.steps(0)[""] if isinstance(step, Delete)}


@pytest.mark.parametrize(
    ("shape", "actual", "expected"),
    [
        ({"a": 1}, {"a": 2, "b": 3}, {"a": 2}),
        ({"a": 1}, {}, {"a": None}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2, "c": 3}]}, {"a": [{"b": 2}]}),
        ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]}),
        ({"a": {}}, {"a": {"b": 1}}, {"a": {}}),
    ],
)
def test_projection(shape: object, actual: object, expected: object) -> None:
    """Of an object, only what we speak of; a list that has another length, whole."""
    assert expected == projection(shape, actual)
