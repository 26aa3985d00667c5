"""The record that asks the ledger not to send a message, and whether it has."""

from google.protobuf.timestamp_pb2 import Timestamp

from heyday.scheduler.v1.message_cancelled_pb2 import MessageCancelled
from servicekit.kafka import Record, traceparent

TOPIC = "heyday.scheduler.v1.message-cancelled"


def question(message_id: bytes, revision: int, user_id: bytes, asked_at: int) -> Record:
    """Ids as 16 bytes, the instant as Unix microseconds; `revision` is the highest that must not be sent."""
    seconds, microseconds = divmod(asked_at, 1_000_000)
    value = MessageCancelled(
        id=message_id,
        revision=revision,
        user_id=user_id,
        cancel_time=Timestamp(seconds=seconds, nanos=microseconds * 1000),
        traceparent=traceparent(),
    )
    return Record(TOPIC, user_id, value.SerializeToString())
