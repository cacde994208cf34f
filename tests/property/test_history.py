"""After any history the incremental world is the one that is built afresh from the objects that are left.

A history puts, replaces and removes objects of every kind, lets time pass, changes the settings, and reports what the data plane
says; in between it settles, with any number of changes in a batch.
"""

from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from gatewright.flow import Ref
from gatewright.graph import tables as g
from gatewright.graph.settings import GraphSettings
from gatewright.status import tables as s
from gatewright.translation import resources
from gatewright.world import DELIVERED, build
from tests.property.universe import Place, places

PLACES: Final = places()
TIMES: Final = (
    1_600_000_000,
    1_780_000_000,
    4_200_000_000,
)  # 2020, 2026 and 2103: each expires, or makes valid, other certificates
SETTINGS: Final = (GraphSettings(), GraphSettings(backend_enabled=False), GraphSettings(shared_host=True, shift_low_ports=True))
HEALTH: Final = (None, s.ProxyHealth(running=True), s.ProxyHealth(running=False, message="it crashed"))


@st.composite
def _changes(draw: st.DrawFn) -> tuple[Place, Any]:
    place = draw(st.sampled_from(PLACES))
    return place, draw(st.sampled_from((None, *place.rows)))


class Histories(RuleBasedStateMachine):
    """A world, and the inputs that it should be a function of."""

    @initialize(seed=st.lists(st.integers(min_value=0), min_size=len(PLACES), max_size=len(PLACES)))
    def begin(self, seed: list[int]) -> None:
        """Begin with one version of everything, so that most references lead somewhere."""
        self.inputs: dict[tuple[Ref[Any, Any], Any], Any] = {}
        self.world = build(SETTINGS[0])
        self.put(g.SETTINGS, g.ONLY, SETTINGS[0])
        self.put(g.NOW, g.ONLY, TIMES[1])
        for place, number in zip(PLACES, seed, strict=True):
            self.put(place.ref, place.key, place.rows[number % len(place.rows)])
        self.world.settle()

    @rule(changes=st.lists(_changes(), min_size=1, max_size=6))
    def change_objects(self, changes: list[tuple[Place, Any]]) -> None:
        """Put, replace or remove some objects in one batch."""
        for place, row in changes:
            self.put(place.ref, place.key, row)
        self.world.settle()

    @rule(now=st.sampled_from(TIMES), chosen=st.sampled_from(SETTINGS))
    def change_what_there_is_one_of(self, now: int, chosen: GraphSettings) -> None:
        """Let time pass, or the operator change their mind."""
        self.put(g.NOW, g.ONLY, now)
        self.put(g.SETTINGS, g.ONLY, chosen)
        self.world.settle()

    @rule(health=st.sampled_from(HEALTH), accepted=st.booleans(), refusal=st.sampled_from(("", "no")), every=st.integers(1, 4))
    def report(self, health: s.ProxyHealth | None, refusal: str, every: int, *, accepted: bool) -> None:
        """Report the same of every proxy, and of some of the resources."""
        for proxy in sorted(self.world.rows(g.PROXIES)):
            self.put(s.PROXY_HEALTH, proxy, health)
        for what, ref in DELIVERED.items():
            rows = self.world.rows(ref)
            for key in sorted(rows, key=repr)[::every]:
                self.put(s.DELIVERIES, s.DeliveryKey(what, key), s.Delivered(rows[key].name, accepted, refusal))
        self.world.settle()

    @rule()
    def everything_from_scratch_is_what_it_was(self) -> None:
        """Running every rule again, in the same world, changes no row."""
        assert {} == self.world.settle(from_scratch=True)

    def put(self, ref: Ref[Any, Any], key: object, row: object) -> None:
        """Change an input, here and in the world."""
        self.world.put(ref, key, row)
        if row is None:
            self.inputs.pop((ref, key), None)
        else:
            self.inputs[ref, key] = row

    def teardown(self) -> None:
        """Compare with a world that has seen nothing but the end, in another order."""
        if not hasattr(self, "world"):
            return
        fresh = build(SETTINGS[0])
        for (ref, key), row in sorted(self.inputs.items(), key=lambda item: (item[0][0].name, repr(item[0][1]))):
            fresh.put(ref, key, row)
        fresh.settle()
        for ref in fresh.refs():
            assert (ref, dict(fresh.rows(ref))) == (ref, dict(self.world.rows(ref)))
        assert resources(fresh) == resources(self.world)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
