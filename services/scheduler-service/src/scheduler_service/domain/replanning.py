"""What a change of a user does to the plan, by the state of each message: move, cancel, ask or keep it. A pure function."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from occasions.civil import CivilDate, InvalidDate, LeapDayRule
from occasions.identity import message_id
from occasions.zones import InvalidZone
from scheduler_service.domain.messages import Message, Moments, Slot
from scheduler_service.domain.recipients import Action, Recipient, Replan, ReplanAction
from scheduler_service.domain.rules import KindRules, PlanRules
from scheduler_service.domain.slots import content_changed, slot_of, source_of
from scheduler_service.domain.states import OPEN, Reason, State, Transition, after

# Given back when the reason for them is gone. A year that is greeted stays greeted.
_REVOCABLE = frozenset({State.CANCELLED, State.SUPPRESSED, State.EXPIRED})
# The date stays theirs, and nothing is sent for it.
_SUPPRESSING = frozenset({Reason.OPTED_OUT, Reason.YEAR_ZERO})
_FINAL_REASONS = frozenset({Reason.ALREADY_GREETED, Reason.MAYBE_GREETED})


@dataclass(frozen=True, slots=True)
class Question:
    """Told to the ledger: do not send this revision or an older one; and did you?"""

    message_id: UUID
    user_id: UUID
    revision: int


@dataclass(slots=True)
class Change:
    """All that a change of one user writes."""

    recipient: Recipient
    slots: list[Slot] = field(default_factory=list)
    planned: list[Message] = field(default_factory=list)
    changed: list[Message] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    actions: list[ReplanAction] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def replan(self, now: datetime) -> Replan:
        return Replan(self.recipient.user_id, self.recipient.epoch, self.recipient.version, now, self.actions, self.errors)


@dataclass(frozen=True, slots=True)
class Known:
    """What the plan holds of a user before the change."""

    recipient: Recipient | None = None
    slots: Mapping[str, Slot] = field(default_factory=dict)
    messages: Sequence[Message] = ()


def replan(rules: PlanRules, known: Known, recipient: Recipient, now: datetime) -> Change:
    """Return what becomes of the user's plan now that they are as `recipient` says. Reads no clock, and changes nothing it is given."""
    change = Change(recipient)
    for kind, kind_rules in rules.kinds.items():
        _KindReplan(kind_rules, rules, known, change, now).run(kind)
    return change


