from itertools import product

import pytest

from scheduler_service.domain import OPEN, TRANSITIONS, WAITING, IllegalTransition, State, Transition, after, allowed

OTHERS = frozenset(State) - OPEN


@pytest.mark.parametrize(("transition", "state"), list(product(Transition, State)))
def test_a_transition_leads_where_the_table_says_or_is_refused(transition: Transition, state: State) -> None:
    sources, target = TRANSITIONS[transition]
    if state in sources:
        assert after(transition, state) is target
    else:
        assert not allowed(transition, state)
        with pytest.raises(IllegalTransition, match=f"a message that is {state} cannot be {transition}"):
            after(transition, state)


def test_sent_is_the_end_of_an_id() -> None:
    assert not any(allowed(transition, State.SENT) for transition in Transition)


@pytest.mark.parametrize("state", sorted(set(State) - {State.SENT}))
def test_sent_is_written_from_every_other_state(state: State) -> None:
    assert after(Transition.SENT, state) is State.SENT


def test_only_what_waits_is_emitted() -> None:
    assert {state for state in State if allowed(Transition.EMITTED, state)} == WAITING


def test_what_a_person_decides_about_is_not_planned_again_by_itself() -> None:
    ways_back = {t for t in Transition if t is not Transition.SENT and allowed(t, State.UNCERTAIN)}
    assert ways_back == set()


def test_what_failed_is_tried_again_by_hand_alone() -> None:
    assert {t for t in Transition if allowed(t, State.FAILED)} == {Transition.SENT, Transition.REPLAYED, Transition.DOUBTED}
