"""What people ask of the ledger."""

from collections.abc import Sequence
from uuid import UUID

from notifier_service.domain import Attempt, DeadLetter, Entry, State, Tried
from notifier_service.ports import DeliveryReader, Page
from occasions.identity import local_date_of
from servicekit.errors import NotFound


class DeliveryNotFound(NotFound):
    """There is no delivery of this id: its message has not come to be sent, or is older than what is kept."""


class DeadLetterNotFound(NotFound):
    """There is no dead letter of this id: its message was not given up, or is being tried again."""


class Inquiry:
    """Reads for the gRPC edge."""

    def __init__(self, reader: DeliveryReader) -> None:
        self._reader = reader

    async def delivery(self, id_: UUID) -> tuple[Entry, list[Attempt]]:
        """Raises DeliveryNotFound."""
        local_date = local_date_of(id_)
        entry = await self._reader.delivery(id_.bytes, local_date)
        if entry is None:
            raise DeliveryNotFound
        kept = await self._reader.attempts(id_.bytes, local_date)
        return entry, kept + _sent_at_first_call(entry, kept)

    async def deliveries(self, page: Page, user_id: bytes | None, state: State | None) -> list[Entry]:
        return await self._reader.deliveries(page, user_id, state)

    async def dead_letter(self, id_: UUID) -> DeadLetter:
        """Raises DeadLetterNotFound."""
        letter = await self._reader.dead_letter(id_.bytes)
        if letter is None:
            raise DeadLetterNotFound
        return letter

    async def dead_letters(self, page: Page, user_id: bytes | None, reason: str) -> list[DeadLetter]:
        return await self._reader.list_dead_letters(page, user_id, reason)


def _sent_at_first_call(entry: Entry, kept: Sequence[Attempt]) -> list[Attempt]:
    """The attempt of which no row is kept, told from its entry; those kept beside it were made before a replay."""
    if entry.state is not State.SENT or any(attempt.result is Tried.ACCEPTED for attempt in kept):
        return []
    return [
        Attempt(
            number=entry.attempts,
            revision=entry.revision,
            fence=entry.fence,
            result=Tried.ACCEPTED,
            provider=entry.provider,
            reason="",
            calls=1,
            dispatched_us=None,
            responded_us=entry.sent_us,
        )
    ]
