"""The ports without servers, for tests of the use cases. They pass the same contract suites as the real ones."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date

from notifier_service.domain import (
    Attempt,
    Cancellation,
    Conclusion,
    DeadLetter,
    Due,
    Entry,
    Judgement,
    Outcome,
    Result,
    State,
    Terms,
    cancel,
    judge,
)
from notifier_service.ports import Claims, DispatchCut, Page
from servicekit.errors import Unavailable


class MemoryLedger:
    """The Ledger and DeliveryReader ports over dictionaries."""

    def __init__(self, now_us: Callable[[], int], terms: Terms) -> None:
        self._now_us = now_us
        self.terms = terms
        self._fence = 0
        self.entries: dict[bytes, Entry] = {}
        self.letters: dict[bytes, DeadLetter] = {}
        self.noted: dict[tuple[bytes, int], Attempt] = {}
        self.failures = 0

    async def claim(self, dues: Sequence[Due]) -> Claims:
        now_us, fence = self._open()
        return Claims(now_us, [self._judge(due, now_us, fence) for due in dues])

    async def record(self, conclusions: Sequence[Conclusion]) -> frozenset[bytes]:
        self._open()
        return frozenset(each.entry.id for each in conclusions if self._record(each))

    async def cancel(self, cancellations: Sequence[Cancellation]) -> list[Outcome]:
        now_us, fence = self._open()
        answers = []
        for asked in cancellations:
            self.entries[asked.id], outcome = cancel(self.entries.get(asked.id), asked, now_us, fence)
            answers += [outcome] if outcome else []
        return answers

    async def dead_letters(self, ids: Sequence[bytes]) -> list[DeadLetter]:
        return [self.letters[id_] for id_ in ids if id_ in self.letters]

    async def delivery(self, id_: bytes, local_date: date) -> Entry | None:
        entry = self.entries.get(id_)
        return entry if entry and entry.local_date == local_date else None

    async def attempts(self, id_: bytes, local_date: date) -> list[Attempt]:
        return [attempt for (of, _), attempt in sorted(self.noted.items()) if of == id_]

    async def deliveries(self, page: Page, user_id: bytes | None, state: State | None) -> list[Entry]:
        before = bytes.fromhex(page.after[0]) if page.after else b"\xff" * 17
        found = [
            entry
            for entry in self.entries.values()
            if entry.id < before and user_id in (None, entry.user_id) and state in (None, entry.state)
        ]
        return sorted(found, key=lambda entry: entry.id, reverse=True)[: page.size]

    async def dead_letter(self, id_: bytes) -> DeadLetter | None:
        return self.letters.get(id_)

    async def list_dead_letters(self, page: Page, user_id: bytes | None, reason: str) -> list[DeadLetter]:
        found = [letter for letter in self.letters.values() if user_id in (None, letter.user_id) and reason in ("", letter.reason)]
        if page.after:
            before = (int(page.after[0]), bytes.fromhex(page.after[1]))
            found = [letter for letter in found if (letter.created_us, letter.id) < before]
        return sorted(found, key=lambda letter: (letter.created_us, letter.id), reverse=True)[: page.size]

    def _open(self) -> tuple[int, int]:
        if self.failures:
            self.failures -= 1
            raise Unavailable
        self._fence += 1
        return self._now_us(), self._fence

    def _judge(self, due: Due, now_us: int, fence: int) -> Judgement:
        before = self.entries.get(due.id)
        judgement = judge(before, due, now_us, fence, self.terms)
        if judgement.entry and judgement.written:
            self.entries[due.id] = judgement.entry
            if before and before.state is State.FAILED:
                self.letters.pop(due.id, None)
        return judgement

    def _record(self, conclusion: Conclusion) -> bool:
        entry = conclusion.entry
        before = self.entries[entry.id]
        mine = before.state is State.CLAIMED and before.fence == entry.fence
        fact = entry.state is State.SENT
        if mine or (fact and before.state is not State.SENT):
            self.entries[entry.id] = _written(before, entry)
            self.letters.pop(entry.id, None)
            if conclusion.dead_letter:
                self.letters[entry.id] = conclusion.dead_letter
        if conclusion.attempt and (mine or fact):
            self.noted.setdefault((entry.id, entry.fence), conclusion.attempt)
        return mine or fact


def _written(before: Entry, entry: Entry) -> Entry:
    """What a result changes; the rest, the tomb above all, may have been changed meanwhile."""
    return before._replace(
        state=entry.state,
        attempts=max(before.attempts, entry.attempts),
        provider=entry.provider,
        provider_message_id=entry.provider_message_id,
        reason=entry.reason,
        unsure=before.unsure or entry.unsure,
        first_unsure_us=before.first_unsure_us or entry.first_unsure_us,
        next_attempt_us=entry.next_attempt_us,
        sent_us=entry.sent_us,
        lease_until_us=None,
        updated_us=entry.updated_us,
    )


class MemorySentHints:
    """The SentHints port."""

    def __init__(self) -> None:
        self.sent: dict[bytes, Outcome] = {}

    async def look(self, ids: Sequence[bytes]) -> Mapping[bytes, Outcome]:
        return {id_: self.sent[id_] for id_ in ids if id_ in self.sent}

    async def remember(self, sent: Sequence[Outcome]) -> None:
        self.sent.update({outcome.id: outcome for outcome in sent})


Script = Callable[[Sequence[bytes]], AsyncIterator[Sequence[tuple[int, Result]]]]


class ScriptedDispatcher:
    """The Dispatcher port, played by a script; notes each slice."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.slices: list[tuple[Sequence[bytes], float]] = []
        self.is_cut = False

    async def dispatch(self, payloads: Sequence[bytes], timeout_seconds: float) -> AsyncIterator[Sequence[tuple[int, Result]]]:
        self.slices.append((payloads, timeout_seconds))
        async for group in self.script(payloads):
            yield group
            if self.is_cut:
                raise DispatchCut

    def cut(self) -> None:
        self.is_cut = True


class MemoryAnnouncer:
    """The Announcer port."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.letters: list[DeadLetter] = []
        self.failures = 0

    async def announce(self, outcomes: Sequence[Outcome], dead_letters: Sequence[DeadLetter] = ()) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable
        self.letters += dead_letters
        self.outcomes += outcomes
