"""Handing due messages over for sending: *emit*, and its repetition by *recover*."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from functools import lru_cache

from occasions.civil import CivilDate
from occasions.occasion import Occasion, Variant
from scheduler_service.ports import Addressee, Backlog, DueMessage, DueTopic, Emission, Emitted, Queued
from servicekit import failpoint

EmissionUnit = Callable[[], AbstractAsyncContextManager[Emission]]


class Emitter:
    """Emits in batches of one transaction each: claim, produce, wait for the acknowledgements, mark, commit."""

    def __init__(self, unit: EmissionUnit, topic: DueTopic, kinds: Mapping[str, Occasion], batch: int) -> None:
        self._unit = unit
        self._topic = topic
        self._kinds = kinds
        self._batch = batch

    async def emit(self) -> int:
        """Emit all that is due, and return how many messages that was. Safe to run in several places at once."""
        emitted = 0
        while count := await self._emit_batch():
            emitted += count
        return emitted

    async def next_due(self, after: int) -> int | None:
        """The instant (Unix microseconds) at which the next message waits to be emitted."""
        async with self._unit() as emission:
            return await emission.next_due(after)

    async def emit_lost(self, backlog: Backlog, patience: timedelta) -> AsyncIterator[int]:
        """Emit again, under the same revision, what has waited for its outcome this long, and not on the topic; yield how many, by page."""
        unread = await backlog.unread_since()
        after: Queued | None = None
        while page := await self._queued(patience, after):
            after = page[-1]
            lost = [queued.id for queued in page if _is_lost(queued, unread.get(backlog.partition_of(queued.user_id)))]
            yield await self._emit_again(lost) if lost else 0

    async def _emit_batch(self) -> int:
        async with self._unit() as emission:
            claimed = await emission.claim_due(self._batch)
            messages = _one_per_slot(claimed.messages)
            if not messages:
                return 0
            await failpoint.reach("scheduler.emit.after_claim")
            addressees = await emission.addressees([message.user_id for message in messages])
            emitted = [self._emitted(message, addressees[message.user_id], claimed.now) for message in messages]
            await self._topic.produce(emitted)
            await failpoint.reach("scheduler.emit.after_produce")
            await emission.mark_queued([(e.message, e.variant) for e in emitted])
        return len(messages)

    async def _queued(self, patience: timedelta, after: Queued | None) -> list[Queued]:
        async with self._unit() as emission:
            return await emission.queued(patience, after, self._batch)

    async def _emit_again(self, ids: Sequence[bytes]) -> int:
        async with self._unit() as emission:
            claimed = await emission.claim_again(ids)
            if not claimed.messages:
                return 0
            addressees = await emission.addressees([message.user_id for message in claimed.messages])
            await self._topic.produce([self._again(message, addressees[message.user_id]) for message in claimed.messages])
            await emission.mark_again([message.id for message in claimed.messages])
        return len(claimed.messages)

    def _emitted(self, message: DueMessage, to: Addressee, now: int) -> Emitted:
        variant = variant_at(message, now)
        return Emitted(message, to, variant, not_after(message, variant), self._years(message))

    def _again(self, message: DueMessage, to: Addressee) -> Emitted:
        return Emitted(message, to, message.variant, not_after(message, message.variant), self._years(message), recovered=True)

    def _years(self, message: DueMessage) -> int:
        return _years(self._kinds[message.kind], message.year, message.month, message.day, message.local_date)


def variant_at(message: DueMessage, now: int) -> str:
    """The text to send: belated from the end of the local day on. While unsure it is kept, for its key allows no other."""
    if message.unsure and message.variant:
        return message.variant
    return Variant.BELATED if now >= message.late_until_at else Variant.ON_THE_DAY


def not_after(message: DueMessage, variant: str) -> int:
    """The latest instant for that text."""
    return message.expires_at if variant == Variant.BELATED or message.unsure else message.late_until_at


@lru_cache(maxsize=4096)  # A batch is mostly of one day, and of few years of birth.
def _years(occasion: Occasion, year: int | None, month: int, day: int, local_date: date) -> int:
    return occasion.years(CivilDate(year, month, day), local_date)


def _one_per_slot(messages: Sequence[DueMessage]) -> list[DueMessage]:
    # Two messages of one year may both wait: the first takes the slot in this transaction; from then on the claim passes the other over.
    first: dict[tuple[bytes, str], DueMessage] = {}
    for message in messages:
        first.setdefault((message.user_id, message.kind), message)
    return list(first.values())


def _is_lost(queued: Queued, unread_since: datetime | None) -> bool:
    return unread_since is None or queued.queued_at < unread_since.timestamp() * 1_000_000
