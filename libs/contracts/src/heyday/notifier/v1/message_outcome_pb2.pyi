import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MessageOutcome(_message.Message):
    __slots__ = ("id", "revision", "user_id", "result", "unsure", "attempt", "provider", "provider_message_id", "sent_time", "variant", "next_attempt_time", "reason", "traceparent")
    class Result(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RESULT_UNSPECIFIED: _ClassVar[MessageOutcome.Result]
        SENT: _ClassVar[MessageOutcome.Result]
        RETRY: _ClassVar[MessageOutcome.Result]
        FAILED: _ClassVar[MessageOutcome.Result]
        CANCELLED: _ClassVar[MessageOutcome.Result]
        EXPIRED: _ClassVar[MessageOutcome.Result]
        HELD: _ClassVar[MessageOutcome.Result]
        UNCERTAIN: _ClassVar[MessageOutcome.Result]
    RESULT_UNSPECIFIED: MessageOutcome.Result
    SENT: MessageOutcome.Result
    RETRY: MessageOutcome.Result
    FAILED: MessageOutcome.Result
    CANCELLED: MessageOutcome.Result
    EXPIRED: MessageOutcome.Result
    HELD: MessageOutcome.Result
    UNCERTAIN: MessageOutcome.Result
    ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    UNSURE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    SENT_TIME_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    revision: int
    user_id: bytes
    result: MessageOutcome.Result
    unsure: bool
    attempt: int
    provider: str
    provider_message_id: str
    sent_time: _timestamp_pb2.Timestamp
    variant: str
    next_attempt_time: _timestamp_pb2.Timestamp
    reason: str
    traceparent: str
    def __init__(self, id: _Optional[bytes] = ..., revision: _Optional[int] = ..., user_id: _Optional[bytes] = ..., result: _Optional[_Union[MessageOutcome.Result, str]] = ..., unsure: _Optional[bool] = ..., attempt: _Optional[int] = ..., provider: _Optional[str] = ..., provider_message_id: _Optional[str] = ..., sent_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., variant: _Optional[str] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...
