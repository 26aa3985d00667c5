"""Records of other services as values of this one."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from heyday.notifier.v1.message_outcome_pb2 import MessageOutcome
from heyday.user.v1.user_changed_pb2 import UserChanged
from heyday.user.v1.user_pb2 import LeapDayRule, User
from occasions.civil import CivilDate
from scheduler_service.domain import Recipient
from scheduler_service.outcomes import Outcome, Result
from servicekit.kafka import Unreadable

_DEFAULT_LOCALE = "en"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RESULTS = {MessageOutcome.Result.Value(result.value): result for result in Result}
# A date whose snapshot does not say since when it is known: it is always known too late, and nothing is sent for it.
_NEVER = datetime.max.replace(tzinfo=UTC)


def user_changed(value: bytes) -> Recipient:
    try:
        event = UserChanged.FromString(value)
        recipient = _recipient(event, event.user)
    except (DecodeError, ValueError) as error:
        raise Unreadable(f"not a readable snapshot of a user: {type(error).__name__}") from error
    user = event.user
    _refuse_null(user.email, user.first_name, user.last_name, user.locale, user.timezone, *user.suppressed_occasions)
    return recipient


def message_outcome(value: bytes) -> Outcome:
    try:
        outcome = _outcome(MessageOutcome.FromString(value))
    except (DecodeError, ValueError) as error:
        raise Unreadable(f"not a readable MessageOutcome: {type(error).__name__}") from error
    _refuse_null(outcome.provider, outcome.provider_message_id, outcome.variant, outcome.reason)
    return outcome


def _refuse_null(*texts: str) -> None:
    # Postgres keeps none; and the consumer would stop at this record for ever.
    if "\0" in "".join(texts):
        raise Unreadable("a null character in a text")


def _recipient(event: UserChanged, user: User) -> Recipient:
    if event.erased:
        return Recipient(UUID(user.id), event.epoch, user.version, deleted=True, erased=True)
    given = {"birthday": (user.birthday, event.birthday_known_time), "anniversary": (user.anniversary, event.anniversary_known_time)}
    # Read here, so that a date that is none is found before the transaction.
    dates = {name: str(CivilDate.parse(text)) for name, (text, _) in given.items() if text}
    return Recipient(
        UUID(user.id),
        event.epoch,
        user.version,
        user.email,
        user.first_name,
        user.last_name,
        user.locale or _DEFAULT_LOCALE,
        user.timezone,
        dates,
        {name: _instant(known) or _instant(event.change_time) or _NEVER for name, (_, known) in given.items() if name in dates},
        LeapDayRule.Name(user.leap_day_rule or LeapDayRule.FEB_28),
        frozenset(user.suppressed_occasions),
        deleted=user.HasField("delete_time"),
    )


def _outcome(record: MessageOutcome) -> Outcome:
    if record.result not in _RESULTS:
        raise ValueError("no result that is known here")
    return Outcome(
        UUID(bytes=record.id),
        record.revision,
        _RESULTS[record.result],
        record.unsure,
        record.attempt,
        record.provider,
        record.provider_message_id,
        _instant(record.sent_time) if record.HasField("sent_time") else None,
        record.variant,
        _instant(record.next_attempt_time) if record.HasField("next_attempt_time") else None,
        record.reason,
    )


def _instant(timestamp: Timestamp) -> datetime | None:
    """None for no time. A third of the price of ToDatetime, which is paid for each message. Raises ValueError."""
    if not timestamp.seconds and not timestamp.nanos:
        return None
    try:
        return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
    except OverflowError:
        raise ValueError("a time beyond the calendar") from None