class _KindReplan:
    """One kind's part of a change."""

    def __init__(self, kind_rules: KindRules, rules: PlanRules, known: Known, change: Change, now: datetime) -> None:
        self._kind_rules = kind_rules
        self._horizon = rules.horizon
        self._known = known
        self._change = change
        self._recipient = change.recipient
        self._now = now

    def run(self, kind: str) -> None:
        was = self._known.slots.get(kind)
        try:
            source = source_of(self._kind_rules, self._recipient)
        except InvalidDate as error:
            self._change.errors.append(f"{kind}: {error}")
            return
        self._slot = slot_of(kind, self._kind_rules, self._recipient, source, was)
        try:
            self._run(kind, source, content_changed(self._known.recipient, self._recipient, was, self._slot))
        except InvalidZone as error:
            # The user service knows a zone that we do not yet. What is planned stays; a newer tzdata re-plans it by the slot.
            self._change.errors.append(f"{kind}: {error}")
        if was is not None or self._slot.active:
            self._change.slots.append(self._slot)

    def _run(self, kind: str, source: CivilDate | None, edited: bool) -> None:
        dates, self._day_zero = self._dates(source)
        messages = [message for message in self._known.messages if message.kind == kind]
        self._holders = {message.id: message for message in messages}
        wanted = {day: self._kind_rules.moments(self._slot.zone, day) for day in dates}
        for message in messages:
            self._adjust(message, wanted.get(message.local_date), edited)
        for day in (*dates, self._day_zero):
            if day and message_id(self._recipient.user_id, kind, day) not in self._holders:
                self._plan(kind, day, self._kind_rules.moments(self._slot.zone, day))

    def _dates(self, source: CivilDate | None) -> tuple[list[date], date | None]:
        """The dates that are greeted, and the one that is told to be none."""
        if source is None or not self._slot.active:
            return [], None
        rule = LeapDayRule(self._slot.leap_day_rule)
        dates = self._kind_rules.observed_dates(source, rule, self._slot.zone, self._now)
        return list(dates), self._kind_rules.day_zero(source)

    def _adjust(self, message: Message, moments: Moments | None, edited: bool) -> None:
        if message.state in OPEN:
            self._adjust_open(message, moments, edited)
        elif moments and message.state in _REVOCABLE and message.reason not in _FINAL_REASONS:
            self._restore(message, moments)
        elif moments:
            self._note(message, Action.KEPT, message.reason or message.state.lower())

    def _adjust_open(self, message: Message, moments: Moments | None, edited: bool) -> None:
        if moments is None:
            self._withdraw(message, self._withdrawal(message))
        elif not moments.same_instants(message.moments):
            self._move(message, moments)
        elif edited and message.time_has_come(self._now):
            self._recall(message)
        else:
            self._keep(message, moments)

    def _withdrawal(self, message: Message) -> Reason:
        if self._recipient.erased:
            return Reason.USER_ERASED
        if self._recipient.deleted:
            return Reason.USER_DELETED
        if message.kind in self._recipient.suppressed:
            return Reason.OPTED_OUT
        if message.local_date == self._day_zero:
            return Reason.YEAR_ZERO
        return Reason.DATE_MOVED if self._slot.active else Reason.DATE_REMOVED

    def _withdraw(self, message: Message, reason: Reason) -> None:
        stays = reason in _SUPPRESSING
        transition = Transition.SUPPRESSED if stays else Transition.CANCELLED
        asks = message.time_has_come(self._now)
        if message.unsure and not asks:
            transition = Transition.DOUBTED
        withdrawn = self._revise(message, transition, reason=reason)
        if not withdrawn.asked_revision and withdrawn.state is not State.UNCERTAIN:
            self._slot = self._slot.freed_by(message.id)
        self._note(message, Action.SUPPRESSED if stays else Action.CANCELLED, reason)

    def _move(self, message: Message, moments: Moments) -> None:
        if moments.expires_at <= self._now:
            self._expire(message, moments)
            return
        # The next attempt of a failed one keeps its distance.
        send_at = max(moments.due_at, message.send_at) if message.state is State.RETRYING else moments.due_at
        self._revise(message, Transition.MOVED, reason="", moments=moments, send_at=send_at)
        self._note(message, Action.MOVED, Reason.ZONE_MOVED)

    def _expire(self, message: Message, moments: Moments) -> None:
        transition = Transition.DOUBTED if message.unsure and not message.time_has_come(self._now) else Transition.EXPIRED
        expired = self._revise(message, transition, reason=Reason.PAST_BUDGET, moments=moments)
        if not expired.asked_revision and expired.state is State.EXPIRED:
            self._slot = self._slot.freed_by(message.id)
        self._note(message, Action.CANCELLED, Reason.PAST_BUDGET)

    def _recall(self, message: Message) -> None:
        self._revise(message, Transition.MOVED, reason="")
        self._note(message, Action.RECALLED, Reason.CONTENT_CHANGED)

    def _keep(self, message: Message, moments: Moments) -> None:
        if message.moments != moments:
            self._change.changed.append(replace(message, moments=moments))
        self._note(message, Action.KEPT)

    def _restore(self, message: Message, moments: Moments) -> None:
        ran_out = message.state is State.EXPIRED and moments.same_instants(message.moments)
        if ran_out or not self._in_window(moments):
            self._note(message, Action.KEPT, message.reason)
        elif reason := self._barred(message.local_date, message.id):
            self._note(message, Action.KEPT, reason)
        elif not self._known_in_time(moments):
            self._leave_out(message)
        else:
            self._revise(message, Transition.RESTORED, reason="", moments=moments, send_at=moments.due_at)
            self._note(message, Action.PLANNED, Reason.RESTORED)

    def _leave_out(self, message: Message) -> None:
        """It was withdrawn for another reason; now it is wanted, and is not made up for."""
        if message.state is State.CANCELLED:
            self._revise(message, Transition.SUPPRESSED, reason=Reason.KNOWN_TOO_LATE)
            self._note(message, Action.SUPPRESSED, Reason.KNOWN_TOO_LATE)
            return
        if message.state is State.SUPPRESSED and message.reason != Reason.KNOWN_TOO_LATE:
            self._change.changed.append(replace(message, reason=Reason.KNOWN_TOO_LATE))
        self._note(message, Action.KEPT, Reason.KNOWN_TOO_LATE)

    def _plan(self, kind: str, day: date, moments: Moments) -> None:
        if not self._in_window(moments):
            return
        identity = message_id(self._recipient.user_id, kind, day)
        reason = self._reason_against(day, identity, moments)
        state = State.SUPPRESSED if reason else State.SCHEDULED
        self._change.planned.append(
            Message(identity, self._recipient.user_id, kind, day, state, 1, moments, send_at=moments.due_at, reason=reason)
        )
        self._note(self._change.planned[-1], Action.SUPPRESSED if reason else Action.PLANNED, reason)

    def _reason_against(self, day: date, identity: UUID, moments: Moments) -> Reason | str:
        if day == self._day_zero:
            return Reason.YEAR_ZERO
        # A day that was over when the date became known is nobody's debt: it is told, and never belated.
        return self._barred(day, identity) or ("" if self._known_in_time(moments) else Reason.KNOWN_TOO_LATE)

    def _in_window(self, moments: Moments) -> bool:
        return self._kind_rules.is_open(moments, self._now, self._horizon)

    def _known_in_time(self, moments: Moments) -> bool:
        known_at = self._slot.known_at
        assert known_at is not None
        return known_at <= moments.due_at or (self._kind_rules.sends_at_once and known_at < moments.late_until_at)

    def _barred(self, day: date, identity: UUID) -> Reason | str:
        """Why the year's slot lets nothing through. A holder that may yet end unsent bars nothing: *emit* waits for it."""
        holder_id = self._slot.holder_barring(day, identity)
        if holder_id is None:
            return ""
        holder = self._holders.get(holder_id)
        if holder is not None and holder.state is State.SENT:
            return Reason.ALREADY_GREETED
        return "" if holder is not None and (holder.asked_revision or holder.state in OPEN) else Reason.MAYBE_GREETED

    def _revise(
        self, message: Message, transition: Transition, *, reason: str, moments: Moments | None = None, send_at: datetime | None = None
    ) -> Message:
        """Raise the revision; if a record of the present one may be on its way, tell the ledger (rules tombstone, ask-if-due)."""
        asked, moved_from = message.asked_revision, message.moved_from
        if message.state in OPEN and message.time_has_come(self._now):
            asked = message.revision
            self._change.questions.append(Question(message.id, message.user_id, message.revision))
        if moments and not moments.same_instants(message.moments):
            moved_from = {**moved_from, message.revision: message.moments}
        revised = replace(
            message,
            state=after(transition, message.state),
            revision=message.revision + 1,
            moments=moments or message.moments,
            send_at=send_at or message.send_at,
            asked_revision=asked,
            reason=reason,
            moved_from=moved_from,
        )
        self._change.changed.append(revised)
        self._holders[message.id] = revised
        return revised

    def _note(self, message: Message, action: Action, reason: str = "") -> None:
        self._change.actions.append(ReplanAction(message.id, message.kind, message.local_date, action, reason))
