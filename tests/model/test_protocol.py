"""The protocol holds in every interleaving, and needs each of its rules."""

import pytest

from model.cases import SCENARIOS, WITHOUT
from model.rules import RULES, Bounds, Setup
from model.search import search


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_promise_is_kept_in_every_interleaving(name: str) -> None:
    found = search(Setup(SCENARIOS[name]))
    print(f"{found.states:,} states, {found.at_rest:,} at rest")
    assert not found.broken, "\n".join((found.broken, *found.run))
    assert found.at_rest


@pytest.mark.parametrize("rule", RULES)
def test_without_the_rule_a_promise_is_broken(rule: str) -> None:
    promise, bounds = WITHOUT[rule]
    found = search(Setup(bounds, frozenset({rule})))
    print(f"without {rule} ({RULES[rule]}): {found.broken or 'all holds'}", *found.run, sep="\n    ")
    assert found.broken == promise


@pytest.mark.parametrize("bounds", sorted({broken.bounds for broken in WITHOUT.values()}, key=str), ids=str)
def test_with_all_rules_the_same_bounds_hold(bounds: Bounds) -> None:
    """Else what falls without a rule might have fallen anyway."""
    found = search(Setup(bounds))
    assert not found.broken, "\n".join((found.broken, *found.run))
