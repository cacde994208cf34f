"""A model of Envoy's side of delta ADS, as far as the order of delivery depends on it.

It warms clusters, withholds its answers about clusters while one is warming, asks for endpoints and routes as clusters and
listeners need them, refuses what is marked as bad in the way each type does it, and notes when a route configuration points
at a cluster that is not in use. Marks are texts in the resources: "bad" is refused by name, "half-made" too but keeps
warming, "invalid" refuses the whole response without a name, "slow" clusters warm only when told.
"""

from collections import deque

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from gatewright.ads.messages import Request, Response
from gatewright.wire.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, Resource

REFUSED = {CLUSTER: ("Error adding/updating cluster(s) ", ", "), LISTENER: ("Error adding/updating listener(s) ", "\n")}


def is_bad(resource: Resource) -> bool:
    return any(mark in resource.body for mark in (b"bad", b"half-made", b"invalid"))


def endpoints_of(resource: Resource) -> str:
    cluster = Cluster.FromString(resource.body)
    return str(cluster.eds_cluster_config.service_name or cluster.name)


def targets_of(resource: Resource) -> set[str]:
    hosts = RouteConfiguration.FromString(resource.body).virtual_hosts
    return {route.route.cluster for host in hosts for route in host.routes}


class ModelEnvoy:
    """One Envoy process over any number of streams. What it says collects in `said`."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Resource]] = {CLUSTER: {}, ENDPOINTS: {}, LISTENER: {}, ROUTES: {}}
        self.warming: dict[str, Resource | None] = {}
        self.used_by_listener: dict[str, Resource] = {}
        self.active: dict[str, Resource] = {}
        self.broken: list[str] = []
        self.said: deque[Request] = deque()
        self._asked: dict[str, set[str]] = {ENDPOINTS: set(), ROUTES: set()}
        self._paused = False
        self._withheld: list[Request] = []

    def connect(self) -> None:
        """A new stream: say what is held, and forget what was not yet said."""
        self.said.clear()
        self._withheld.clear()
        for type_url, held in self.held.items():
            asked = self._asked.get(type_url)
            if asked is None or asked:
                versions = {name: each.version for name, each in held.items()}
                self.said.append(Request(type_url, subscribe=tuple(sorted(asked or ())), initial_versions=versions))

    def receive(self, response: Response) -> None:
        wrong = {CLUSTER: self._clusters, ENDPOINTS: self._endpoints, LISTENER: self._listeners, ROUTES: self._routes}
        error = wrong[response.type_url](response)
        if error is None:
            held = self.held[response.type_url]
            asked = self._asked.get(response.type_url)
            held.update((name, each) for name, each in response.upserts.items() if asked is None or name in asked)
            for name in response.removals:
                held.pop(name, None)
        answer = Request(response.type_url, nonce=response.nonce, error=error)
        if response.type_url == CLUSTER and self._paused:
            self._withheld.append(answer)
        else:
            self.said.append(answer)

    def give_up_waiting(self) -> None:
        """Envoy's initial_fetch_timeout is over: clusters are used without endpoints that nobody sends."""
        for name, resource in list(self.warming.items()):
            if resource is not None:
                self._use(name, resource)

    def resolve(self) -> None:
        """The slow clusters are done."""
        for name, resource in list(self.warming.items()):
            if resource is not None and b"slow" in resource.body:
                self._use(name, resource)

    def _refuse(self, response: Response) -> str | None:
        """The text of a refusal that lists names, or of one that does not."""
        if any(b"invalid" in each.body for each in response.upserts.values()):
            return "Proto constraint validation failed (somewhere)"
        preamble, separator = REFUSED[response.type_url]
        bad = [f"{name}: bad, very bad" for name, each in response.upserts.items() if is_bad(each)]
        return preamble + separator.join(bad) if bad else None

    def _clusters(self, response: Response) -> str | None:
        error = self._refuse(response)
        if error is not None and "constraint" in error:
            return error
        for name, resource in response.upserts.items():
            if b"half-made" in resource.body:
                self.warming[name] = None
            elif not is_bad(resource):
                self._warm(name, resource)
        for name in response.removals:
            if self.active.pop(name, None) or name in self.warming:
                self.warming.pop(name, None)
                self._count()
        self._ask(ENDPOINTS, {endpoints_of(each) for each in (*self.active.values(), *self.warming.values()) if each})
        return error

    def _warm(self, name: str, resource: Resource) -> None:
        warming = self.warming.get(name)
        if name in self.warming and warming is not None and warming.version == resource.version:
            return
        if name not in self.warming and name in self.active and self.active[name].version == resource.version:
            return
        self.warming[name] = resource
        self._count()

    def _count(self) -> None:
        """Answers about clusters are paused while any is warming; this is looked at only when a cluster was added or removed."""
        self._paused = bool(self.warming)
        if not self._paused:
            self.said.extend(self._withheld)
            self._withheld.clear()

    def _use(self, name: str, resource: Resource) -> None:
        del self.warming[name]
        self.active[name] = resource
        self._count()

    def _endpoints(self, response: Response) -> str | None:
        if any(is_bad(each) for each in response.upserts.values()):
            return "malformed IP address: bad"
        told = set(response.upserts) | response.removals
        for name, resource in list(self.warming.items()):
            if resource is not None and endpoints_of(resource) in told and b"slow" not in resource.body:
                self._use(name, resource)
        return None

    def _listeners(self, response: Response) -> str | None:
        error = self._refuse(response)
        if error is None or "constraint" not in error:
            for name in response.removals:
                self.used_by_listener.pop(name, None)
            self.used_by_listener.update((name, each) for name, each in response.upserts.items() if not is_bad(each))
        self._ask(ROUTES, set(self.used_by_listener))
        return error

    def _routes(self, response: Response) -> str | None:
        if any(is_bad(each) for each in response.upserts.values()):
            return "Only a single wildcard domain is permitted"
        for name, resource in response.upserts.items():
            missing = {target for target in targets_of(resource) if target not in self.active}
            self.broken.extend(f"{name} -> {target}" for target in sorted(missing))
        return None

    def _ask(self, type_url: str, wanted: set[str]) -> None:
        asked = self._asked[type_url]
        if wanted == asked:
            return
        new, old = tuple(sorted(wanted - asked)), tuple(sorted(asked - wanted))
        self._asked[type_url] = wanted
        for name in old:
            self.held[type_url].pop(name, None)
        self.said.append(Request(type_url, subscribe=new, unsubscribe=old))
