from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from scheduler_service.adapters.memory.emit import waiting
from scheduler_service.adapters.memory.tables import MemoryStore, Tables
from scheduler_service.domain import Question, Reason, Transition, after


@asynccontextmanager
async def recovery(clock: Callable[[], datetime], tables: Tables) -> AsyncIterator["MemoryRecovery"]:
    """The Recovery port in a new transaction."""
    async with tables.transaction():
        yield MemoryRecovery(clock, tables)


class MemoryRecovery(MemoryStore):
    """The Recovery port within a transaction."""

    async def expire(self, limit: int) -> int:
        now = self.clock()
        over = [message for message in waiting(self.tables) if message.send_at <= now and message.moments.expires_at <= now]
        gone = sorted(over, key=lambda message: message.send_at)[:limit]
        for message in gone:
            state, asked = after(Transition.EXPIRED, message.state), message.revision
            self.tables.change(message, now, state=state, asked_revision=asked, revision=asked + 1, reason=Reason.PAST_BUDGET)
            self.tables.ask([Question(message.id, message.user_id, asked)], now)
        return len(gone)

    async def ask_again(self, asked_before: timedelta, limit: int) -> int:
        now = self.clock()
        asked = ((self.tables.asked_at[message.id], message) for message in self.tables.messages.where("asked", True))
        old = sorted(((at, m.id) for at, m in asked if at < now - asked_before), key=lambda pair: pair[0])[:limit]
        for _, identity in old:
            message = self.tables.messages[identity]
            self.tables.ask([Question(identity, message.user_id, message.asked_revision)], now)
        return len(old)

    async def overdue(self, by: timedelta) -> int:
        return sum(message.send_at < self.clock() - by for message in waiting(self.tables))
