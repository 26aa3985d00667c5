import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Message(_message.Message):
    __slots__ = ("id", "user_id", "kind", "local_date", "state", "revision", "due_time", "schedule_time", "late_until_time", "expire_time", "timezone", "tzdata_version", "variant", "attempt_count", "unsure", "reason", "provider", "provider_message_id", "sent_time", "lateness_seconds", "create_time", "update_time", "zone_rule")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Message.State]
        SCHEDULED: _ClassVar[Message.State]
        QUEUED: _ClassVar[Message.State]
        SENT: _ClassVar[Message.State]
        RETRYING: _ClassVar[Message.State]
        FAILED: _ClassVar[Message.State]
        CANCELLED: _ClassVar[Message.State]
        EXPIRED: _ClassVar[Message.State]
        SUPPRESSED: _ClassVar[Message.State]
        UNCERTAIN: _ClassVar[Message.State]
    STATE_UNSPECIFIED: Message.State
    SCHEDULED: Message.State
    QUEUED: Message.State
    SENT: Message.State
    RETRYING: Message.State
    FAILED: Message.State
    CANCELLED: Message.State
    EXPIRED: Message.State
    SUPPRESSED: Message.State
    UNCERTAIN: Message.State
    ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LOCAL_DATE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_TIME_FIELD_NUMBER: _ClassVar[int]
    LATE_UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    TZDATA_VERSION_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNSURE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    SENT_TIME_FIELD_NUMBER: _ClassVar[int]
    LATENESS_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ZONE_RULE_FIELD_NUMBER: _ClassVar[int]
    id: str
    user_id: str
    kind: str
    local_date: str
    state: Message.State
    revision: int
    due_time: _timestamp_pb2.Timestamp
    schedule_time: _timestamp_pb2.Timestamp
    late_until_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    timezone: str
    tzdata_version: str
    variant: str
    attempt_count: int
    unsure: bool
    reason: str
    provider: str
    provider_message_id: str
    sent_time: _timestamp_pb2.Timestamp
    lateness_seconds: float
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    zone_rule: str
    def __init__(self, id: _Optional[str] = ..., user_id: _Optional[str] = ..., kind: _Optional[str] = ..., local_date: _Optional[str] = ..., state: _Optional[_Union[Message.State, str]] = ..., revision: _Optional[int] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., schedule_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., late_until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., timezone: _Optional[str] = ..., tzdata_version: _Optional[str] = ..., variant: _Optional[str] = ..., attempt_count: _Optional[int] = ..., unsure: _Optional[bool] = ..., reason: _Optional[str] = ..., provider: _Optional[str] = ..., provider_message_id: _Optional[str] = ..., sent_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lateness_seconds: _Optional[float] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., zone_rule: _Optional[str] = ...) -> None: ...
