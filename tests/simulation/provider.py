"""A provider that honours keys, and fails in all the ways that providers have."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from dispatcher_service.domain import Answer, Letter, Verdict
from simulation.chance import Chance
from simulation.story import Story
from simulation.virtual import VirtualClock

KEY_LIFETIME = timedelta(hours=24)
#: Share of the letters that it will never take.
REFUSED_FOR_GOOD = 0.003


@dataclass
class Taken:
    """What arrived under one key."""

    #: Of the last greeting: address and text.
    body: tuple[str, str] = ("", "")
    message_id: str = ""
    accepted_at: list[datetime] = field(default_factory=list)
    greetings: int = 0
    other_bodies: int = 0
    calls: int = 0


class SimulatedProvider:
    """The Provider port. What has left the caller arrives, whether or not anybody still waits for the answer."""

    name = "simulated"

    def __init__(self, clock: VirtualClock, chance: Chance, story: Story) -> None:
        self._clock = clock
        self._chance = chance
        self._story = story
        self.taken: dict[UUID, Taken] = {}
        self.failing_until = 0.0
        self.calls = 0

    async def send(self, letter: Letter, timeout_seconds: float) -> Answer:
        self.calls += 1
        answer = await self._refusal() or await self._call(letter, timeout_seconds)
        self._story.tell(UUID(letter.key), f"provider: answers {answer.verdict} {answer.reason}")
        return answer

    async def close(self) -> None:
        pass

    async def _refusal(self) -> Answer | None:
        if self._clock.monotonic() < self.failing_until or self._chance.happens(0.04, "provider: refused"):
            await asyncio.sleep(0.05)
            pause = self._chance.random.choice((0, 0, 0, 1, 60))
            return Answer(Verdict.REFUSED, "http_503", failing=True, pause_seconds=pause)
        if self._chance.happens(REFUSED_FOR_GOOD, "provider: permanently refused"):
            return Answer(Verdict.PERMANENT, "http_422")
        return None

    async def _call(self, letter: Letter, timeout_seconds: float) -> Answer:
        on_the_way = self._chance.random.uniform(0.01, 0.3)
        if self._chance.happens(0.02, "provider: slow"):
            on_the_way = self._chance.random.uniform(0.3, 9.0)
        if self._chance.happens(0.01, "provider: request lost"):
            return await self._unanswered(timeout_seconds)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        loop.call_later(on_the_way, lambda: answer.set_result(self._take_in(letter)))
        if on_the_way > timeout_seconds or self._chance.happens(0.03, "provider: answer lost"):
            return await self._unanswered(timeout_seconds)
        await asyncio.sleep(on_the_way + 0.01)
        return await answer

    async def _unanswered(self, timeout_seconds: float) -> Answer:
        await asyncio.sleep(self._chance.random.choice((0.4, timeout_seconds)))
        return Answer(Verdict.UNSURE, "no_answer", failing=True)

    def _take_in(self, letter: Letter) -> Answer:
        key, now, body = UUID(letter.key), self._clock.now(), (letter.email, letter.text)
        taken = self.taken.setdefault(key, Taken())
        taken.calls += 1
        if taken.accepted_at and now - taken.accepted_at[-1] < KEY_LIFETIME:
            if taken.body != body:
                taken.other_bodies += 1
                self._story.tell(key, "provider: known key with another body, nothing sent")
                return Answer(Verdict.PERMANENT, "http_422")
            self._story.tell(key, "provider: known key, nothing sent")
        else:
            taken.greetings += 1
            taken.body, taken.message_id = body, f"{key}-{taken.greetings}"
            taken.accepted_at.append(now)
            self._story.tell(key, "provider: greeted")
        return Answer(Verdict.ACCEPTED, provider_message_id=taken.message_id)
