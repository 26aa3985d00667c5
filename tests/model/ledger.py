"""The notifier's own decisions, called with entries of the model. A rule is taken away by telling the code something else than is so."""

from functools import cache
from typing import NamedTuple

from model.rules import Keys, Setup
from model.two_dates import DATES, HOUR, IDS, KIND, USER, instant, microseconds
from model.world import NOBODY, Entry, Record, Told
from notifier_service.domain import Cancellation, Due, Outcome, Result, State, Terms, Tried, Verdict, cancel, conclude, judge
from notifier_service.domain import Entry as Row

_LEASE_US = 1_000_000
_HALF_AN_HOUR_US = int(HOUR.total_seconds() * 500_000)
_EVER_US = 1000 * _HALF_AN_HOUR_US
MOST_ATTEMPTS = 2
_NUMBERS = {identity.bytes: i for i, identity in enumerate(IDS)}


class Judged(NamedTuple):
    """What the ledger says to a record, with the entry as it then stands."""

    verdict: Verdict
    entry: Entry | None
    written: bool
    told: Told | None
    reason: str


class Ledger:
    """Decisions under a setup, each made once."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        keys = setup.bounds.keys
        self._notes_hours = keys is Keys.SHORT
        self._terms = Terms(
            lease_us=_LEASE_US,
            holds_unsure=keys is Keys.NONE and setup.on("hold"),
            key_lifetime_us=_HALF_AN_HOUR_US if keys is Keys.SHORT and setup.on("key-lifetime") else _EVER_US,
            most_attempts=MOST_ATTEMPTS,
            longest_backoff_us=30_000_000,
        )
        self.judged = cache(self._judged)
        self.cancelled = cache(self._cancelled)
        self.concluded = cache(self._concluded)

    def _judged(self, entry: Entry | None, record: Record, hour: int, fence: int) -> Judged:
        row = _row(record.id, self._shown(entry, record), hour) if entry else None
        judgement = judge(row, self._due(entry, record), microseconds(instant(hour)), fence, self._terms)
        after = self._entry(judgement.entry) if judgement.entry and judgement.written else entry
        told = _told(judgement.outcome)
        if not self._setup.on("took-unsure") and entry and after and judgement.written and entry.state is State.CLAIMED:
            after, told = after._replace(unsure=entry.unsure), told and told._replace(unsure=entry.unsure)
        verdict = judgement.verdict
        if verdict is Verdict.WAIT and not self._setup.on("wait-lease"):
            verdict = Verdict.DROP
        if after and judgement.written and after.state is State.UNCERTAIN and not self._setup.on("doubt-stays"):
            after = after._replace(digest=record.digest)
        if told and not judgement.written and not self._setup.on("re-answer"):
            told = None
        return Judged(verdict, after, judgement.written, told, judgement.outcome.reason if judgement.outcome else "")

    def _shown(self, entry: Entry, record: Record) -> Entry:
        if entry.state is State.SENT and not self._setup.on("sent-final"):
            entry = entry._replace(state=State.RELEASED)
        if entry.unsure and not self._setup.on("digest"):
            entry = entry._replace(digest=record.digest)
        if entry.revision > record.revision > entry.tomb and not self._setup.on("older"):
            entry = entry._replace(revision=0)
        return entry

    def _due(self, entry: Entry | None, record: Record) -> Due:
        late = self._setup.on("too-late")
        return Due(
            id=IDS[record.id].bytes,
            local_date=DATES[record.id],
            revision=record.revision,
            user_id=USER.bytes,
            kind=KIND,
            variant="",
            not_before_us=microseconds(instant(-2)),
            not_after_us=microseconds(instant(record.until)) if late else _EVER_US * _EVER_US,
            expires_us=microseconds(instant(record.expires)) + _HALF_AN_HOUR_US,
            digest=record.digest.to_bytes(16),
            replay=record.replay,
            recovered=False,
            traceparent="",
            payload=b"",
        )

    def _cancelled(self, i: int, entry: Entry | None, revision: int, hour: int) -> tuple[Entry, Told | None]:
        row = _row(i, entry, hour) if entry else None
        asked = Cancellation(IDS[i].bytes, DATES[i], revision, USER.bytes)
        after, outcome = cancel(row, asked, microseconds(instant(hour)), NOBODY)
        told = _told(outcome)
        if not self._setup.on("took-unsure") and entry and entry.state is State.CLAIMED:
            return self._entry(after)._replace(unsure=entry.unsure), told and told._replace(unsure=entry.unsure)
        return self._entry(after), told

    def _concluded(self, claim: Entry, record: Record, tried: Tried, hour: int) -> tuple[Entry, Told]:
        """The entry as it is to be written, and the outcome that is told of it."""
        conclusion = conclude(
            _row(record.id, claim, hour), self._due(claim, record), Result(tried, calls=1), microseconds(instant(hour)), self._terms
        )
        told = _told(conclusion.outcome())
        assert told
        return self._entry(conclusion.entry), told

    def recorded(self, row: Entry, concluded: Entry, fence: int) -> Entry | None:
        """The row after the statement that records a result; None where that touches nothing. Written in SQL, hence repeated here."""
        mine = row.state is State.CLAIMED and row.fence == fence
        fact = concluded.state is State.SENT and row.state is not State.SENT and self._setup.on("sent-is-fact")
        if not (mine or fact or not self._setup.on("fence")):
            return None
        if concluded.state is State.RELEASED and not self._setup.on("release"):
            return row._replace(live=False, fence=NOBODY)
        return row._replace(
            state=concluded.state,
            attempts=max(row.attempts, concluded.attempts),
            unsure=row.unsure or concluded.unsure,
            first=concluded.first if row.first is None else row.first,
            fence=NOBODY,
            live=False,
        )

    def held(self, entry: Entry) -> Entry:
        """What could not be kept is told of as HELD, and so must never be claimed under its revision again: decided, as RETRY is.

        The notifier keeps what it gives back, and tells HELD of nothing; the scheduler would take it in.
        """
        return entry._replace(state=State.RETRY) if entry.state is State.RELEASED and self._setup.on("held-decides") else entry

    def _entry(self, row: Row) -> Entry:
        claimed = row.state is State.CLAIMED
        return Entry(
            row.state,
            row.revision,
            row.fence if claimed else NOBODY,
            claimed and row.lease_until_us is not None and row.lease_until_us > row.updated_us,
            row.tomb,
            row.unsure,
            _hour(row.first_unsure_us) if self._notes_hours else None,
            (_hour(row.claimed_us) or 0) if self._notes_hours else 0,
            int.from_bytes(row.digest),
            row.attempts,
            row.replay,
        )


def _row(i: int, entry: Entry, hour: int) -> Row:
    now_us = microseconds(instant(hour))
    return Row(
        IDS[i].bytes,
        DATES[i],
        USER.bytes,
        entry.state,
        entry.revision,
        fence=entry.fence,
        tomb=entry.tomb,
        unsure=entry.unsure,
        first_unsure_us=None if entry.first is None else microseconds(instant(entry.first)),
        digest=entry.digest.to_bytes(16),
        attempts=entry.attempts,
        replay=entry.replay,
        claimed_us=microseconds(instant(entry.claimed)),
        lease_until_us=now_us + _LEASE_US * entry.live if entry.state is State.CLAIMED else None,
        updated_us=now_us,
    )


def _hour(at_us: int | None) -> int | None:
    return None if at_us is None else (at_us - microseconds(instant(0))) // (2 * _HALF_AN_HOUR_US)


def _told(outcome: Outcome | None) -> Told | None:
    return Told(_NUMBERS[outcome.id], outcome.revision, str(outcome.result), outcome.unsure) if outcome else None
