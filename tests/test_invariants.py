"""The checker must be able to find what it looks for: each lie is told to it once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from invariants import CALL_WINDOW, Entry, Facts, Letter, Owed, Planned, violations

DUE = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
ID, OTHER = UUID("20260314-0000-8000-8000-000000000000"), UUID("20260315-0000-8000-8000-000000000000")
USER = uuid4()
SENT = Planned(ID, USER, "birthday", "SENT", DUE, DUE + timedelta(hours=15), DUE + timedelta(hours=63), "on_the_day", "", 0, unsure=False)
ENTRY = Entry(ID, "SENT", "", "on_the_day")
LETTER = Letter(ID, 1, 1, DUE + timedelta(seconds=1), "ada@example.org")
OWED, WITHDRAWN = Owed(DUE, "ada@example.org"), Owed(None, "ada@example.org")


def facts(planned: Planned = SENT, entry: Entry | None = ENTRY, letter: Letter | None = LETTER, **more: object) -> Facts:
    ledger = {entry.id: entry} if entry else {}
    letters = {letter.key: letter} if letter else {}
    return Facts({planned.id: planned}, ledger, letters, **more)  # type: ignore[arg-type]


def ended(state: str, reason: str = "user_deleted") -> Planned:
    return replace(SENT, state=state, reason=reason)


def test_a_run_without_fault_is_clean() -> None:
    assert violations(facts()) == []


@pytest.mark.parametrize(
    ("lie", "found"),
    [
        (facts(expected=[ID, OTHER]), "was never planned"),
        (facts(replace(SENT, state="QUEUED"), None, None, read_at=DUE), "came due and is still QUEUED"),
        (facts(replace(SENT, state="RETRYING"), None, None, read_at=DUE), "came due and is still RETRYING"),
        (facts(letter=replace(LETTER, greetings=2)), "was greeted 2 times under one key"),
        (facts(letter=replace(LETTER, accepted_at=DUE - timedelta(seconds=1))), "came 0:00:01 early"),
        (facts(letter=replace(LETTER, accepted_at=SENT.expires_at + timedelta(seconds=2))), "came 0:00:02 after its budget"),
        (facts(replace(SENT, variant="belated")), "was called belated on its day"),
        (facts(letter=replace(LETTER, accepted_at=SENT.late_until_at + CALL_WINDOW * 2)), "after its day with the text of the day"),
        (facts(letter=replace(LETTER, key=OTHER)), "was sent and is in no plan"),
        (facts(letter=replace(LETTER, accepted_at=DUE + CALL_WINDOW * 2), withdrawn_at={ID: DUE}), "after it was withdrawn"),
        (facts(ended("CANCELLED"), None), "is CANCELLED, and the provider took it in"),
        (facts(ended("EXPIRED"), None), "is EXPIRED, and the provider took it in"),
        (facts(letter=None), "the provider never got it"),
        (facts(entry=None), "the ledger does not know it"),
        (facts(entry=replace(ENTRY, state="RETRY")), "is SENT in the plan and RETRY in the ledger"),
        (facts(ended("CANCELLED")), "is SENT in the ledger and CANCELLED in the plan"),
        (facts(letter=None), "is SENT in the ledger, and the provider never got it"),
        (facts(ended("UNCERTAIN"), None), "was taken in by the provider, and the ledger has it as None"),
        (facts(entry=replace(ENTRY, state="CANCELLED")), "was taken in by the provider, and the ledger has it as CANCELLED"),
        (facts(ended("CANCELLED", ""), None, None), "is CANCELLED without a reason"),
        (facts(ended("FAILED", "http_422"), None, None), "is FAILED and no dead letter"),
        (facts(ended("FAILED", "http_422"), None, None, dead={ID: ""}), "has no reason"),
        (facts(replace(ended("CANCELLED"), asked_revision=2), None, None), "has a question open about revision 2"),
        (facts(entry=replace(ENTRY, state="CLAIMED")), "is CLAIMED in the ledger, and nobody works on it"),
        (facts(owed={ID: OWED, OTHER: OWED}), "was never planned"),
        (facts(owed={ID: WITHDRAWN}), "was withdrawn and is SENT"),
        (facts(owed={ID: WITHDRAWN}), "was withdrawn and sent all the same"),
        (
            facts(owed={ID: replace(OWED, due_at=DUE + timedelta(hours=1))}),
            "was planned for 2026-03-14 09:00:00+00:00, not 2026-03-14 10:00",
        ),
        (facts(owed={ID: OWED}, letter=replace(LETTER, email="eda@example.org")), "went to eda@example.org"),
        (facts(ended("FAILED"), None, None, owed={ID: OWED}), "was never received"),
        (facts(owed={OTHER: OWED}), f"nobody is owed {ID}"),
    ],
)
def test_each_lie_is_found(lie: Facts, found: str) -> None:
    assert any(found in sentence for sentence in violations(lie)), violations(lie)


def test_a_run_as_it_was_reckoned_is_clean() -> None:
    ahead = replace(SENT, id=OTHER, state="SCHEDULED", due_at=DUE + timedelta(days=1))
    told = facts(owed={ID: OWED, OTHER: replace(OWED, due_at=ahead.due_at)}, read_at=DUE)
    assert violations(replace(told, plan={ID: SENT, OTHER: ahead})) == []
    assert violations(facts(ended("CANCELLED"), None, None, owed={ID: WITHDRAWN})) == []


def test_while_unsure_the_text_of_the_day_outlives_the_day() -> None:
    late = replace(LETTER, accepted_at=SENT.late_until_at + CALL_WINDOW * 2)
    assert violations(facts(replace(SENT, unsure=True), letter=late)) == []


def test_two_greetings_of_a_kind_in_a_year_are_found_though_their_keys_differ() -> None:
    other = replace(SENT, id=OTHER)
    both = Facts(
        {ID: SENT, OTHER: other},
        {ID: ENTRY, OTHER: replace(ENTRY, id=OTHER)},
        {ID: LETTER, OTHER: replace(LETTER, key=OTHER)},
    )
    assert violations(both) == [f"user {USER} got 2 birthday greetings in 2026"]


def test_what_may_have_been_sent_may_be_at_the_provider_or_not() -> None:
    uncertain = ended("UNCERTAIN", "timeout")
    entry = replace(ENTRY, state="UNCERTAIN", reason="timeout")
    assert violations(facts(uncertain, entry)) == []
    assert violations(facts(uncertain, entry, None)) == []


def test_what_is_ahead_is_not_lost() -> None:
    assert violations(facts(replace(SENT, state="SCHEDULED"), None, None, read_at=DUE - timedelta(seconds=1))) == []
