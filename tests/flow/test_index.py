"""Indexes: source rows spread over groups."""

from collections.abc import Iterator, Mapping

from gatewright.flow import Ref, World

BOOKS: Ref[str, tuple[str, ...]] = Ref("books")  # title → authors
BY_AUTHOR: Ref[str, Mapping[str, int]] = Ref("books by author")
COUNTS: Ref[str, int] = Ref("book counts")


def library() -> World:
    world = World()
    world.source(BOOKS)

    def spread(title: str, authors: tuple[str, ...]) -> Iterator[tuple[str, str, int]]:
        for place, author in enumerate(authors):
            yield author, title, place

    world.index(BY_AUTHOR, BOOKS, spread)
    world.derived(COUNTS, BY_AUTHOR, lambda _, __, books: len(books))
    return world


def test_a_row_of_a_group_is_the_mapping_of_its_members() -> None:
    world = library()
    world.put(BOOKS, "Good Omens", ("Pratchett", "Gaiman"))
    world.put(BOOKS, "Mort", ("Pratchett",))

    world.settle()

    assert {"Pratchett": {"Good Omens": 0, "Mort": 0}, "Gaiman": {"Good Omens": 1}} == world.rows(BY_AUTHOR)


def test_a_group_without_members_is_no_row() -> None:
    world = library()
    world.put(BOOKS, "Stardust", ("Gaiman",))
    world.settle()

    world.put(BOOKS, "Stardust", None)
    world.settle()

    assert {} == world.rows(BY_AUTHOR)
    assert {} == world.rows(COUNTS)


def test_only_groups_that_changed_are_touched() -> None:
    world = library()
    world.put(BOOKS, "Good Omens", ("Pratchett", "Gaiman"))
    world.put(BOOKS, "Mort", ("Pratchett",))
    world.settle()

    world.put(BOOKS, "Good Omens", ("Pratchett",))
    changes = world.settle()

    assert frozenset({"Gaiman"}) == changes[BY_AUTHOR]
    assert {"Pratchett": 2} == world.rows(COUNTS)


def test_a_group_that_changed_is_a_new_mapping() -> None:
    """Rows are immutable: whoever holds the old mapping keeps it as it was."""
    world = library()
    world.put(BOOKS, "Mort", ("Pratchett",))
    world.settle()
    before = world.get(BY_AUTHOR, "Pratchett")

    world.put(BOOKS, "Sourcery", ("Pratchett",))
    world.settle()

    assert {"Mort": 0} == before
    assert {"Mort": 0, "Sourcery": 0} == world.get(BY_AUTHOR, "Pratchett")


def test_a_member_that_changes_hands_within_one_batch_is_kept() -> None:
    """One row gives a member up while another takes it: the order in which the rows are looked at must not matter."""
    world = World()
    owners: Ref[str, str] = Ref("owners")  # person → thing
    things: Ref[str, Mapping[str, str]] = Ref("things")
    world.source(owners)
    world.index(things, owners, lambda person, thing: [("all", thing, person)])
    world.put(owners, "ann", "ring")
    world.settle()

    for first, second in (("bob", "ann"), ("ann", "bob")):
        world.put(owners, first, "ring")
        world.put(owners, second, None)
        world.settle()

        assert {"all": {"ring": first}} == world.rows(things)


def test_from_scratch_regroups_to_the_same() -> None:
    world = library()
    world.put(BOOKS, "Good Omens", ("Pratchett", "Gaiman"))
    world.settle()

    changes = world.settle(from_scratch=True)

    assert {} == changes
    assert {BY_AUTHOR: 1, COUNTS: 2} == world.ran
