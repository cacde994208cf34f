"""What the running server shows: statuses, problems, proxies, readiness.

The one place that the console asks. It holds the latest of each and knows nothing of how they came to be.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping

from gatewright.ads.messages import Progress
from gatewright.console.feed import StatusFeed
from gatewright.console.source import ProblemView, ProxyView, Readiness, StatusEvent, StatusKey, StatusMetadata, StatusView
from gatewright.control.publication import Publishable
from gatewright.fleet.spec import Phase, ProxyState
from gatewright.flow import World
from gatewright.graph.tables import PROXIES
from gatewright.reports import REPORTS
from gatewright.sources.changes import SourceProblem
from gatewright.status.document import StatusDocument
from gatewright.status.tables import DOCUMENTS
from gatewright.world import BY_KIND


class Overview:
    """The console's source, and a writer of statuses."""

    def __init__(self, world: World, *, elsewhere: bool = False) -> None:
        """With `elsewhere`, proxies may be connected to another control plane, and are no matter of our readiness."""
        self._world = world
        self._elsewhere = elsewhere
        self._feed = StatusFeed()
        self._problems: dict[str, tuple[SourceProblem, ...]] = {}
        self._states: dict[str, ProxyState] = {}
        self._progress: dict[str, Progress] = {}
        self._batch = 0
        self._loaded = False

    # What is told.

    def take(self, problems: Mapping[str, tuple[SourceProblem, ...]]) -> tuple[list[SourceProblem], list[str]]:
        """Replace the problems of these files (none ends them); returns those that are new, and the files that are well again."""
        new = [problem for file, found in problems.items() for problem in found if problem not in self._problems.get(file, ())]
        well = [file for file, found in problems.items() if not found and file in self._problems]
        for file, found in problems.items():
            if found:
                self._problems[file] = found
            else:
                self._problems.pop(file, None)
        return new, well

    def proxy(self, state: ProxyState) -> None:
        """Take a proxy's newest state."""
        if state.phase is Phase.STOPPED:
            self._states.pop(state.proxy, None)
            self._progress.pop(state.proxy, None)
        else:
            self._states[state.proxy] = state

    def progressed(self, progress: Progress) -> None:
        """Take how far a proxy has come."""
        self._progress[progress.proxy] = progress

    def settled(self, batch: int) -> None:
        """Take the number of the newest settled batch."""
        self._batch = batch

    def settled_first(self) -> None:
        """The initial read is settled."""
        self._loaded = True

    async def write(self, documents: Publishable) -> None:
        """Publish statuses to whoever asks or watches."""
        changed = [_view(document) for document in documents.values() if document is not None]
        removed = [StatusKey(kind, *key) for (kind, key), document in documents.items() if document is None]
        self._feed.publish(changed, removed)

    # What is asked.

    @property
    def problem_count(self) -> int:
        """How many problems stand."""
        return sum(len(found) for found in self._problems.values())

    def phases(self) -> dict[str, int]:
        """How many proxies are in each phase."""
        return dict(Counter(str(state.phase) for state in self._states.values()))

    def statuses(self) -> Iterable[StatusView]:
        """The published status of every object that may have one, in order; empty where nothing was published."""
        views = {view.key: view for view in self._feed.views()}
        for kind in DOCUMENTS:
            for key, each in self._world.rows(BY_KIND[kind]).items():
                unknown = StatusView(
                    kind, each.api_version, StatusMetadata(key.name, key.namespace, each.metadata.generation), {}
                )
                views.setdefault(unknown.key, unknown)
        return [views[key] for key in sorted(views)]

    def problems(self) -> Iterable[ProblemView]:
        """Every document (or file) that was not taken."""
        return [_problem(problem) for file in sorted(self._problems) for problem in self._problems[file]]

    def proxies(self) -> Iterable[ProxyView]:
        """Every proxy that is desired or still running."""
        for name in sorted(self._states.keys() | self._world.rows(PROXIES).keys()):
            state = self._states.get(name)
            progress = self._progress.get(name)
            yield ProxyView(
                proxy=name,
                phase=str(state.phase) if state else "Pending",
                message=state.message if state else "",
                pid=state.pid if state else None,
                connected=progress.connected if progress else False,
                confirmed=progress.settled if progress else 0,
                settled=self._batch,
            )

    def ready(self) -> Readiness:
        """Whether every desired proxy runs, is connected, and holds all that was settled."""
        if not self._loaded:
            return Readiness(ready=False, reasons=("the initial read is not done",))
        if self._elsewhere:
            return Readiness(ready=True, reasons=())
        reasons = [
            f"proxy {view.proxy}: {view.message or view.phase}"
            if view.phase != Phase.RUNNING
            else f"proxy {view.proxy}: {'has not confirmed the newest configuration' if view.connected else 'is not connected'}"
            for view in self.proxies()
            if view.proxy in self._world.rows(PROXIES)
            and not (view.phase == Phase.RUNNING and view.connected and view.confirmed >= view.settled)
        ]
        return Readiness(ready=not reasons, reasons=tuple(reasons))

    def report(self, name: str, query: Mapping[str, str]) -> object:
        """A report on the settled tables.

        Raises: LookupError when there is none of this name, or `query` lacks a word.
        """
        return REPORTS[name](self._world, query)

    def watch(self) -> AsyncGenerator[StatusEvent, None]:
        """All statuses, then every change."""
        return self._feed.watch()


def _view(document: StatusDocument) -> StatusView:
    metadata = StatusMetadata(document.key.name, document.key.namespace, document.generation)
    return StatusView(document.kind, document.api_version, metadata, document.body)


def _problem(problem: SourceProblem) -> ProblemView:
    identity = problem.key
    return ProblemView(
        file=problem.file,
        message=problem.message,
        document=problem.document,
        line=problem.line,
        path=problem.path,
        kind=problem.kind,
        namespace=identity.namespace if identity else "",
        name=identity.name if identity else "",
    )
