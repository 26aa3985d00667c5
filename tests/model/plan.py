"""The scheduler's own decisions, called with rows of the model. A rule is taken away by telling the code something else than is so."""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

from model import two_dates
from model.rules import Setup
from model.two_dates import DATES, IDS, KIND, SOON, USER, instant, microseconds, moments
from model.world import Person, Record, Row, Told
from occasions.occasion import Variant
from scheduler_service.domain import WAITING, Change, Known, Message, State, Transition, replan
from scheduler_service.domain.replays import refusal
from scheduler_service.emission import not_after, variant_at
from scheduler_service.outcomes import Outcome, Result, Settlement, Slot, Standing, settle
from scheduler_service.ports import DueMessage

Rows = tuple[Row | None, ...]


class Edited(NamedTuple):
    """What an edit makes of the plan, and asks the ledger."""

    rows: Rows
    slot: int | None
    questions: tuple[tuple[int, int], ...]


class Settled(NamedTuple):
    """What an outcome makes of a row."""

    row: Row
    transition: Transition | None
    slot: Slot


class Plan:
    """Decisions under a setup, each made once."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.edited = cache(self._edited)
        self.settled = cache(self._settled)
        self.emitted = cache(self._emitted)
        self.refused = cache(self._refused)

    def _edited(self, rows: Rows, slot: int | None, before: Person, after: Person, hour: int) -> Edited:
        messages = [self._message(i, row, hour) for i, row in enumerate(rows) if row]
        known = Known(two_dates.recipient(before, 1), {KIND: two_dates.slot(before, slot)}, messages)
        change = replan(two_dates.RULES, known, two_dates.recipient(after, 2), instant(hour))
        edited = list(rows)
        for message in change.planned + change.changed:
            i = IDS.index(message.id)
            edited[i] = self._changed(rows[i], message, hour)
        return self._asked(Edited(tuple(edited), _holder(change), _questions(change)))

    def _message(self, i: int, row: Row, hour: int) -> Message:
        at = moments(row.zone)
        never_asks = not self._setup.on("ask-if-due") and row.state in WAITING
        return Message(
            IDS[i],
            USER,
            KIND,
            DATES[i],
            row.state,
            row.revision,
            at,
            send_at=instant(hour) + SOON if row.waits or never_asks else at.due_at,
            variant=row.variant,
            replay=row.replay,
            unsure=row.unsure,
            asked_revision=row.asked,
            reason=row.reason,
        )

    def _changed(self, was: Row | None, message: Message, hour: int) -> Row:
        row = was or Row(message.state)
        return row._replace(
            state=message.state,
            revision=message.revision if was is None or self._setup.on("revision") else was.revision,
            waits=message.send_at > instant(hour),
            asked=message.asked_revision,
            reason=str(message.reason),
            zone=int(message.moments.timezone),
        )

    def _asked(self, edited: Edited) -> Edited:
        if self._setup.on("answered") and self._setup.on("tombstone"):
            return edited
        rows = tuple(row and row._replace(asked=0) for row in edited.rows)
        ended = edited.slot is not None and (holder := rows[edited.slot]) and holder.state in (State.CANCELLED, State.SUPPRESSED)
        return Edited(rows, None if ended else edited.slot, edited.questions if self._setup.on("tombstone") else ())

    def _settled(self, i: int, row: Row, told: Told, hour: int) -> Settled:
        if not self._setup.on("facts-win") and told.result == Result.SENT and not _is_current(row, told):
            told = told._replace(result=str(Result.HELD))  # An answer, and no more.
        settlement = settle(self._standing(row, told, hour), self._outcome(i, told, hour), instant(hour))
        return self._after(row, told, settlement, hour)

    def _standing(self, row: Row, told: Told, hour: int) -> Standing:
        at = moments(row.zone)
        standing = Standing(
            row.state,
            row.revision,
            instant(hour) + SOON if row.waits else at.due_at,
            at.expires_at if self._setup.on("belated") else instant(hour),
            0,
            row.unsure and self._setup.on("unsure-holds"),
            row.asked,
            row.reason,
        )
        if not self._setup.on("stale") and row.state not in (State.SENT, State.FAILED, State.UNCERTAIN):
            return replace(standing, state=State.QUEUED, revision=told.revision)
        return standing

    def _outcome(self, i: int, told: Told, hour: int) -> Outcome:
        result = Result(told.result)
        next_at = instant(hour) + SOON if result is Result.RETRY else None
        return Outcome(IDS[i], told.revision, result, told.unsure and self._setup.on("unsure-holds"), next_attempt_at=next_at)

    def _after(self, row: Row, told: Told, settlement: Settlement, hour: int) -> Settled:
        standing = settlement.standing
        after = row._replace(
            state=standing.state,
            revision=standing.revision if self._setup.on("revision") else row.revision,
            waits=standing.send_at > instant(hour),
            unsure=standing.unsure or row.unsure or told.unsure,
            asked=standing.asked_revision,
            reason=str(standing.reason),
        )
        return Settled(after, settlement.transition, settlement.slot)

    def _emitted(self, i: int, row: Row, person: Person, hour: int) -> tuple[Row, Record]:
        """The row as it is marked, and the record. A row that is QUEUED is emitted again with the text it has."""
        message = self._due(i, row)
        variant = row.variant if row.state is State.QUEUED else variant_at(message, microseconds(instant(hour)))
        until = two_dates.hour_of(not_after(message, variant))
        expires = two_dates.hour_of(message.expires_at - 1)
        digest = 2 * person.content + (variant == Variant.BELATED)
        replayed = row.replay if self._setup.on("replay-count") else 0
        return row._replace(variant=str(variant)), Record(i, row.revision, replayed, digest, until, expires)

    def _due(self, i: int, row: Row) -> DueMessage:
        at = moments(row.zone)
        return DueMessage(
            IDS[i].bytes,
            USER.bytes,
            KIND,
            row.revision,
            microseconds(at.due_at),
            microseconds(at.late_until_at),
            microseconds(at.expires_at),
            row.variant,
            row.unsure and self._setup.on("keep-variant"),
            row.replay,
            at.timezone,
            year=None,
            month=DATES[i].month,
            day=DATES[i].day,
        )

    def _refused(self, row: Row, wanted: bool, year_free: bool, hour: int) -> str:
        active = wanted or not self._setup.on("replay-wanted")
        return refusal(row.state, moments(row.zone).expires_at, active=active, year_free=year_free, now=instant(hour))


def is_over(row: Row, hour: int) -> bool:
    """Whether the message's budget is."""
    return moments(row.zone).expires_at <= instant(hour)


def _is_current(row: Row, told: Told) -> bool:
    return row.state is State.QUEUED and row.revision == told.revision


def _holder(change: Change) -> int | None:
    holder = change.slots[0].slot_message_id if change.slots else None
    return None if holder is None else IDS.index(holder)


def _questions(change: Change) -> tuple[tuple[int, int], ...]:
    return tuple((IDS.index(asked.message_id), asked.revision) for asked in change.questions)
