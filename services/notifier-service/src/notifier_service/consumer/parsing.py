"""From a record's bytes to a value, or a reason why not."""

from datetime import date
from functools import lru_cache
from uuid import UUID

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from heyday.scheduler.v1.message_cancelled_pb2 import MessageCancelled
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from notifier_service.domain import Cancellation, Due, content_digest
from occasions.identity import local_date_of
from servicekit.kafka import Unreadable

ID_BYTES = 16
UUID_VERSION = 8
_REST_OF_AN_ID = bytes.fromhex("000080008000000000000000")
TIMES_OF_DUE = ("not_before_time", "not_after_time", "expire_time")


def parse_due(value: bytes) -> Due:
    """Raises Unreadable."""
    record = MessageDue()
    _decode(record, value)
    _check_ids(record.id, record.user_id, record.revision)
    _check_due(record)
    return Due(
        id=record.id,
        local_date=_local_date(record.id),
        revision=record.revision,
        user_id=record.user_id,
        kind=record.kind,
        variant=record.variant,
        not_before_us=_microseconds(record.not_before_time),
        not_after_us=_microseconds(record.not_after_time),
        expires_us=_microseconds(record.expire_time),
        digest=_digest(record),
        replay=record.replay,
        recovered=record.recovered,
        traceparent=record.traceparent,
        payload=value,
    )


def parse_cancelled(value: bytes) -> Cancellation:
    """Raises Unreadable."""
    record = MessageCancelled()
    _decode(record, value)
    _check_ids(record.id, record.user_id, record.revision)
    return Cancellation(record.id, _local_date(record.id), record.revision, record.user_id, record.traceparent)


def _decode(record: MessageDue | MessageCancelled, value: bytes) -> None:
    try:
        record.ParseFromString(value)
    except DecodeError as error:
        raise Unreadable("no such message") from error


def _check_ids(id_: bytes, user_id: bytes, revision: int) -> None:
    if len(id_) != ID_BYTES or len(user_id) != ID_BYTES:
        raise Unreadable("an id is not 16 bytes")
    if revision < 1:
        raise Unreadable("the revision is not positive")


def _check_due(record: MessageDue) -> None:
    if not (record.kind and record.variant and record.email and all(map(record.HasField, TIMES_OF_DUE))):
        missing = [name for name in ("kind", "variant", "email") if not getattr(record, name)]
        missing += [name for name in TIMES_OF_DUE if not record.HasField(name)]
        raise Unreadable(f"without {', '.join(missing)}")
    if "\x00" in record.kind + record.variant:
        raise Unreadable("a null character in a name")


def _local_date(id_: bytes) -> date:
    if id_[6] >> 4 != UUID_VERSION:
        raise Unreadable("the id is not a message's")
    try:
        return _local_date_in(id_[:4])
    except ValueError as error:
        raise Unreadable("the id names no date") from error


@lru_cache(maxsize=4096)
def _local_date_in(first_bytes: bytes) -> date:
    """A batch has few dates, and many ids of each."""
    return local_date_of(UUID(bytes=first_bytes + _REST_OF_AN_ID))


def _digest(record: MessageDue) -> bytes:
    return content_digest(record.email, record.kind, record.variant, record.locale, record.first_name, record.last_name, str(record.years))


def _microseconds(timestamp: Timestamp) -> int:
    return timestamp.seconds * 1_000_000 + timestamp.nanos // 1000
