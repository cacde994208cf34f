"""The control plane of a cluster: objects from its API server, Envoys as Pods behind Services.

Every replica follows all objects, settles the same world and serves the same xDS. The one that leads also writes statuses and
runs the fleet. What it does not know when it begins to lead, it waits for: a status is written once the fleet has told how each
proxy is.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import structs

from gatewright import log
from gatewright.ads.messages import Delivery, Progress
from gatewright.api.meta import NamespacedName
from gatewright.apiserver import Api, ApiProblem
from gatewright.control.plane import Edge, Plane
from gatewright.control.workloads import SHAPED_BY, workloads
from gatewright.fleet.kube.fleet import EVERYWHERE, KubernetesFleet
from gatewright.fleet.kube.identity import TokenReviews, bearer, refusal
from gatewright.fleet.kube.observed import FleetState
from gatewright.fleet.kube.pods import default_bootstrap
from gatewright.fleet.kube.secrets import CertificateSecrets, Trust
from gatewright.fleet.kube.workload import Installation, Workload
from gatewright.fleet.kube.xds_tls import server_credentials
from gatewright.fleet.spec import Phase, ProxyState
from gatewright.graph.settings import GraphSettings
from gatewright.settings import ClusterSettings, Settings
from gatewright.sources.kube.client import Client
from gatewright.sources.kube.credentials import Credentials
from gatewright.sources.kube.scope import Scope
from gatewright.sources.kube.source import KubeSource
from gatewright.status.tables import PROXY_HEALTH, ProxyHealth
from gatewright.world import ASKED
from gatewright.writers.events import Events, Regarding, Said
from gatewright.writers.kubernetes import KubernetesStatuses, Written
from gatewright.writers.lease import API_VERSION as LEASE_VERSION
from gatewright.writers.lease import NAME as LEASE
from gatewright.writers.lease import Election, Timing
from gatewright.writers.refusals import Name, OthersRefusals, OwnRefusals, Refusal

LOOK_UP_SECONDS: Final = 3.0  # what cannot be looked up by then (no right to read it) holds nothing up any more
CERTIFICATES_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 2.0
BRIEFING_SECONDS: Final = 10.0
COUNT_SECONDS: Final = 5.0

_log = log.logger(__name__)


class ClusterPlane(Plane):
    """A control plane whose proxies are Pods."""

    shaped_by = SHAPED_BY

    def __init__(self, settings: Settings, cluster: ClusterSettings) -> None:
        self._cluster = cluster
        self._client = Client(Credentials(os.environ, cluster.kubeconfig, cluster.context))
        self._api = Api(self._client)
        self._source = KubeSource(self._client, scope=Scope.of(cluster.watch))
        self._statuses = KubernetesStatuses(self._client, self._source, settings.controller_name, self._status_written)
        self._source.on_lives_changed(self._statuses.lives_changed)
        timing = Timing(cluster.lease_duration, cluster.renew_deadline, cluster.retry_period)
        self._own_refusals = OwnRefusals(self._client, cluster.namespace, cluster.identity)
        self._others_refusals = OthersRefusals(self._client, cluster.namespace, cluster.identity, self._refused_elsewhere)
        self._events = Events(self._client, settings.controller_name, cluster.identity)
        self._election = Election(self._client, cluster.namespace, cluster.identity, self._lead, timing)
        self._certificates = CertificateSecrets(self._api, cluster.namespace, cluster.dns_domain)
        self._trust: Trust | None = None
        self._installation = Installation(
            namespace=cluster.namespace,
            controller_name=settings.controller_name,
            shutdown_image=cluster.shutdown_image,
            gateway_namespace_mode=cluster.gateway_namespace_mode,
            dns_domain=cluster.dns_domain,
        )
        self._tokens = TokenReviews(self._api, self._installation.xds_host)
        self._workloads: Mapping[str, Workload] = {}
        self._states: dict[str, FleetState] = {}
        self._connected: set[str] = set()
        self._fleet: KubernetesFleet | None = None
        self._leads = asyncio.Event()
        self._follows = asyncio.Event()
        self._loaded = asyncio.Event()
        self._looking_since: float | None = None
        rules = GraphSettings(
            controller_name=settings.controller_name,
            backend_enabled=settings.extension_apis.backend,
            shift_low_ports=True,
            host_addresses=None,
            envoy_proxy=settings.envoy_proxy,
            bootstrap=default_bootstrap(self._installation),
            gateway_namespace_mode=cluster.gateway_namespace_mode,
        )
        super().__init__(settings, rules, [self._statuses], elsewhere=True)

    @asynccontextmanager
    async def _infrastructure(self) -> AsyncIterator[None]:
        async with self._client:
            trust = await self._first_trust()
            self._trust = trust
            credentials = server_credentials(
                lambda: self._trust or trust, client_certificates=not self._cluster.gateway_namespace_mode
            )
            try:
                await self._ads.start_tls(self._cluster.xds_host, self._cluster.xds_port, credentials, self._authorise)
                yield
            finally:
                await self._ads.stop()

    def _edges(self) -> Sequence[Edge]:
        elect = self._election.run if self._cluster.elects else self._reign
        return (
            self._read,
            self._shape,
            self._govern,
            self._statuses.run,
            self._events.run,
            self._own_refusals.run,
            self._renew,
            self._count_watches,
            elect,
        )

    async def _leave(self) -> None:
        """Proxies go on without us."""
        _log.info("stopping: proxies go on")

    # Objects.

    async def _read(self) -> None:
        async for batch in self._source.batches():
            self._take(batch)
            if not self._complete:  # what is asked for depends on what there is
                self._carried = self._settle()
                self._source.want(self._wanted())

    def _wanted(self) -> dict[str, frozenset[NamespacedName]]:
        return {kind: frozenset(self._world.asked(ref)) for kind, ref in ASKED.items()}

    def _looked_up(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._source.want(self._wanted()):
            self._looking_since = None
            return True
        if self._looking_since is None:
            self._looking_since = now
            asyncio.get_running_loop().call_later(LOOK_UP_SECONDS, self._wake.set)
        return now - self._looking_since >= LOOK_UP_SECONDS

    # Who may have what.

    async def _authorise(self, metadata: Mapping[str, str | bytes], proxy: str, node: str) -> str:
        await self._loaded.wait()
        try:
            token = bearer(metadata)
            identity = await self._tokens.identify(token, asyncio.get_running_loop().time()) if token else None
        except ApiProblem as problem:
            _log.warning("cannot ask whose token it is", proxy=proxy, node=node, problem=str(problem))
            return "the API server does not say whose the token is"
        refused = refusal(identity, proxy, node, self._workloads, self._installation)
        if refused:
            say = _log.warning if proxy in self._workloads else _log.debug  # Pods of a proxy that is leaving ask on for a while
            say("a proxy is refused", proxy=proxy, node=node, reason=refused)
        return refused

    async def _first_trust(self) -> Trust:
        while True:
            try:
                return await self._certificates.settle(datetime.now(UTC))
            except ApiProblem as problem:
                _log.warning("there are no certificates yet", problem=str(problem))
                await asyncio.sleep(RETRY_SECONDS)

    async def _renew(self) -> None:
        """Keep the certificates good; proxies that cannot read the Secret get the authority by their ConfigMap."""
        while True:
            await asyncio.sleep(CERTIFICATES_SECONDS)
            try:
                self._trust = await self._certificates.settle(datetime.now(UTC))
                self._reshape.set()
            except ApiProblem as problem:
                _log.warning("the certificates cannot be renewed", problem=str(problem))

    async def _count_watches(self) -> None:
        while True:
            for state in self._source.states():
                self._metrics.followed(state.kind, state.watches, state.relists)
            await asyncio.sleep(COUNT_SECONDS)

    # The fleet, and who runs it.

    async def _shape(self) -> None:
        while True:
            await self._reshape.wait()
            self._reshape.clear()
            self._workloads = workloads(self._world, self._settings)
            self._loaded.set()
            self._apply()

    def _apply(self) -> None:
        if self._fleet is not None and self._loaded.is_set():
            trusted = self._trust.trusted_ca if self._trust else ""
            self._fleet.apply(self._workloads, structs.replace(self._installation, trusted_ca=trusted))

    def _lead(self, leading: bool) -> None:  # noqa: FBT001 - the shape that the election calls
        did = "became leader" if leading else "stopped leading"
        lease = Regarding(LEASE_VERSION, "Lease", NamespacedName(self._cluster.namespace, LEASE))
        if leading:
            self._follows.clear()
            self._leads.set()
        else:
            self._statuses.lead(leading=False)
            self._events.forget()
            self._leads.clear()
            self._follows.set()
        if self._cluster.elects:
            self._events.say(Said(lease, "Normal", "Elect", "LeaderElection", f"{self._cluster.identity} {did}"))

    async def _reign(self) -> None:
        """Lead without an election."""
        self._lead(True)  # noqa: FBT003 - as above

    async def _govern(self) -> None:
        """Run the fleet and write statuses, whenever this replica leads."""
        while True:
            await self._leads.wait()
            await self._loaded.wait()
            if not self._leads.is_set():
                continue
            namespaces = (
                self._cluster.watch.namespaces if self._cluster.watch and self._cluster.watch.namespaces else (EVERYWHERE,)
            )
            self._fleet = KubernetesFleet(self._api, self._installation, self._fleet_told, namespaces=namespaces)
            self._apply()
            async with asyncio.TaskGroup() as group:
                governing = (self._fleet.run(), self._others_refusals.run(), self._begin_writing())
                tasks = [group.create_task(each) for each in governing]
                await self._follows.wait()
                self._fleet = None
                for task in tasks:
                    task.cancel()

    async def _begin_writing(self) -> None:
        try:
            async with asyncio.timeout(BRIEFING_SECONDS):
                while not self._workloads.keys() <= self._states.keys():  # noqa: ASYNC110 - several things have to come together
                    await asyncio.sleep(0.02)
                await asyncio.sleep(0.02)
                while self._world.pending or not self._publication.idle:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.02)
        except TimeoutError:
            _log.warning("not all is known of the proxies", unknown=sorted(self._workloads.keys() - self._states.keys())[:5])
        self._statuses.lead(leading=True)

    def _fleet_told(self, proxy: str, state: FleetState | None) -> None:
        if state is None:
            self._states.pop(proxy, None)
            self._proxy_changed(ProxyState(proxy, Phase.STOPPED), None)
        else:
            self._states[proxy] = state
            self._proxy_changed(ProxyState(proxy, state.phase, state.message), self._health(state))

    def _delivered(self, deliveries: Sequence[Delivery]) -> None:
        super()._delivered(deliveries)
        for each in deliveries:
            name, refusal = Name(each.proxy, each.type_url, each.name), None
            if each.refused is not None:
                refusal = Refusal(*name, each.refused, each.message, accepted=each.accepted is not None)
            self._own_refusals.note(name, refusal)

    def _refused_elsewhere(self, refusals: Mapping[Name, Refusal]) -> None:
        if self._outbox.refused_elsewhere(refusals):
            self._wake.set()

    def _progressed(self, progress: Progress) -> None:
        super()._progressed(progress)
        if progress.connected:
            self._connected.add(progress.proxy)
        else:
            self._connected.discard(progress.proxy)
        state = self._states.get(progress.proxy)
        if state is not None and self._world.put(PROXY_HEALTH, progress.proxy, self._health(state)):
            self._wake.set()

    def _health(self, state: FleetState) -> ProxyHealth:
        return ProxyHealth(
            running=state.available > 0,
            message=state.message,
            addresses=tuple((address.type, address.value) for address in state.addresses),
            static=state.static,
            exposed=state.exposed,
            refused=state.refused,
            connected=state.proxy in self._connected,
        )

    def _status_written(self, written: Written) -> None:
        self._metrics.status_written(written.kind, written.seconds, failed=bool(written.problem))
        if written.change is not None:
            change = written.change
            about = Regarding(change.api_version, written.kind, written.key, change.uid)
            before, after = (msgspec.json.decode(each) if each else {} for each in (change.before, change.after))
            self._events.status_written(about, before, after)
        if written.problem:
            _log.warning("a status cannot be written", kind=written.kind, object=str(written.key), problem=written.problem)
