import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LeapDayRule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEAP_DAY_RULE_UNSPECIFIED: _ClassVar[LeapDayRule]
    FEB_28: _ClassVar[LeapDayRule]
    MAR_1: _ClassVar[LeapDayRule]
    LEAP_YEARS_ONLY: _ClassVar[LeapDayRule]
LEAP_DAY_RULE_UNSPECIFIED: LeapDayRule
FEB_28: LeapDayRule
MAR_1: LeapDayRule
LEAP_YEARS_ONLY: LeapDayRule

class User(_message.Message):
    __slots__ = ("id", "external_id", "first_name", "last_name", "email", "timezone", "birthday", "anniversary", "leap_day_rule", "locale", "suppressed_occasions", "version", "create_time", "update_time", "delete_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    BIRTHDAY_FIELD_NUMBER: _ClassVar[int]
    ANNIVERSARY_FIELD_NUMBER: _ClassVar[int]
    LEAP_DAY_RULE_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    SUPPRESSED_OCCASIONS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DELETE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    external_id: str
    first_name: str
    last_name: str
    email: str
    timezone: str
    birthday: str
    anniversary: str
    leap_day_rule: LeapDayRule
    locale: str
    suppressed_occasions: _containers.RepeatedScalarFieldContainer[str]
    version: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    delete_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., external_id: _Optional[str] = ..., first_name: _Optional[str] = ..., last_name: _Optional[str] = ..., email: _Optional[str] = ..., timezone: _Optional[str] = ..., birthday: _Optional[str] = ..., anniversary: _Optional[str] = ..., leap_day_rule: _Optional[_Union[LeapDayRule, str]] = ..., locale: _Optional[str] = ..., suppressed_occasions: _Optional[_Iterable[str]] = ..., version: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delete_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
