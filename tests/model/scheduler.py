"""What the scheduler can do next: emit, take edits and outcomes in, recover. Where it decides in SQL, the condition is repeated here."""

from collections.abc import Iterator

from model.plan import Plan, is_over
from model.rules import Setup
from model.world import Person, Row, Step, Taken, Told, World, put
from scheduler_service.domain import WAITING, State, Transition, after
from scheduler_service.domain.states import Reason
from scheduler_service.outcomes import Result, Slot


class Scheduler:
    """Steps of the plan's side."""

    def __init__(self, setup: Setup) -> None:
        self._on = setup.on
        self._changes = setup.bounds.changes
        self._plan = Plan(setup)

    def steps(self, w: World) -> Iterator[Step]:
        emitting = any(row and row.emitting for row in w.rows)
        for i, row in enumerate(w.rows):
            if row:
                yield from self._emit(w, i, row, emitting)
                if not row.emitting:
                    yield from self._recover(w, i, row)
                    yield from self._look_on(w, i, row)
        if not emitting:
            yield from self._edit(w)
        if w.outcomes:
            yield from self._outcome(w, emitting)

    def _emit(self, w: World, i: int, row: Row, emitting: bool) -> Iterator[Step]:
        if row.emitting:
            yield from self._mark(w, i, row)
        elif row.state in WAITING and not row.waits and not emitting and self._may_emit(w, i, row):
            marked, record = self._plan.emitted(i, row, w.person, w.hour)
            if self._on("mark-last"):
                after_produce = w.row(i, marked._replace(emitting=True))._replace(due=(*w.due, record))
                yield Step(f"emit {i}.{row.revision}: produce", _checked(after_produce, i))
            else:
                queued = marked._replace(emitting=True, state=after(Transition.EMITTED, row.state))
                yield Step(f"emit {i}.{row.revision}: mark first", w.row(i, queued)._replace(slot=i))

    def _may_emit(self, w: World, i: int, row: Row) -> bool:
        held = self._on("slot") and w.slot not in (None, i)
        asked = self._on("open-holds") and any(other and other.asked for other in w.rows)
        return not held and not asked and not is_over(row, w.hour)

    def _mark(self, w: World, i: int, row: Row) -> Iterator[Step]:
        if self._on("mark-last"):
            queued = row._replace(emitting=False, state=after(Transition.EMITTED, row.state))
            yield Step(f"emit {i}: mark", w.row(i, queued)._replace(slot=i if self._on("slot") else w.slot))
        else:
            _, record = self._plan.emitted(i, row, w.person, w.hour)
            yield Step(f"emit {i}: produce", w.row(i, row._replace(emitting=False))._replace(due=(*w.due, record)))
        if w.left.faults:
            # The transaction is rolled back: the variant too.
            undone = row._replace(emitting=False, variant=row.variant if row.unsure else "")
            yield Step(f"the scheduler dies in emit {i}", w.faulty().row(i, undone), "!")

    def _recover(self, w: World, i: int, row: Row) -> Iterator[Step]:
        quiet = not (w.questions or w.outcomes or any(w.works))
        if row.state is State.QUEUED and self._on("recover"):
            again = w._replace(due=(*w.due, self._plan.emitted(i, row, w.person, w.hour)[1]))
            if w.lost and quiet and not w.due:  # Without a lost topic everything heals without it.
                yield Step(f"recover {i}.{row.revision}", again)
            elif w.left.faults:
                yield Step(f"recover {i}.{row.revision} too soon", again.faulty(), "!")
        if row.asked and quiet and self._on("ask-again"):
            yield Step(f"recover asks about {i}.{row.asked} again", w._replace(questions=((i, row.asked),)))
        if row.state in WAITING and not row.waits and is_over(row, w.hour):
            yield Step(f"recover expires {i}", self._expired(w, i, row))

    def _expired(self, w: World, i: int, row: Row) -> World:
        expired = row._replace(state=after(Transition.EXPIRED, row.state), revision=row.revision + 1)
        if self._on("expiry-asks"):
            return w.row(i, expired._replace(asked=row.revision))._replace(questions=(*w.questions, (i, row.revision)))
        return _freed(w.row(i, expired), i)

    def _look_on(self, w: World, i: int, row: Row) -> Iterator[Step]:
        if row.waits and row.state in WAITING:
            yield Step(f"the next attempt of {i} is due", w.row(i, row._replace(waits=False)))
        if w.left.decisions and w.idle():  # People are slower than any lease.
            yield from self._decide(w.later(), i, row)

    def _decide(self, w: World, i: int, row: Row) -> Iterator[Step]:
        """What a person can do about a message that has ended."""
        w = w._replace(left=w.left._replace(decisions=w.left.decisions - 1), troubled=False)
        raised = row.revision + self._on("replay-revision")
        again = row._replace(state=State.SCHEDULED, revision=raised, replay=row.replay + 1, waits=False, reason="")
        if not self._plan.refused(row, w.wants(i), w.slot in (None, i), w.hour):
            yield Step(f"replay {i}", w.row(i, again)._replace(decided=(i, "replayed")), "d")
        if row.state is State.UNCERTAIN and not row.asked:
            # Whatever has arrived before counts no more: a person has looked.
            overruled = w._replace(provider=put(w.provider, i, Taken(overruled=True)))
            resolved = self._apply(overruled, Told(i, row.revision, str(Result.SENT), unsure=True))
            yield Step(f"{i} is resolved: it was sent", resolved._replace(decided=(i, "known as sent")), "d")
            if w.wants(i) and not is_over(row, w.hour):
                resolved = overruled.row(i, again._replace(unsure=False))
                yield Step(f"{i} is resolved: send again", resolved._replace(decided=(i, "to be sent again")), "d")

    def _edit(self, w: World) -> Iterator[Step]:
        if not w.left.edits:
            return
        for change in self._changes:
            person = _CHANGES[change](w.person, w.hour)
            if person == w.person:
                continue
            rows, slot, questions = self._plan.edited(w.rows, w.slot, w.person, person, w.hour)
            left = w.left._replace(edits=w.left.edits - 1)
            edited = w._replace(left=left, rows=rows, slot=slot, person=person, questions=w.questions + questions)
            yield Step(f"edit: {_named(change, person)}", edited._replace(troubled=w.decided is not None), "e")

    def _outcome(self, w: World, emitting: bool) -> Iterator[Step]:
        """The next outcome; or, as its batch begins with those that go the short way, the other message's."""
        told = w.outcomes[0]
        confirmed = self._confirmed(w, told)
        if confirmed or not emitting:  # Any other waits for the slot's lock.
            yield from self._learned(w, told, confirmed or self._apply(w, told))
        other = next((later for later in w.outcomes if later.id != told.id), None)
        if other and (confirmed := self._confirmed(w, other)):
            yield from self._learned(w, other, confirmed)

    def _learned(self, w: World, told: Told, applied: World) -> Iterator[Step]:
        n = w.outcomes.index(told)
        label = f"the plan learns {told.id}.{told.revision} {told.result}{' unsure' * told.unsure}"
        yield Step(label, applied._replace(outcomes=w.outcomes[:n] + w.outcomes[n + 1 :]))
        if w.left.faults:
            yield Step(f"{label}, and dies before its offset", applied.faulty(), "!")

    def _confirmed(self, w: World, told: Told) -> World | None:
        """The short way of a plain SENT, if it is one: a single statement that looks at no slot."""
        row = w.rows[told.id]
        if row and told.result == Result.SENT and row.state is State.QUEUED and row.revision == told.revision and not row.asked:
            return w.row(told.id, row._replace(state=State.SENT, unsure=row.unsure or told.unsure, reason=""))
        return None

    def _apply(self, w: World, told: Told) -> World:
        row = w.rows[told.id]
        assert row, "an outcome of what was never planned"
        settled = self._plan.settled(told.id, row, told, w.hour)
        w = w.row(told.id, settled.row)
        if settled.slot is Slot.TAKE:
            w = w._replace(slot=told.id)
        elif settled.slot is Slot.FREE:
            w = _freed(w, told.id)
        return self._suppressed(w, told.id) if settled.transition is Transition.SENT and self._on("suppress") else w

    def _suppressed(self, w: World, sent: int) -> World:
        for k, other in enumerate(w.rows):
            if other and k != sent and other.state in WAITING:
                state = after(Transition.SUPPRESSED, other.state)
                w = w.row(k, other._replace(state=state, revision=other.revision + 1, reason=str(Reason.ALREADY_GREETED)))
        return w


def _freed(w: World, i: int) -> World:
    return w._replace(slot=None) if w.slot == i else w


def _checked(w: World, i: int) -> World:
    return w if w.wants(i) else w._replace(broken="emits what nobody wants")


def _named(change: str, person: Person) -> str:
    return f"{change}, now {person.date if not person.opted_out else 'opted out'}/{person.content}/{person.zone}"


_CHANGES = {
    "date": lambda person, hour: person._replace(date=1 - person.date if person.date is not None else 0, known=hour),
    "removed": lambda person, hour: person._replace(date=None),
    "opted out": lambda person, hour: person._replace(opted_out=not person.opted_out),
    "content": lambda person, hour: person._replace(content=person.content + 1),
    "zone": lambda person, hour: person._replace(zone=1 if person.zone == 0 else 0),
    "far zone": lambda person, hour: person._replace(zone=2 if person.zone == 0 else 0),
}
