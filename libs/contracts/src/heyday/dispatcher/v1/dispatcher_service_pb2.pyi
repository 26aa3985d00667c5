import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DispatchRequest(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, messages: _Optional[_Iterable[bytes]] = ...) -> None: ...

class DispatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[DispatchResult]
    def __init__(self, results: _Optional[_Iterable[_Union[DispatchResult, _Mapping]]] = ...) -> None: ...

class DispatchResult(_message.Message):
    __slots__ = ("index", "result", "provider", "provider_message_id", "reason", "detail", "call_count", "dispatch_time", "response_time", "retry_after", "unsure")
    class Result(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RESULT_UNSPECIFIED: _ClassVar[DispatchResult.Result]
        ACCEPTED: _ClassVar[DispatchResult.Result]
        REFUSED: _ClassVar[DispatchResult.Result]
        PERMANENT: _ClassVar[DispatchResult.Result]
        UNSURE: _ClassVar[DispatchResult.Result]
        NOT_TRIED: _ClassVar[DispatchResult.Result]
    RESULT_UNSPECIFIED: DispatchResult.Result
    ACCEPTED: DispatchResult.Result
    REFUSED: DispatchResult.Result
    PERMANENT: DispatchResult.Result
    UNSURE: DispatchResult.Result
    NOT_TRIED: DispatchResult.Result
    INDEX_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    CALL_COUNT_FIELD_NUMBER: _ClassVar[int]
    DISPATCH_TIME_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_TIME_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    UNSURE_FIELD_NUMBER: _ClassVar[int]
    index: int
    result: DispatchResult.Result
    provider: str
    provider_message_id: str
    reason: str
    detail: str
    call_count: int
    dispatch_time: _timestamp_pb2.Timestamp
    response_time: _timestamp_pb2.Timestamp
    retry_after: _duration_pb2.Duration
    unsure: bool
    def __init__(self, index: _Optional[int] = ..., result: _Optional[_Union[DispatchResult.Result, str]] = ..., provider: _Optional[str] = ..., provider_message_id: _Optional[str] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., call_count: _Optional[int] = ..., dispatch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., response_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., unsure: _Optional[bool] = ...) -> None: ...
