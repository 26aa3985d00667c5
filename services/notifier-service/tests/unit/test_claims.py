"""The decision on a record, for every combination of what the ledger and the record can say."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import pytest

from notifier_service.domain import DECIDED, Cancellation, Due, Entry, State, Terms, Verdict, cancel, content_digest, judge

SECOND = 1_000_000
TERMS = Terms()
FENCE = 99


@pytest.fixture
def due(make_due: Callable[..., Due]) -> Due:
    return make_due(revision=5)


def entries(due: Due, now_us: int) -> Iterator[Entry]:
    """Every state, revision and tomb around the record's revision, leases live and lapsed, sure and unsure."""
    for state, revision, tomb, lease, unsure in product(State, (4, 5, 6), (0, 4, 5, 6), (-1, 1), (False, True)):
        yield Entry(
            due.id,
            due.local_date,
            due.user_id,
            state,
            revision=revision,
            tomb=tomb,
            fence=3,
            unsure=unsure,
            first_unsure_us=now_us - 60 * SECOND if unsure else None,
            digest=due.digest,
            attempts=2,
            claimed_us=now_us - 20 * SECOND,
            lease_until_us=now_us + lease * SECOND if state is State.CLAIMED else None,
        )


def test_what_is_sent_is_never_sent_again(due: Due, now_us: int) -> None:
    for entry in entries(due, now_us):
        if entry.state is State.SENT:
            judgement = judge(entry, due, now_us, FENCE, TERMS)
            assert judgement.verdict is Verdict.ANSWER
            assert judgement.outcome is not None
            assert judgement.outcome.result is State.SENT


def test_nothing_is_sent_at_or_below_the_tomb(due: Due, now_us: int) -> None:
    for entry in entries(due, now_us):
        if due.revision <= entry.tomb:
            assert judge(entry, due, now_us, FENCE, TERMS).verdict in (Verdict.ANSWER, Verdict.DROP)


def test_nothing_is_sent_under_a_live_claim(due: Due, now_us: int) -> None:
    for entry in entries(due, now_us):
        if entry.is_live(now_us):
            assert judge(entry, due, now_us, FENCE, TERMS).verdict in (Verdict.WAIT, Verdict.DROP)


def test_every_answer_tells_the_records_revision(due: Due, now_us: int) -> None:
    for entry in entries(due, now_us):
        judgement = judge(entry, due, now_us, FENCE, TERMS)
        if judgement.outcome:
            assert (judgement.outcome.id, judgement.outcome.revision, judgement.outcome.user_id) == (due.id, due.revision, due.user_id)
        assert (judgement.outcome is not None) is (judgement.verdict is Verdict.ANSWER)


def test_a_claim_is_free_only_if_the_record_is_newer_or_the_same_undecided(due: Due, now_us: int) -> None:
    for entry in entries(due, now_us):
        if judge(entry, due, now_us, FENCE, TERMS).verdict is Verdict.SEND:
            assert entry.revision < due.revision or (entry.revision == due.revision and entry.state not in DECIDED)


def test_a_claim_takes_the_new_fence_and_a_whole_lease(due: Due, now_us: int) -> None:
    for entry in entries(due, now_us):
        judgement = judge(entry, due, now_us, FENCE, TERMS)
        if judgement.verdict is Verdict.SEND:
            claimed = judgement.entry
            assert claimed is not None
            assert (claimed.fence, claimed.lease_until_us, claimed.tomb) == (FENCE, now_us + TERMS.lease_us, entry.tomb)
            assert claimed.unsure is (entry.unsure or entry.state is State.CLAIMED)


def test_doubt_is_never_lost_without_a_replay(due: Due, now_us: int) -> None:
    for entry in entries(due, now_us):
        judgement = judge(entry, due, now_us, FENCE, TERMS)
        doubted = entry.unsure or (entry.state is State.CLAIMED and not entry.is_live(now_us))
        if judgement.written and judgement.entry and doubted:
            assert judgement.entry.unsure
        if judgement.outcome and doubted and judgement.outcome.result is not State.SENT:
            assert judgement.outcome.unsure


def test_a_lapsed_claim_is_judged_at_the_end_of_its_lease_exactly(due: Due, now_us: int) -> None:
    claimed = judge(None, due, now_us, 1, TERMS).entry
    assert claimed is not None
    assert claimed.is_live(now_us + TERMS.lease_us - 1)
    assert not claimed.is_live(now_us + TERMS.lease_us)


@pytest.mark.parametrize(("moment", "verdict"), [(-1, Verdict.EARLY), (0, Verdict.SEND), (10, Verdict.SEND), (11, Verdict.ANSWER)])
def test_the_window_includes_both_ends(make_due: Callable[..., Due], now_us: int, moment: int, verdict: Verdict) -> None:
    due = make_due(not_before=0, not_after=10)
    assert judge(None, due, now_us + moment * SECOND, 1, TERMS).verdict is verdict


def test_a_question_changes_nothing_but_the_tomb_under_a_live_claim(due: Due, now_us: int) -> None:
    asked = Cancellation(due.id, due.local_date, 5, due.user_id)
    for entry in entries(due, now_us):
        after, outcome = cancel(entry, asked, now_us, FENCE)
        assert after.tomb == max(entry.tomb, 5)
        assert (outcome is None) is entry.is_live(now_us)
        if entry.is_live(now_us) or entry.state is State.SENT:
            assert after._replace(tomb=entry.tomb, updated_us=entry.updated_us) == entry


def test_a_question_ends_what_is_open_and_below_it_and_only_that(due: Due, now_us: int) -> None:
    asked = Cancellation(due.id, due.local_date, 5, due.user_id)
    for entry in entries(due, now_us):
        after, _ = cancel(entry, asked, now_us, FENCE)
        is_open = entry.state in (State.RELEASED, State.RETRY) or (entry.state is State.CLAIMED and not entry.is_live(now_us))
        ended = is_open and entry.revision <= after.tomb
        buried = State.UNCERTAIN if entry.unsure or entry.state is State.CLAIMED else State.CANCELLED
        assert after.state is (buried if ended else entry.state)
        assert (after.fence == FENCE) is (ended and entry.state is State.CLAIMED)


def test_a_question_about_the_unknown_leaves_a_tomb(due: Due, now_us: int) -> None:
    after, outcome = cancel(None, Cancellation(due.id, due.local_date, 5, due.user_id), now_us, FENCE)
    assert (after.state, after.revision, after.tomb) == (State.CANCELLED, 0, 5)
    assert outcome is not None
    assert (outcome.result, outcome.unsure) == (State.CANCELLED, False)


def test_a_doubt_keeps_the_content_that_may_have_been_sent(due: Due, now_us: int) -> None:
    """Else the revision after the one that was refused for its content would be compared with what was never sent."""
    sent = Entry(due.id, due.local_date, due.user_id, State.RETRY, revision=4, unsure=True, first_unsure_us=now_us, digest=bytes(16))
    refused = judge(sent, due, now_us, FENCE, TERMS)
    assert refused.entry is not None
    assert (refused.entry.state, refused.entry.digest) == (State.UNCERTAIN, sent.digest)
    again = judge(refused.entry, replace(due, revision=6), now_us, FENCE, TERMS)
    assert again.entry is not None
    assert again.entry.state is State.UNCERTAIN


def test_digests_tell_where_one_input_ends() -> None:
    assert content_digest("ab", "c") != content_digest("a", "bc")
    assert content_digest("ab", "") != content_digest("", "ab")
    assert len(content_digest("a")) == 16
