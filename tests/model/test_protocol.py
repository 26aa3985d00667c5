"""The protocol holds in every interleaving, and needs each of its rules."""

from functools import cache

import pytest

from model.cases import SCENARIOS, WITHOUT
from model.rules import RULES, Bounds, Setup
from model.search import Found, search
from notifier_service.domain import State as Delivery
from scheduler_service.domain import State


@cache
def searched(bounds: Bounds) -> Found:
    return search(Setup(bounds))


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_promise_is_kept_in_every_interleaving(name: str) -> None:
    found = searched(SCENARIOS[name])
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
    found = searched(bounds)
    assert not found.broken, "\n".join((found.broken, *found.run))


def test_every_state_of_a_message_and_of_a_delivery_is_reached() -> None:
    """A state that is added to the services is to be added here, or nothing is known of it."""
    found = [searched(bounds) for bounds in SCENARIOS.values()]
    assert frozenset().union(*(each.plan for each in found)) == frozenset(State)
    assert frozenset().union(*(each.ledger for each in found)) == frozenset(Delivery)
