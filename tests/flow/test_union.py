"""Several tables read as one: rows under keys that tell them apart, and every change of any side passed on."""

from gatewright.flow import Read, Ref, World

CATS: Ref[str, int] = Ref("cats")
DOGS: Ref[str, int] = Ref("dogs")
ANIMALS: Ref[tuple[str, str], int] = Ref("animals")
DOUBLED: Ref[tuple[str, str], int] = Ref("doubled")


def _doubled(read: Read, key: tuple[str, str], row: int) -> int:
    del read, key
    return 2 * row


def _world() -> World:
    world = World()
    world.source(CATS)
    world.source(DOGS)
    world.union(ANIMALS, {"cat": CATS, "dog": DOGS}, lambda tag, key: (tag, key))
    world.derived(DOUBLED, ANIMALS, _doubled)
    return world


def test_rows_of_both_sides_stand_apart() -> None:
    """Equal keys of two tables are two rows."""
    world = _world()
    world.put(CATS, "tom", 1)
    world.put(DOGS, "tom", 2)
    world.settle()
    assert {("cat", "tom"): 2, ("dog", "tom"): 4} == dict(world.rows(DOUBLED))


def test_a_change_of_one_side_runs_one_rule() -> None:
    """What did not change is not run again, and a removal on one side leaves the other alone."""
    world = _world()
    world.put(CATS, "tom", 1)
    world.put(DOGS, "tom", 2)
    world.settle()
    world.put(CATS, "tom", None)
    changes = world.settle()
    assert frozenset({("cat", "tom")}) == changes[DOUBLED]
    assert {("dog", "tom"): 4} == dict(world.rows(DOUBLED))


def test_from_scratch_changes_nothing() -> None:
    """Running every rule again gives the same rows."""
    world = _world()
    world.put(CATS, "tom", 1)
    world.settle()
    assert {} == world.settle(from_scratch=True)
    assert {("cat", "tom"): 2} == dict(world.rows(DOUBLED))
