from dataclasses import dataclass
from datetime import datetime

from dispatcher_service import metrics
from dispatcher_service.domain import Answer, CannotCompose, Due, Letter, Result, Verdict, without_personal_data
from dispatcher_service.gate import Gate
from dispatcher_service.ports import Composer, Provider
from servicekit import failpoint
from servicekit.breaker import Breaker, BreakerOpen
from servicekit.clock import Clock
from servicekit.runtime import Backoff


@dataclass(frozen=True, slots=True)
class Tries:
    """How often one message is tried within one dispatch."""

    most: int
    backoff: Backoff
    #: Whether a message that may have been taken in is sent again, under the same key.
    repeat_unsure: bool

    def repeats(self, verdict: Verdict, calls: int) -> bool:
        return calls < self.most and (verdict is Verdict.REFUSED or (verdict is Verdict.UNSURE and self.repeat_unsure))


class ProviderFailing(Exception):
    """Tells the breaker of an answer that speaks against the provider."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


_NOT_CALLED = Answer(Verdict.NOT_TRIED)


@dataclass(slots=True)
class _Record:
    """What is known of one message so far."""

    answer: Answer = _NOT_CALLED
    calls: int = 0
    unsure: bool = False
    dispatched_at: datetime | None = None
    responded_at: datetime | None = None


class Courier:
    """Composes one message and tries to hand it over, a few times, within a deadline."""

    def __init__(self, composer: Composer, provider: Provider, breaker: Breaker, gate: Gate, clock: Clock, tries: Tries) -> None:
        self._composer = composer
        self._provider = provider
        self._breaker = breaker
        self._gate = gate
        self._clock = clock
        self._tries = tries
        self._call_seconds = metrics.CALL_SECONDS.labels(provider.name)
        self._calls = {verdict: metrics.CALLS.labels(provider.name, verdict.value) for verdict in Verdict}

    async def deliver(self, due: Due, deadline: float) -> Result:
        """Never raises but for a defect or cancellation; `deadline` is monotonic."""
        try:
            letter = self._composer.compose(due)
        except CannotCompose as error:
            detail = without_personal_data(error.detail, due.first_name, due.last_name)
            return Result(due.index, due.kind, Verdict.PERMANENT, reason=error.reason, detail=detail)
        return self._result(due, await self._try(letter, deadline))

    async def _try(self, letter: Letter, deadline: float) -> _Record:
        record = _Record()
        while True:
            answer = await self._try_once(letter, deadline, record)
            if answer.verdict is Verdict.NOT_TRIED and record.calls:
                return record  # the last call's answer stays the news
            record.answer = answer
            if not self._tries.repeats(answer.verdict, record.calls):
                return record
            if not await self._gate.rest(max(answer.pause_seconds, self._tries.backoff.seconds(record.calls)), deadline):
                return record

    async def _try_once(self, letter: Letter, deadline: float, record: _Record) -> Answer:
        refused = await self._gate.enter(deadline)
        if refused is not None:
            return refused
        try:
            return await self._call(letter, deadline, record)
        finally:
            self._gate.leave()

    async def _call(self, letter: Letter, deadline: float, record: _Record) -> Answer:
        try:
            with self._breaker.guard():
                answer = await self._send(letter, deadline, record)
                if answer.failing:
                    raise ProviderFailing(answer)
        except ProviderFailing as failing:
            answer = failing.answer
        except BreakerOpen:
            return Answer(Verdict.NOT_TRIED, "breaker_open", pause_seconds=self._breaker.seconds_until_probe)
        record.unsure |= answer.verdict is Verdict.UNSURE
        if answer.pause_seconds:
            self._gate.pause(self._provider.name, answer.pause_seconds)
        return answer

    async def _send(self, letter: Letter, deadline: float, record: _Record) -> Answer:
        record.calls += 1
        record.dispatched_at = self._clock.now()
        started = self._clock.monotonic()
        await failpoint.reach("dispatcher.before_send")
        answer = await self._provider.send(letter, self._gate.call_seconds(deadline))
        await failpoint.reach("dispatcher.after_send")
        record.responded_at = self._clock.now()
        self._call_seconds.observe(self._clock.monotonic() - started)
        self._calls[answer.verdict].inc()
        return answer

    def _result(self, due: Due, record: _Record) -> Result:
        answer = record.answer
        return Result(
            index=due.index,
            kind=due.kind,
            verdict=answer.verdict,
            provider=self._provider.name if record.calls else "",
            provider_message_id=answer.provider_message_id,
            reason=answer.reason,
            detail=without_personal_data(answer.detail, due.first_name, due.last_name) if answer.detail else "",
            call_count=record.calls,
            dispatched_at=record.dispatched_at,
            responded_at=record.responded_at,
            retry_after_seconds=0 if answer.verdict is Verdict.ACCEPTED else answer.pause_seconds,
            unsure=record.unsure,
        )
