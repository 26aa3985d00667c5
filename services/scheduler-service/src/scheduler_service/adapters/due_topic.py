"""The topic of due messages."""

from collections.abc import Sequence
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp

from heyday.scheduler.v1.message_due_pb2 import MessageDue
from scheduler_service.ports import Emitted
from servicekit.kafka import Producer, Record, traceparent

TOPIC = "heyday.scheduler.v1.message-due"


class KafkaDueTopic:
    """The DueTopic port; records are keyed by the user's id, 16 bytes."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    async def produce(self, messages: Sequence[Emitted]) -> None:
        trace = traceparent()
        await self._producer.produce([_record(message, trace) for message in messages])


def _record(emitted: Emitted, trace: str) -> Record:
    message, to = emitted.message, emitted.addressee
    value = MessageDue(
        id=message.id,
        revision=message.revision,
        user_id=message.user_id,
        kind=message.kind,
        variant=emitted.variant,
        due_time=_timestamp(message.due_at),
        not_before_time=_timestamp(message.due_at),
        not_after_time=_timestamp(emitted.not_after),
        expire_time=_timestamp(message.expires_at),
        email=to.email,
        first_name=to.first_name,
        last_name=to.last_name,
        locale=to.locale,
        timezone=message.timezone,
        years=emitted.years,
        recovered=emitted.recovered,
        traceparent=trace,
        replay=message.replay,
    )
    return Record(TOPIC, message.user_id, value.SerializeToString())


@lru_cache(maxsize=1024)  # Messages of one burst share their instants; a field takes a copy.
def _timestamp(microseconds: int) -> Timestamp:
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)
