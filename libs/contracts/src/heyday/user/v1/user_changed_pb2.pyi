import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from heyday.user.v1 import user_pb2 as _user_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UserChanged(_message.Message):
    __slots__ = ("user", "epoch", "change_time", "birthday_known_time", "anniversary_known_time", "erased", "traceparent")
    USER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    BIRTHDAY_KNOWN_TIME_FIELD_NUMBER: _ClassVar[int]
    ANNIVERSARY_KNOWN_TIME_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    user: _user_pb2.User
    epoch: int
    change_time: _timestamp_pb2.Timestamp
    birthday_known_time: _timestamp_pb2.Timestamp
    anniversary_known_time: _timestamp_pb2.Timestamp
    erased: bool
    traceparent: str
    def __init__(self, user: _Optional[_Union[_user_pb2.User, _Mapping]] = ..., epoch: _Optional[int] = ..., change_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., birthday_known_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., anniversary_known_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., erased: _Optional[bool] = ..., traceparent: _Optional[str] = ...) -> None: ...
