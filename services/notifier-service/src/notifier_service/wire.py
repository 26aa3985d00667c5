"""Values as protobuf messages, for the wire and for what is kept as bytes."""

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from heyday.notifier.v1 import delivery_pb2
from heyday.notifier.v1.message_outcome_pb2 import MessageOutcome
from notifier_service.domain import Attempt, DeadLetter, Entry, Outcome, State


@lru_cache(maxsize=2048)  # The same goes to Kafka and, a moment later, to Redis.
def outcome_bytes(outcome: Outcome) -> bytes:
    return MessageOutcome(
        id=outcome.id,
        revision=outcome.revision,
        user_id=outcome.user_id,
        result=outcome.result.value,
        unsure=outcome.unsure,
        attempt=outcome.attempts,
        provider=outcome.provider,
        provider_message_id=outcome.provider_message_id,
        sent_time=_timestamp(outcome.sent_us),
        variant=outcome.variant,
        next_attempt_time=_timestamp(outcome.next_attempt_us),
        reason=outcome.reason,
        traceparent=outcome.traceparent,
    ).SerializeToString()


def outcome_from(value: bytes) -> Outcome:
    """The reverse of `outcome_bytes`. Raises DecodeError or ValueError."""
    record = MessageOutcome.FromString(value)
    return Outcome(
        id=record.id,
        revision=record.revision,
        user_id=record.user_id,
        result=State(MessageOutcome.Result.Name(record.result)),
        unsure=record.unsure,
        attempts=record.attempt,
        provider=record.provider,
        provider_message_id=record.provider_message_id,
        sent_us=record.sent_time.ToMicroseconds() if record.HasField("sent_time") else None,
        variant=record.variant,
        next_attempt_us=record.next_attempt_time.ToMicroseconds() if record.HasField("next_attempt_time") else None,
        reason=record.reason,
        traceparent=record.traceparent,
    )


def dead_letter_message(letter: DeadLetter) -> delivery_pb2.DeadLetter:
    return delivery_pb2.DeadLetter(
        id=str(UUID(bytes=letter.id)),
        user_id=str(UUID(bytes=letter.user_id)),
        kind=letter.kind,
        local_date=letter.local_date.isoformat(),
        revision=letter.revision,
        reason=letter.reason,
        detail=letter.detail,
        attempt_count=letter.attempts,
        provider=letter.provider,
        unsure=letter.unsure,
        create_time=_timestamp(letter.created_us),
    )


def delivery_message(entry: Entry, attempts: Sequence[Attempt] = ()) -> delivery_pb2.Delivery:
    return delivery_pb2.Delivery(
        id=str(UUID(bytes=entry.id)),
        user_id=str(UUID(bytes=entry.user_id)),
        kind=entry.kind,
        local_date=entry.local_date.isoformat(),
        state=entry.state.value,
        revision=entry.revision,
        cancelled_revision=entry.tomb,
        unsure=entry.unsure,
        attempt_count=entry.attempts,
        provider=entry.provider,
        provider_message_id=entry.provider_message_id,
        reason=entry.reason,
        lease_end_time=_timestamp(entry.lease_until_us if entry.state is State.CLAIMED else None),
        next_attempt_time=_timestamp(entry.next_attempt_us),
        sent_time=_timestamp(entry.sent_us),
        create_time=_timestamp(entry.created_us),
        update_time=_timestamp(entry.updated_us),
        attempts=map(_attempt_message, attempts),
    )


def _attempt_message(attempt: Attempt) -> delivery_pb2.Attempt:
    return delivery_pb2.Attempt(
        number=attempt.number,
        revision=attempt.revision,
        dispatch_time=_timestamp(attempt.dispatched_us),
        response_time=_timestamp(attempt.responded_us),
        provider=attempt.provider,
        result=attempt.result.value,
        reason=attempt.reason,
        call_count=attempt.calls,
    )


def _timestamp(microseconds: int | None) -> Timestamp | None:
    """Set a field to None and it stays absent."""
    if microseconds is None:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)
