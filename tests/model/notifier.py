"""What the notifiers can do next: answer questions, claim, send, record, tell, commit; and be paused or killed at any of these points."""

from collections.abc import Iterator

from model.ledger import Judged, Ledger
from model.rules import Keys, Setup
from model.world import NOBODY, Entry, Record, Step, Taken, Told, Work, World, put
from notifier_service.domain import Reason, State, Tried, Verdict
from scheduler_service.domain import WAITING
from scheduler_service.outcomes import Result

OWNER = 0


class Notifiers:
    """Steps of the ledger's side, and of time."""

    def __init__(self, setup: Setup) -> None:
        self._on = setup.on
        self._keys = setup.bounds.keys
        self._faults = setup.bounds.faults
        self._ledger = Ledger(setup)

    def steps(self, w: World) -> Iterator[Step]:
        if w.questions:
            yield from self._answer(w)
        if w.works[OWNER] is None:
            yield from self._consume(w)
        for n, work in enumerate(w.works):
            if work:
                yield from self._work(w, n, work) if work.awake else self._sleep(w, n, work)
        if w.left.faults and w.due:
            yield Step("the due topic is lost", w.faulty()._replace(due=(), lost=True), "!")
        if w.left.hours and w.idle():
            left = w.left._replace(hours=w.left.hours - 1)
            yield Step("hours pass", w.later()._replace(left=left, hour=w.hour + 1, troubled=w.decided is not None), "t")

    def _answer(self, w: World) -> Iterator[Step]:
        """The next question; or, of the same batch, the latest about its message, with which the others are done."""
        i, revision = w.questions[0]
        yield from self._answered(w, i, revision, w.questions[1:])
        latest = max(asked for k, asked in w.questions if k == i)
        if latest > revision:
            yield from self._answered(w, i, latest, tuple(asked for asked in w.questions if asked[0] != i))

    def _answered(self, w: World, i: int, revision: int, rest: tuple[tuple[int, int], ...]) -> Iterator[Step]:
        entry, told = self._ledger.cancelled(i, w.ledger[i], revision, w.hour)
        raised = w.entry(i, entry)
        answered = raised.tell(told)
        label = f"the ledger learns that {i}.{revision} is cancelled"
        yield Step(label, answered._replace(questions=rest))
        if w.left.faults:
            yield Step(f"{label}, dies before it tells", raised.faulty(), "!")
            yield Step(f"{label}, dies before its offset", answered.faulty(), "!")

    def _consume(self, w: World) -> Iterator[Step]:
        """The first record that is not to be waited for; or, of the same batch, the id's latest."""
        for record in w.due:
            if record.done:
                continue
            judged = self._ledger.judged(w.ledger[record.id], record, w.hour, OWNER + 1)
            if judged.verdict is Verdict.WAIT:
                continue
            yield from self._take(w, record, judged)
            latest = max((r for r in w.due if r.id == record.id and not r.done), key=lambda r: r.revision)
            if latest.revision > record.revision:
                judged = self._ledger.judged(w.ledger[record.id], latest, w.hour, OWNER + 1)
                if judged.verdict is not Verdict.WAIT:
                    yield from self._take(w, latest, judged, rides=True)
            return

    def _take(self, w: World, record: Record, judged: Judged, rides: bool = False) -> Iterator[Step]:
        name = f"w{OWNER}: {record.id}.{record.revision}{' (the latest)' * rides}"
        if judged.verdict is Verdict.SEND:
            assert judged.entry
            claimed = w.entry(record.id, judged.entry).hand(OWNER, Work(record, judged.entry, "claimed", rides=rides))
            yield Step(f"{name} claimed", self._checked_claim(claimed, record))
            return
        work = Work(record, None, "recorded", judged.told, rides=rides)
        if judged.written:
            ended = w.entry(record.id, judged.entry).hand(OWNER, work)
            yield Step(f"{name} ends, {judged.told.result if judged.told else ''} {judged.reason}", self._checked_doubt(ended, judged))
        else:
            answer = f"is {judged.told.result} already" if judged.told else "is dropped"
            yield from self._finish(w.hand(OWNER, work), OWNER, work, f"{name} {answer}")

    def _checked_claim(self, w: World, record: Record) -> World:
        row = w.rows[record.id]
        if w.hour > record.until:
            return w._replace(broken="sends too late")
        early = row and row.waits and row.state in WAITING
        return w._replace(broken="tries again before it is due") if early else w

    def _checked_doubt(self, w: World, judged: Judged) -> World:
        """Of one fault only: if *emit* died too, nobody knows which text it had chosen."""
        unfounded = judged.reason == Reason.CONTENT_CHANGED and not w.person.content and self._faults - w.left.faults <= 1
        return w._replace(broken="doubts for another content, which never changed") if unfounded else w

    def _work(self, w: World, n: int, work: Work) -> Iterator[Step]:
        i = work.record.id
        if work.at == "claimed":
            yield from self._send(w, n, work)
        elif work.at == "recorded":
            label = f"w{n}: tells {i}.{work.record.revision} {work.told.result if work.told else 'nothing'}"
            yield from self._finish(w, n, work, label)
        else:
            yield from self._record(w, n, work, Tried(work.at))
        if w.left.faults:
            yield Step(f"w{n} is killed", _killed(w, n), "!")
            other = w.works[1 - n]
            if n != OWNER or not other or other.awake:
                asleep = w.faulty().hand(n, work._replace(awake=False))
                yield Step(f"w{n} is paused", _moved(asleep) if n == OWNER else asleep, "!")

    def _sleep(self, w: World, n: int, work: Work) -> Iterator[Step]:
        yield Step(f"w{n} wakes", w.hand(n, work._replace(awake=True)))
        entry = w.ledger[work.record.id]
        if entry and entry.live and entry.fence == n + 1:
            yield Step(f"w{n}'s lease is over", w.entry(work.record.id, entry._replace(live=False)))

    def _send(self, w: World, n: int, work: Work) -> Iterator[Step]:
        i = work.record.id
        taken = self._accepted(w, work)
        yield Step(f"w{n} sends {i}: accepted", taken.hand(n, work._replace(at=str(Tried.ACCEPTED))))
        if w.left.faults:
            unsure = work._replace(at=str(Tried.UNSURE))
            yield Step(f"w{n} sends {i}: accepted, answer lost", taken.faulty().hand(n, unsure), "!")
            yield Step(f"w{n} sends {i}: not accepted, answer lost", w.faulty().hand(n, unsure), "!")
            yield Step(f"w{n} sends {i}: refused", w.faulty().hand(n, work._replace(at=str(Tried.REFUSED))), "!")
            yield Step(f"w{n} sends {i}: refused for good", w.faulty().hand(n, work._replace(at=str(Tried.PERMANENT))), "!")
        if w.left.lulls:
            lull = w._replace(left=w.left._replace(lulls=w.left.lulls - 1))
            yield Step(f"w{n} cannot try {i}", lull.hand(n, work._replace(at=str(Tried.NOT_TRIED))), "!")

    def _accepted(self, w: World, work: Work) -> World:
        i, before = work.record.id, w.provider[work.record.id]
        broken = w.broken or self._second(w, before, work)
        first = before if before.calls else before._replace(digest=work.record.digest, hour=w.hour)
        return w._replace(provider=put(w.provider, i, first._replace(calls=first.calls + 1)), broken=broken)

    def _second(self, w: World, before: Taken, work: Work) -> str:
        """The promise that this call breaks, if it does."""
        if any(other.calls for k, other in enumerate(w.provider) if k != work.record.id):
            return "two greetings in one year"
        if not before.calls:
            return ""
        if before.digest != work.record.digest:
            return "two contents under one key"
        forgotten = self._keys is Keys.NONE or (self._keys is Keys.SHORT and w.hour > before.hour)
        return "sent twice where no key protects" if forgotten else ""

    def _record(self, w: World, n: int, work: Work, tried: Tried) -> Iterator[Step]:
        i, row = work.record.id, w.ledger[work.record.id]
        assert work.claim
        assert row
        concluded, told = self._ledger.concluded(work.claim, work.record, tried, w.hour)
        after = self._ledger.recorded(row, concluded, n + 1)
        name = f"w{n} records {i}.{work.record.revision} {concluded.state}"
        if tried is Tried.ACCEPTED:
            w = w._replace(provider=put(w.provider, i, w.provider[i]._replace(heard=True)))
        if after is None and not (concluded.state is State.SENT and self._on("sent-is-fact")):
            yield Step(f"{name}: fenced off", w.hand(n, None))
            return
        if after is not None:
            w = w.entry(i, after)
        if concluded.state is State.RELEASED and after:
            yield Step(name, w.hand(n, None))
            w = w.entry(i, self._ledger.held(after))
            told = Told(i, work.record.revision, str(Result.HELD), concluded.unsure)  # It could not be kept here.
        yield Step(f"{name}{' (HELD)' * (told.result == Result.HELD)}", w.hand(n, work._replace(at="recorded", claim=None, told=told)))

    def _finish(self, w: World, n: int, work: Work, label: str) -> Iterator[Step]:
        """Tell the outcome, then commit the offset; the process may die between the two."""
        told = w.tell(work.told)
        yield Step(f"{label}; offset", _committed(told, n, work).hand(n, None))
        if w.left.faults and work.told:
            if self._on("offset-last"):
                yield Step(f"{label}; killed", _killed(told, n), "!")
            else:
                yield Step(f"{label}, no: offset; killed", _killed(_committed(w, n, work), n), "!")


