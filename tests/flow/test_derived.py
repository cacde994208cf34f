"""Derived tables: one row a source row, made again only when something that it was made from has changed."""

import pytest

from gatewright.flow import Read, Ref, World

PRICES: Ref[str, int] = Ref("prices")
RATES: Ref[str, int] = Ref("rates")
PARITIES: Ref[str, str] = Ref("parities")
TAXED: Ref[str, int] = Ref("taxed")
LABELS: Ref[str, str] = Ref("labels")


def shop() -> World:
    """Prices, taxed at a rate that may be absent."""
    world = World()
    world.source(PRICES)
    world.source(RATES)

    def taxed(read: Read, key: str, price: int) -> int | None:
        del key
        return None if price < 0 else price * (100 + (read(RATES, "vat") or 0)) // 100

    world.derived(TAXED, PRICES, taxed)
    return world


def test_there_is_a_row_for_each_source_row_that_the_rule_gives_one() -> None:
    world = shop()
    world.put(PRICES, "tea", 100)
    world.put(PRICES, "refund", -1)

    world.settle()

    assert {"tea": 100} == world.rows(TAXED)


def test_a_row_goes_with_its_source_row() -> None:
    world = shop()
    world.put(PRICES, "tea", 100)
    world.settle()

    world.put(PRICES, "tea", None)
    changes = world.settle()

    assert {} == world.rows(TAXED)
    assert frozenset({"tea"}) == changes[TAXED]


def test_a_row_goes_when_its_rule_gives_none_any_more() -> None:
    world = shop()
    world.put(PRICES, "tea", 100)
    world.settle()

    world.put(PRICES, "tea", -1)
    world.settle()

    assert {} == world.rows(TAXED)


def test_reading_an_absent_row_is_remembered() -> None:
    """The rule looked for a rate that was not there; when one comes, the rule runs again."""
    world = shop()
    world.put(PRICES, "tea", 100)
    world.settle()

    world.put(RATES, "vat", 20)
    world.settle()
    taxed = dict(world.rows(TAXED))
    world.put(RATES, "vat", None)
    world.settle()

    assert {"tea": 120} == taxed
    assert {"tea": 100} == world.rows(TAXED)


def test_only_rules_whose_reads_changed_run_again() -> None:
    world = shop()
    for name in ("tea", "cake"):
        world.put(PRICES, name, 100)
    world.settle()

    world.put(PRICES, "tea", 200)
    world.settle()

    assert {TAXED: 1} == world.ran


def test_nothing_runs_when_nothing_changed() -> None:
    world = shop()
    world.put(PRICES, "tea", 100)
    world.settle()

    changed = world.put(PRICES, "tea", 100)

    assert changed is False
    assert {} == world.settle()
    assert {} == world.ran


def test_an_equal_result_ends_the_change_there() -> None:
    """2 becomes 4, which is even as well: what reads the parity does not run."""
    world = World()
    world.source(PRICES)
    world.derived(PARITIES, PRICES, lambda _, __, price: "odd" if price % 2 else "even")
    world.derived(LABELS, PARITIES, lambda _, key, parity: f"{key} is {parity}")
    world.put(PRICES, "tea", 2)
    world.settle()

    world.put(PRICES, "tea", 4)
    changes = world.settle()

    assert {PARITIES: 1} == world.ran
    assert {PRICES: frozenset({"tea"})} == changes


def test_reads_of_an_earlier_run_are_forgotten() -> None:
    """A rule that looks at one row or another depends only on the one that it looked at last."""
    world = World()
    world.source(PRICES)
    world.source(RATES)
    world.derived(TAXED, PRICES, lambda read, _, price: read(RATES, "low" if price < 10 else "high") or 0)
    world.put(PRICES, "tea", 1)
    world.settle()
    world.put(PRICES, "tea", 100)
    world.settle()

    world.put(RATES, "low", 5)
    world.settle()

    assert {} == world.ran
    assert ((RATES, "high"),) == world.explain(TAXED, "tea")


def test_explain_names_what_a_row_was_made_from_in_the_order_of_reading() -> None:
    world = World()
    world.source(PRICES)
    world.source(RATES)

    def rule(read: Read, key: str, price: int) -> int:
        read(RATES, "b")
        read(RATES, "a")
        read(RATES, "b")
        return price + len(key)

    world.derived(TAXED, PRICES, rule)
    world.put(PRICES, "tea", 1)
    world.settle()

    assert ((RATES, "b"), (RATES, "a")) == world.explain(TAXED, "tea")
    assert () == world.explain(TAXED, "coffee")
    assert () == world.explain(PRICES, "tea")


@pytest.mark.parametrize("later", [TAXED, LABELS], ids=["itself", "a later table"])
def test_a_rule_may_only_read_tables_that_settle_before_its_own(later: Ref[str, object]) -> None:
    world = World()
    world.source(PRICES)
    world.derived(TAXED, PRICES, lambda read, key, price: price if read(later, key) is None else 0)
    world.derived(LABELS, PRICES, lambda _, key, __: key)
    world.put(PRICES, "tea", 1)

    with pytest.raises(LookupError, match="which settles after it"):
        world.settle()


def test_from_scratch_runs_every_rule_and_changes_nothing() -> None:
    world = shop()
    world.put(PRICES, "tea", 100)
    world.put(RATES, "vat", 20)
    world.settle()

    changes = world.settle(from_scratch=True)

    assert {} == changes
    assert {TAXED: 1} == world.ran
    assert {"tea": 120} == world.rows(TAXED)


def test_only_input_tables_are_put_to() -> None:
    world = shop()

    with pytest.raises(TypeError, match="only input tables are put to"):
        world.put(TAXED, "tea", 1)


def test_a_table_is_added_once() -> None:
    world = shop()

    with pytest.raises(ValueError, match="is there already"):
        world.source(PRICES)


def test_tables_settle_in_the_order_in_which_they_were_added() -> None:
    assert (PRICES, RATES, TAXED) == tuple(shop().refs())