def _committed(w: World, n: int, work: Work) -> World:
    """Of records that wait for nothing before them the offset is committed; a zombie's mark is forgotten."""
    if n != OWNER or not work.owns:
        return w
    ended, rest = work.record, []
    for record in w.due:
        same = record == ended or (work.rides and record.id == ended.id and record.revision <= ended.revision)
        rest.append(record._replace(done=True) if same else record)
    while rest and rest[0].done:
        rest.pop(0)
    return w._replace(due=tuple(rest))


def _killed(w: World, n: int) -> World:
    """The process is gone with what it had in hand; its claims lapse, and its partition moves unless the other is asleep."""
    w = w.faulty().hand(n, None)._replace(ledger=tuple(e and _let_go(e, n) for e in w.ledger))
    if n != OWNER:
        return w
    other = w.works[1]
    return _moved(w) if other is None or other.awake else _unread(w)


def _let_go(entry: Entry, n: int) -> Entry:
    return entry._replace(fence=NOBODY, live=False) if entry.fence == n + 1 else entry


def _moved(w: World) -> World:
    """The partition goes to the other notifier, who becomes the first of the two."""
    ledger = tuple(e and (e._replace(fence=3 - e.fence) if e.fence else e) for e in w.ledger)
    works = tuple(work and work._replace(owns=False, rides=False) for work in w.works[::-1])
    return _unread(w._replace(ledger=ledger, works=(works[0], works[1])))


def _unread(w: World) -> World:
    return w._replace(due=tuple(record._replace(done=False) for record in w.due))
